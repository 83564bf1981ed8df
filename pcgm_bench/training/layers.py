"""Building blocks of 3-D networks: convolution, norms, time embedding, blocks, attention. ``(B, C, D, H, W)``."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch import nn
from torch.nn import functional as nnf

Norm = Literal["voxel", "group"]
"""`VoxelNorm`, or the group norm of the released code of PCGM."""


class Conv3d(nn.Conv3d):
    """`torch.nn.Conv3d` around two faults of PyTorch 2.13 on a CPU.

    At inference it asks for the oneDNN kernel by name: PyTorch itself falls back to a several times slower one for
    one small volume (batch 1 and less than 20,480 channels x slices x rows), which is what one person's latent is.
    Where an axis is shorter than the kernel, bf16 is left for fp32: the weight's gradient is garbage otherwise.
    """

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        on_cpu = x.device.type == "cpu"
        mixed = on_cpu and torch.is_autocast_enabled("cpu")
        if mixed and min(x.shape[2:]) < max(self.kernel_size):
            with torch.autocast("cpu", enabled=False):
                return super()._conv_forward(x.float(), weight, bias)
        single = on_cpu and x.dtype == torch.float32 and not mixed and not torch.is_grad_enabled()
        if single and torch.backends.mkldnn.is_available():
            padding = [int(n) for n in self.padding]
            return torch.mkldnn_convolution(x, weight, bias, padding, self.stride, self.dilation, self.groups)
        return super()._conv_forward(x, weight, bias)


class VoxelNorm(nn.Module):
    """Layer norm over the channels of every voxel: local, and one pass over memory in channels-last layout."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return nnf.layer_norm(x.movedim(1, -1), self.weight.shape, self.weight, self.bias, 1e-5).movedim(-1, 1)


def make_norm(kind: Norm, channels: int, groups: int) -> nn.Module:
    """Group norm (the released code's) or `VoxelNorm`."""
    return VoxelNorm(channels) if kind == "voxel" else nn.GroupNorm(groups, channels, eps=1e-6)


def zero(module: nn.Module) -> nn.Module:
    """Set all parameters to zero: the layer starts as if it were not there."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def resize(x: Tensor, like: Tensor) -> Tensor:
    """Trim or pad (replicating the last voxel) to the spatial shape of ``like``: odd axes come back one off."""
    excess = [n - m for n, m in zip(like.shape[2:], x.shape[2:], strict=True)]
    if not any(excess):
        return x
    pads = [0, max(excess[2], 0), 0, max(excess[1], 0), 0, max(excess[0], 0)]
    return nnf.pad(x, pads, mode="replicate")[..., : like.shape[2], : like.shape[3], : like.shape[4]]


class ShuffleUp(nn.Module):
    """Upsampling by whole factors: a 1 x 1 x 1 convolution to as many times the channels, spread over the new voxels.

    The same map as a transposed convolution with kernel = stride, but it keeps the channels-last layout.
    """

    def __init__(self, channels_in: int, channels: int, stride: tuple[int, int, int]) -> None:
        super().__init__()
        self.stride, self.channels = stride, channels
        self.conv = Conv3d(channels_in, channels * math.prod(stride), 1)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, depth, height, width = x.shape
        a, b, c = self.stride
        y = self.conv(x).permute(0, 2, 3, 4, 1).reshape(batch, depth, height, width, a, b, c, self.channels)
        y = y.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(batch, a * depth, b * height, c * width, self.channels)
        return y.permute(0, 4, 1, 2, 3)


class TimeEmbedding(nn.Module):
    """Sinusoids of ``1000 t`` and a two-layer MLP: ``(B,)`` -> ``(B, dim)``."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.pairs = dim // 2
        self.mlp = nn.Sequential(nn.Linear(2 * self.pairs, dim), nn.GELU(), nn.Linear(dim, dim))

    def forward(self, t: Tensor) -> Tensor:
        steps = torch.arange(self.pairs, device=t.device, dtype=torch.float32)
        phase = 1000.0 * t.float()[:, None] * torch.exp(-math.log(10_000.0) * steps / self.pairs)
        return self.mlp(torch.cat([phase.sin(), phase.cos()], dim=1))


class FiLMResBlock(nn.Module):
    """norm - SiLU - conv - norm - FiLM(time) - SiLU - conv, plus the input; the last conv starts at zero.

    Args:
        channels_in: Channels of the input.
        channels: Channels of the output.
        time_dim: Length of the time embedding.
        norm: See `make_norm`.
        groups: See `make_norm`.
        hidden: Channels between the two convolutions (default ``channels``).
    """

    def __init__(
        self, channels_in: int, channels: int, time_dim: int, norm: Norm, groups: int, hidden: int | None = None
    ) -> None:
        super().__init__()
        hidden = hidden or channels
        self.norm1 = make_norm(norm, channels_in, groups)
        self.conv1 = Conv3d(channels_in, hidden, 3, padding=1)
        self.norm2 = make_norm(norm, hidden, groups)
        self.film = nn.Linear(time_dim, 2 * hidden)
        self.conv2 = zero(Conv3d(hidden, channels, 3, padding=1))
        self.skip = Conv3d(channels_in, channels, 1) if channels_in != channels else nn.Identity()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        h = self.norm2(self.conv1(nnf.silu(self.norm1(x))))
        scale, shift = self.film(nnf.silu(time))[:, :, None, None, None].to(h.dtype).chunk(2, dim=1)
        h = self.conv2(nnf.silu(torch.addcmul(shift, h, 1 + scale)))
        return self.skip(x) + h


class BlockStack(nn.ModuleList):
    """FiLM blocks one after the other; none at all is the identity."""

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        for block in self:
            x = block(x, time)
        return x


class Attention(nn.Module):
    """Pre-normed residual multi-head attention of tokens ``(B, N, C)`` to themselves or a ``context`` ``(B, M, E)``."""

    def __init__(self, dim: int, heads: int, context_dim: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.query = nn.Linear(dim, dim, bias=False)
        self.key_value = nn.Linear(context_dim or dim, 2 * dim, bias=False)
        self.out = zero(nn.Linear(dim, dim))

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        h = self.norm(x)
        key, value = self.key_value(h if context is None else context).chunk(2, dim=-1)
        query, key, value = (u.unflatten(-1, (self.heads, -1)).transpose(1, 2) for u in (self.query(h), key, value))
        attended = nnf.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return x + self.out(attended)
