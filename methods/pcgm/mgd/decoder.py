"""3-D diffusion decoder: noisy image, next to the latent upsampled to the image's grid, to the clean image.

Section 3.3 of the paper ("we first upsample z_c ..."; the latent is concatenated). The latent gets small Gaussian noise
in training, so that the latents the UNet makes are as welcome as the encoder's (not in the paper).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch import nn
from torch.nn import functional as nnf

from pcgm_bench.methods.pcgm.mgd.causal_encoder import channel_to_space
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.training.diffusion import x0_from_velocity
from pcgm_bench.training.layers import Attention
from pcgm_bench.training.layers import BlockStack
from pcgm_bench.training.layers import Conv3d
from pcgm_bench.training.layers import FiLMResBlock
from pcgm_bench.training.layers import ShuffleUp
from pcgm_bench.training.layers import TimeEmbedding
from pcgm_bench.training.layers import resize
from pcgm_bench.training.settings import Shape


def upsample_latent(z: Tensor, config: MGDConfig) -> Tensor:
    """Latent ``(B, C, *latent_shape)`` on the image's grid ``(B, C, *shape)``, trilinear.

    Half-voxel aligned where the factor is whole, corner-aligned otherwise. Where the encoder has a shortcut, one more
    channel puts every channel's value at the voxel that it stands for: interpolation blurs them.
    """
    corners = any(n % m for n, m in zip(config.shape, z.shape[2:], strict=True))
    upsampled = nnf.interpolate(z, size=config.shape, mode="trilinear", align_corners=corners)
    if not config.encoder.shortcut:
        return upsampled
    return torch.cat([upsampled, channel_to_space(z, config.patch)[:, :, -config.shape[0] :]], dim=1)


class SliceAttention(nn.Module):
    """Self-attention within every slice (the released decoder has it in the middle)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.attention = Attention(channels, heads)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, depth, height, width = x.shape
        tokens = x.permute(0, 2, 3, 4, 1).reshape(batch * depth, height * width, channels)
        return self.attention(tokens).view(batch, depth, height, width, channels).permute(0, 4, 1, 2, 3)


def _down_kernel(stride: Shape) -> tuple[Shape, Shape, Shape]:
    """Kernel, stride and padding of a strided convolution centred on the voxels that it joins."""
    depth, height, width = stride
    kernel = (depth + 2 * (depth > 1), height + 2 * (height > 1), width + 2 * (width > 1))
    return kernel, stride, (depth // 2, height // 2, width // 2)


class DiffusionDecoder(nn.Module):
    """UNet on the image grid. Skips are added; the finest level has a stem, ``up_blocks[0]`` convolutions, no norm."""

    def __init__(self, config: MGDConfig) -> None:
        super().__init__()
        d = config.decoder
        self.prediction = d.prediction
        self.time = TimeEmbedding(d.time_dim)
        self.stem = Conv3d(1 + config.encoder.latent_channels + config.encoder.shortcut, d.widths[0], 3, padding=1)

        def blocks(width: int, n: int) -> BlockStack:
            return BlockStack(FiLMResBlock(width, width, d.time_dim, config.norm, config.groups) for _ in range(n))

        self.down_blocks = nn.ModuleList(blocks(w, n) for w, n in zip(d.widths, d.down_blocks, strict=True))
        self.downs = nn.ModuleList(
            Conv3d(d.widths[i], d.widths[i + 1], *_down_kernel(stride)) for i, stride in enumerate(d.strides)
        )
        self.middle = SliceAttention(d.widths[-1], d.heads) if d.slice_attention else None
        self.ups = nn.ModuleList(ShuffleUp(d.widths[i + 1], d.widths[i], stride) for i, stride in enumerate(d.strides))
        self.up_blocks = nn.ModuleList(blocks(w, n) for w, n in zip(d.widths[1:-1], d.up_blocks[1:], strict=True))
        self.film = nn.Linear(d.time_dim, 2 * d.widths[0])
        self.last = nn.ModuleList(Conv3d(d.widths[0], d.widths[0], 3, padding=1) for _ in range(d.up_blocks[0]))
        self.out = Conv3d(d.widths[0], 1, 1)

    def forward(self, x: Tensor, latent: Tensor, t: Tensor) -> Tensor:
        """Raw output (x0 or v, by the configuration) ``(B, 1, D, H, W)``.

        Args:
            x: Noisy image ``(B, 1, D, H, W)``.
            latent: `upsample_latent` of the latent, ``(B, C, D, H, W)``.
            t: Times ``(B,)`` in [0, 1].
        """
        time = self.time(t)
        h = self.stem(torch.cat([x, latent], dim=1))
        skips: list[Tensor] = []
        for level, blocks in enumerate(self.down_blocks):
            h = blocks(h, time)
            if level < len(self.downs):
                skips.append(h)
                h = self.downs[level](h)
        if self.middle is not None:
            h = self.middle(h)
        for level in reversed(range(len(self.ups))):
            h = skips[level] + resize(self.ups[level](h), skips[level])
            if level:
                h = self.up_blocks[level - 1](h, time)
        scale, shift = self.film(nnf.silu(time))[:, :, None, None, None].to(h.dtype).chunk(2, dim=1)
        h = nnf.silu(torch.addcmul(shift, h, 1 + scale))
        for conv in self.last:
            h = nnf.silu(conv(h))
        return self.out(h)

    def to_x0(self, output: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """The clean image that an output stands for."""
        return output if self.prediction == "x0" else x0_from_velocity(x, output, t)
