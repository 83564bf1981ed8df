"""Counterfactual denoising UNet: 3-D CNN, four mid blocks of volumetric, metadata and timestep attention.

Follows section 3.3 of the paper. The released code attends within one slice and has no attention over time; here

1. the self-attention is over all voxels of the lowest level,
2. the cross-attention is to metadata tokens (one a field, learnt null each), and
3. "temporal attention aligned with the diffusion timestep" is attention of the voxel tokens to K learnt tokens that an
   MLP makes from the time embedding; a FiLM ResBlock ends each block.

The first level is the latent's full grid with few channels: the stem reads the noisy latent, and going up it is joined
again, so that fine structure does not have to pass the coarse levels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch import nn

from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.training.diffusion import x0_from_velocity
from pcgm_bench.training.layers import Attention
from pcgm_bench.training.layers import BlockStack
from pcgm_bench.training.layers import Conv3d
from pcgm_bench.training.layers import FiLMResBlock
from pcgm_bench.training.layers import ShuffleUp
from pcgm_bench.training.layers import TimeEmbedding
from pcgm_bench.training.layers import make_norm
from pcgm_bench.training.layers import resize
from pcgm_bench.training.people import FIELDS
from pcgm_bench.training.people import MetadataTokens


class MidBlock(nn.Module):
    """Volumetric self-attention, metadata cross-attention, timestep attention, FiLM ResBlock."""

    def __init__(self, config: MGDConfig) -> None:
        super().__init__()
        u, width = config.unet, config.unet.widths[-1]
        self.volumetric = Attention(width, u.heads)
        self.metadata = Attention(width, u.heads, u.token_dim)
        self.timestep = Attention(width, u.heads, u.token_dim)
        self.block = FiLMResBlock(width, width, u.time_dim, config.norm, config.groups, u.mid_hidden)

    def forward(self, x: Tensor, time: Tensor, metadata: Tensor, time_tokens: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        tokens = self.timestep(self.metadata(self.volumetric(tokens), metadata), time_tokens)
        return self.block(tokens.transpose(1, 2).reshape_as(x), time)


class UNetEncoder(nn.Module):
    """Stem, down path and mid stack: the half of the UNet that the ControlNet copies.

    ``forward`` returns the skip of every level (finest first; the lowest level has none) and the mid output.
    """

    def __init__(self, config: MGDConfig) -> None:
        super().__init__()
        u, channels = config.unet, config.encoder.latent_channels
        levels = len(u.widths)
        self.time = TimeEmbedding(u.time_dim)
        self.time_tokens = nn.Sequential(
            nn.Linear(u.time_dim, u.time_dim), nn.SiLU(), nn.Linear(u.time_dim, u.time_tokens * u.token_dim)
        )
        self.token_shape = (u.time_tokens, u.token_dim)
        self.metadata = MetadataTokens(len(FIELDS), u.token_dim)
        self.stem = Conv3d(channels, u.widths[0], u.stem_kernel, padding=u.stem_kernel // 2)
        self.blocks = nn.ModuleList(
            BlockStack(
                FiLMResBlock(width, width, u.time_dim, config.norm, config.groups) for _ in range(u.down_blocks[level])
            )
            for level, width in enumerate(u.widths)
        )
        pad = (u.down_kernel - 1) // 2
        self.downs = nn.ModuleList(
            Conv3d(u.widths[i], u.widths[i + 1], u.down_kernel, stride=2, padding=pad) for i in range(levels - 1)
        )
        lowest = [n // 2 ** (levels - 1) for n in config.latent_shape]
        self.position = nn.Parameter(torch.zeros(1, u.widths[-1], *lowest))
        self.mid = nn.ModuleList(MidBlock(config) for _ in range(u.mid_blocks))

    def forward(
        self, x: Tensor, t: Tensor, condition: Tensor, drop: Tensor | None = None, hint: Tensor | None = None
    ) -> tuple[list[Tensor], Tensor, Tensor]:
        """Skips, mid output and time embedding of ``x`` ``(B, 4, D, H, W)`` at times ``t`` ``(B,)``."""
        time = self.time(t)
        time_tokens = self.time_tokens(time).unflatten(1, self.token_shape)
        metadata = self.metadata(condition, drop)
        h = self.stem(x)
        if hint is not None:
            h = h + hint
        skips: list[Tensor] = []
        for level, blocks in enumerate(self.blocks):
            h = blocks(h, time)
            if level < len(self.downs):
                skips.append(h)
                h = self.downs[level](h)
        h = h + self.position
        for block in self.mid:
            h = block(h, time, metadata, time_tokens)
        return skips, h, time


class DenoisingUNet(nn.Module):
    """Noisy latent, time and metadata (and the ControlNet's residuals) to the clean latent."""

    def __init__(self, config: MGDConfig) -> None:
        super().__init__()
        u, channels = config.unet, config.encoder.latent_channels
        self.prediction = u.prediction
        self.concat = u.merge == "concat"
        self.encoder = UNetEncoder(config)
        levels = len(u.widths)
        self.ups = nn.ModuleList(ShuffleUp(u.widths[i + 1], u.widths[i], (2, 2, 2)) for i in range(levels - 1))
        self.blocks = nn.ModuleList(
            BlockStack(
                FiLMResBlock(joined if not j else width, width, u.time_dim, config.norm, config.groups)
                for j in range(u.up_blocks[level])
            )
            for level, width in enumerate(u.widths[:-1])
            for joined in (2 * width if self.concat else width,)
        )
        self.out = nn.Sequential(
            make_norm(config.norm, u.widths[0], config.groups), nn.SiLU(), Conv3d(u.widths[0], channels, 1)
        )

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        condition: Tensor,
        drop: Tensor | None = None,
        control: tuple[list[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """Raw output (x0 or v, by the configuration), the shape of ``x``.

        Args:
            x: Noisy latent ``(B, 4, D, H, W)``.
            t: Times ``(B,)`` in [0, 1].
            condition: ``(B, 4)`` standardised `FIELDS`; NaN is the learnt null.
            drop: ``(B, 4)`` True where a field is to be replaced by its null.
            control: Residuals of `pcgm_bench.methods.pcgm.mgd.controlnet.ControlNet` for every skip and the mid output.
        """
        skips, h, time = self.encoder(x, t, condition, drop)
        if control is not None:
            skips = [skip + extra for skip, extra in zip(skips, control[0], strict=True)]
            h = h + control[1]
        for level in reversed(range(len(self.ups))):
            skip = skips[level]
            up = resize(self.ups[level](h), skip)
            h = torch.cat([skip, up], dim=1) if self.concat else skip + up
            h = self.blocks[level](h, time)
        return self.out(h)

    def to_x0(self, output: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """The clean latent that an output stands for."""
        return output if self.prediction == "x0" else x0_from_velocity(x, output, t)
