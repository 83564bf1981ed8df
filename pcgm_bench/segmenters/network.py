"""The segmentation network: a small 3D UNet that says how much of every voxel each tissue fills."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import nn
from torch.nn import functional

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import DK_REGIONS

LEAST = (48, 56, 48)
"""Smallest window (voxels of 3 mm) that the network works on."""
WIDTHS = (12, 32, 64, 96)
FULL = 16
"""Channels at full resolution on the way up. Few, and without norms: there the time goes."""


class Block(nn.Module):
    """Two 3 x 3 x 3 convolutions with group norm; keeps the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv3d(inputs, outputs, 3, padding=1, bias=False),
            nn.GroupNorm(4, outputs),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Conv3d(outputs, outputs, 3, padding=1, bias=False),
            nn.GroupNorm(4, outputs),
            nn.LeakyReLU(0.1, inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inputs, X, Y, Z)`` to ``(B, outputs, X, Y, Z)``."""
        return self.layers(x)


class SegmentationNet(nn.Module):
    """UNet with three halvings.

    Input ``(B, 1, X, Y, Z)``, sides divisible by 8. Output ``(B, 12 + 34 + 1, X, Y, Z)``: logits of the tissue
    channels, of the Desikan-Killiany regions (within cortex) and of the right hemisphere.
    """

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        first, *rest = widths
        self.stem = nn.Sequential(nn.Conv3d(1, first, 3, padding=1), nn.LeakyReLU(0.1, inplace=True))
        self.down = nn.ModuleList(Block(i, o) for i, o in zip(widths, rest, strict=False))
        self.up = nn.ModuleList(Block(rest[k] + rest[k + 1], rest[k]) for k in reversed(range(len(rest) - 1)))
        self.narrow = nn.Conv3d(rest[0], FULL, 1)
        # The image itself, once more at the end: a voxel's share of two tissues is close to linear in its intensity.
        self.last = nn.Sequential(
            nn.Conv3d(FULL + first + 1, FULL, 3, padding=1),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Conv3d(FULL, FULL, 3, padding=1),
            nn.LeakyReLU(0.1, inplace=True),
        )
        self.head = nn.Conv3d(FULL, len(CHANNELS) + len(DK_REGIONS) + 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logits of tissues, regions and side; see the class."""
        top = self.stem(image)
        x, skips = top, []
        for block in self.down:
            x = block(functional.avg_pool3d(x, 2))
            skips.append(x)
        x = skips.pop()
        for block in self.up:
            x = block(torch.cat([functional.interpolate(x, scale_factor=2.0, mode="nearest"), skips.pop()], 1))
        x = functional.interpolate(self.narrow(x), scale_factor=2.0, mode="nearest")
        return self.head(self.last(torch.cat([x, top, image], 1)))


def build() -> SegmentationNet:
    """A fresh network in channels-last layout: its convolutions are three times faster on a CPU."""
    return SegmentationNet().to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]


def window(image: Tensor, least: float = 0.0) -> tuple[slice, slice, slice]:
    """The box around the head ``(X, Y, Z)`` that the network is given: 48 x 56 x 48 voxels, more for a larger head.

    Group norms see the share of background, so training and use must cut alike. ``least``: what counts as head.
    """
    slices = []
    for axis, smallest in enumerate(LEAST):
        others = tuple(k for k in range(3) if k != axis)
        line = torch.nonzero((image > least).any(others[1]).any(others[0])).flatten()
        low, high = (int(line[0]), int(line[-1]) + 1) if line.numel() else (0, image.shape[axis])
        size = min(max(smallest, -(-(high - low) // 8) * 8), image.shape[axis])
        start = min(max((low + high - size) // 2, 0), image.shape[axis] - size)
        slices.append(slice(start, start + size))
    return slices[0], slices[1], slices[2]
