"""Causal encoder of MGD: a VAE whose convolutions look back, never ahead, along the slice axis.

Tensors are ``(B, C, slices, H, W)``. A causal convolution repeats the first slice k - 1 times in front and pads
nothing behind (Open-Sora CausalVAE, adopted in section 3.3 of the paper). With ``f m + 1`` slices the first latent
slice stands for the first slice alone. With ``f m`` slices (the phantom's 56) one copy of the first slice is put in
front, and the latent slice that stands for this copy is dropped again: latent slice i covers slices ``f i ...
f i + f - 1``, and the latent grid stays even.

The feed-forward decoder head exists to train the encoder; images are decoded by `pcgm_bench.methods.pcgm.mgd.decoder`.
"""

from __future__ import annotations

import itertools
import math

import torch
from einops import rearrange
from torch import Tensor
from torch import nn
from torch.nn import functional as nnf

from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.training.layers import Conv3d
from pcgm_bench.training.layers import Norm
from pcgm_bench.training.layers import make_norm
from pcgm_bench.training.settings import Shape

PLANE_ORDERS: tuple[Shape, ...] = tuple((a, b, c) for a, b, c in itertools.permutations((0, 1, 2)))
"""The six orders of the axes; ``(0, 1, 2)`` is the canonical one, used at inference."""


def permute_planes(volume: Tensor, order: tuple[int, int, int]) -> Tensor:
    """Reorder the three spatial axes of ``(..., D, H, W)``: which axis plays the slices."""
    lead = volume.ndim - 3
    return volume.permute(*range(lead), *(lead + axis for axis in order))


def _front(x: Tensor, n: int) -> Tensor:
    """Repeat the first slice ``n`` times in front."""
    return torch.cat([x[:, :, :1]] * n + [x], dim=2) if n else x


def space_to_channel(x: Tensor, patch: Shape) -> Tensor:
    """``(B, C, p D, q H, r W)`` -> ``(B, C p q r, D, H, W)``; `channel_to_space` is its inverse."""
    p, q, r = patch
    return rearrange(x, "b c (d p) (h q) (w r) -> b (c p q r) d h w", p=p, q=q, r=r)


def channel_to_space(x: Tensor, patch: Shape) -> Tensor:
    """``(B, C p q r, D, H, W)`` -> ``(B, C, p D, q H, r W)``."""
    p, q, r = patch
    return rearrange(x, "b (c p q r) d h w -> b c (d p) (h q) (w r)", p=p, q=q, r=r)


class CausalConv3d(nn.Module):
    """3-D convolution, causal over slices; zero padding in plane.

    Args:
        channels_in: Channels of the input.
        channels: Channels of the output.
        kernel: Size over slices and in plane.
        stride: Step over slices and in plane; ``n`` slices give ``(n - 1) // stride + 1``.
    """

    def __init__(
        self, channels_in: int, channels: int, kernel: tuple[int, int] = (3, 3), stride: tuple[int, int] = (1, 1)
    ) -> None:
        super().__init__()
        (depth, plane), (step, across) = kernel, stride
        pad = (plane - 1) // 2
        self.repeats = depth - 1
        self.conv = Conv3d(channels_in, channels, (depth, plane, plane), (step, across, across), padding=(0, pad, pad))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(_front(x, self.repeats))


