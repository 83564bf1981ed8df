"""The segmentation network: how much of every voxel each tissue fills, and where in the atlas the voxel lies."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch import nn
from torch.nn import functional

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import TISSUES
from pcgm_bench.segmenters.unet.atlas import Atlas
from pcgm_bench.segmenters.unet.atlas import look_up
from pcgm_bench.segmenters.unet.atlas_registration import extent_of_atlas
from pcgm_bench.segmenters.unet.atlas_registration import head_of
from pcgm_bench.segmenters.unet.atlas_registration import levels_of_atlas
from pcgm_bench.segmenters.unet.atlas_registration import levels_of_image
from pcgm_bench.segmenters.unet.atlas_registration import lucas_kanade
from pcgm_bench.segmenters.unet.atlas_registration import rough
from pcgm_bench.segmenters.unet.refinement import Refinement
from pcgm_bench.segmenters.unet.refinement import doubled

LEAST = (48, 56, 48)
"""Smallest window (voxels of 3 mm) that the network works on."""
WIDTHS = (12, 32, 64, 96)
FULL = 16
"""Channels at full resolution on the way up. Few, and without norms: there the time goes."""


_LEVELS = ("white", "fluid")
"""What `levels_of_atlas` begins with."""


@dataclass(frozen=True)
class Reading:
    """What the network says about a batch of images.

    Attributes:
        logits: of the six tissues and of cortex, ``(B, 7, X, Y, Z)``.
        place: of every voxel in the atlas, mm, ``(B, 3, X, Y, Z)``.
        lobes: which lobe the nearest cortex there belongs to, ``(B, 6, X, Y, Z)``; no gradient.
        levels: how white and how fluid the atlas is there, ``(B, 2, X, Y, Z)``; no gradient.
    """

    logits: Tensor
    place: Tensor
    lobes: Tensor
    levels: Tensor


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


class Encoder(nn.Module):
    """The way down: the image alone, halved three times."""

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv3d(1, widths[0], 3, padding=1), nn.LeakyReLU(0.1, inplace=True))
        self.down = nn.ModuleList(Block(i, o) for i, o in pairwise(widths))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Features at full, half, quarter and eighth resolution."""
        levels = [self.stem(image)]
        for block in self.down:
            levels.append(block(functional.avg_pool3d(levels[-1], 2)))
        return levels


class SegmentationNet(nn.Module):
    """A UNet with three halvings says how much of a voxel is which tissue; the atlas, laid on the head, which lobe.

    Where one lobe ends and the next begins is not a matter of how a voxel looks but of where it lies. So the place is
    found by registration (`atlas_registration`) and a learned last move, and cortex has the lobe that the atlas has
    there.
    """

    known: Tensor
    extent: Tensor
    there: Tensor

    def __init__(self, atlas: Atlas, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.register_buffer("known", levels_of_atlas(atlas), persistent=False)
        self.register_buffer("extent", extent_of_atlas(atlas), persistent=False)
        there = torch.cat([atlas.tissue, atlas.lobes, self.known[0, :2]])
        self.register_buffer("there", there[None], persistent=False)
        first, *rest = widths
        self.encoder = Encoder(widths)
        self.refinement = Refinement()
        self.up = nn.ModuleList(Block(rest[k] + rest[k + 1], rest[k]) for k in reversed(range(len(rest) - 1)))
        self.narrow = nn.Conv3d(rest[0], FULL, 1)
        # The image itself, once more at the end: a voxel's share of two tissues is close to linear in its intensity.
        self.last = nn.Sequential(
            nn.Conv3d(FULL + first + 1 + len(atlas.tissue) + len(LOBE_NAMES), FULL, 3, padding=1),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Conv3d(FULL, FULL, 3, padding=1),
            nn.LeakyReLU(0.1, inplace=True),
        )
        self.head = nn.Conv3d(FULL, len(TISSUES) + 1, 1)

    def forward(self, image: Tensor) -> Reading:
        """Read normalised images.

        Args:
            image: ``(B, 1, X, Y, Z)``, sides divisible by 8.

        """
        with torch.no_grad():
            head = head_of(image)
            levels = levels_of_image(image.float(), head)
            start = lucas_kanade(levels, self.known, rough(head, self.extent))
        place = self.refinement(levels, self.known, start)
        there = look_up(self.there, place.detach())
        seen = there[:, : -len(_LEVELS)]
        top, *skips = self.encoder(image)
        x = skips.pop()
        for block in self.up:
            x = block(torch.cat([doubled(x), skips.pop()], 1))
        x = doubled(self.narrow(x))
        full = torch.cat([x, top, image, seen.to(x)], 1)
        logits = self.head(self.last(full.contiguous(memory_format=torch.channels_last_3d)))
        return Reading(logits, place, seen[:, -len(LOBE_NAMES) :], there[:, -len(_LEVELS) :])

    def lobes_at(self, place: Tensor) -> Tensor:
        """`Reading.lobes` of any place, with gradients."""
        return look_up(self.there[:, -len(LOBE_NAMES) - len(_LEVELS) : -len(_LEVELS)], place)


def fractions(logits: Tensor, lobes: Tensor) -> Tensor:
    """Shares ``(B, 12, X, Y, Z)`` by `pcgm_bench.anatomy.CHANNELS`: cortex is shared between the lobes there.

    Args:
        logits: as in `Reading`.
        lobes: likewise, or of `SegmentationNet.lobes_at`.
    """
    tissue = torch.softmax(logits.float(), 1)
    return torch.cat([tissue[:, :-1], tissue[:, -1:] * lobes], 1)


def misfit(image: Tensor, reading: Reading) -> float:
    """Mean difference between image and atlas inside the head, in steps from one tissue to the next."""
    head = head_of(image)
    difference = levels_of_image(image, head) - reading.levels
    inside = difference.abs().sum(1, keepdim=True)[head]
    return float(inside.mean()) if inside.numel() else float("inf")


def build(atlas: Atlas) -> SegmentationNet:
    """A fresh network in channels-last layout: its convolutions are three times faster on a CPU."""
    return SegmentationNet(atlas).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]


def window(head: Tensor) -> tuple[slice, slice, slice]:
    """The box around the head ``(X, Y, Z)`` that the network is given: 48 x 56 x 48 voxels, more for a larger head.

    Group norms see the share of background, so training and use must cut alike. ``head``: which voxels
    belong to it, ``(X, Y, Z)``.
    """
    slices = []
    for axis, smallest in enumerate(LEAST):
        others = tuple(k for k in range(3) if k != axis)
        line = torch.nonzero(head.any(others[1]).any(others[0])).flatten()
        low, high = (int(line[0]), int(line[-1]) + 1) if line.numel() else (0, head.shape[axis])
        size = min(max(smallest, -(-(high - low) // 8) * 8), head.shape[axis])
        start = min(max((low + high - size) // 2, 0), head.shape[axis] - size)
        slices.append(slice(start, start + size))
    return slices[0], slices[1], slices[2]