class CausalResBlock(nn.Module):
    """norm - SiLU - causal conv, twice, plus the input."""

    def __init__(self, channels: int, norm: Norm, groups: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = make_norm(norm, channels, groups), make_norm(norm, channels, groups)
        self.conv1, self.conv2 = CausalConv3d(channels, channels), CausalConv3d(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(nnf.silu(self.norm2(self.conv1(nnf.silu(self.norm1(x))))))


class CausalUpsample(nn.Module):
    """Nearest in plane; over slices the first is kept and every other repeated; then a causal convolution."""

    def __init__(self, channels_in: int, channels: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.stride = stride
        self.conv = CausalConv3d(channels_in, channels)

    def forward(self, x: Tensor) -> Tensor:
        along, across = self.stride
        x = nnf.interpolate(x, scale_factor=(float(along), float(across), float(across)), mode="nearest")
        return self.conv(x[:, :, along - 1 :])


class CausalEncoder(nn.Module):
    """Image ``(B, 1, *shape)`` in [-1, 1] to latent ``(B, C, *latent_shape)`` and, by the head, back.

    `encode` standardises the latent by `calibrate`'s per-channel mean and s.d. over training images (the released
    code multiplies by 0.19), and uses the posterior mean, so that encoding is deterministic (the released code
    samples). Any slice count n with ``n % f in (0, 1)`` is taken, f the product of slice strides.
    """

    def __init__(self, config: MGDConfig) -> None:
        super().__init__()
        c = config.encoder
        self.patch = config.patch
        self.factor = self.patch[0]
        self.shortcut = c.shortcut
        if c.shortcut and math.prod(self.patch) != c.latent_channels:
            raise UserError(f"a shortcut past {self.patch} voxels needs {math.prod(self.patch)} latent channels")
        down: list[nn.Module] = [CausalConv3d(1, c.widths[0])]
        for level, width in enumerate(c.widths):
            if level:
                step = c.strides[level - 1]
                kernel = (3 if step[0] > 1 else 1, 4 if step[1] > 1 else 3)
                down.append(CausalConv3d(c.widths[level - 1], width, kernel, step))
            down += [CausalResBlock(width, config.norm, config.groups) for _ in range(c.blocks[level])]
        last = c.widths[-1]
        self.down = nn.Sequential(
            *down, make_norm(config.norm, last, config.groups), nn.SiLU(), CausalConv3d(last, 2 * c.latent_channels)
        )
        up: list[nn.Module] = [CausalConv3d(c.latent_channels, last)]
        for level in reversed(range(len(c.widths))):
            width = c.widths[level]
            up += [CausalResBlock(width, config.norm, config.groups) for _ in range(c.blocks[level])]
            if level:
                up.append(CausalUpsample(width, c.widths[level - 1], c.strides[level - 1]))
        first = c.widths[0]
        self.up = nn.Sequential(*up, make_norm(config.norm, first, config.groups), nn.SiLU(), CausalConv3d(first, 1))
        self.latent_mean: Tensor
        self.latent_std: Tensor
        self.register_buffer("latent_mean", torch.zeros(c.latent_channels))
        self.register_buffer("latent_std", torch.ones(c.latent_channels))

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the raw latent."""
        extra = self.factor > 1 and x.shape[2] % self.factor == 0
        x = _front(x, 1) if extra else x
        mean, log_variance = self.down(x).chunk(2, dim=1)
        if self.shortcut:
            mean = mean + space_to_channel(_front(x, self.factor - 1), self.patch)
        first = 1 if extra else 0
        return mean[:, :, first:], log_variance[:, :, first:].clamp(-30.0, 20.0)

    def reconstruct(self, z: Tensor, slices: int) -> Tensor:
        """Image of ``slices`` slices from a raw latent, by the feed-forward head."""
        extra = self.factor > 1 and slices % self.factor == 0
        z = _front(z, 1) if extra else z
        x = self.up(z)
        if self.shortcut:
            x = x + channel_to_space(z, self.patch)[:, :, self.factor - 1 :]
        return x[:, :, 1:] if extra else x

    def encode(self, x: Tensor) -> Tensor:
        """Standardised posterior mean."""
        mean, _ = self.posterior(x)
        return (mean - self._per_channel(self.latent_mean)) / self._per_channel(self.latent_std)

    def decode(self, z: Tensor, slices: int) -> Tensor:
        """Feed-forward reconstruction from a standardised latent (a diagnostic: the images of MGD are diffused)."""
        return self.reconstruct(z * self._per_channel(self.latent_std) + self._per_channel(self.latent_mean), slices)

    def calibrate(self, raw: Tensor) -> None:
        """Store per-channel mean and s.d. of raw training latents ``(N, 4, ...)``."""
        values = raw.double().transpose(0, 1).flatten(1)
        self.latent_mean.copy_(values.mean(dim=1))
        self.latent_std.copy_(values.std(dim=1).clamp(min=1e-6))

    @staticmethod
    def _per_channel(values: Tensor) -> Tensor:
        return values[:, None, None, None]
