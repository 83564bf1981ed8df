"""The last move of every voxel's place, learned: what is left over when registration by least squares is done."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import nn
from torch.nn import functional

from pcgm_bench.segmenters.unet.atlas_registration import FURTHEST_MM
from pcgm_bench.segmenters.unet.atlas_registration import evidence
from pcgm_bench.segmenters.unet.atlas_registration import solution

WIDTHS = (32, 48, 64)
"""Channels of the UNet, at 6, 12 and 24 mm."""
WINDOWS = ((1, 0), (3, 1), (3, 2))
"""Windows whose least-squares displacements it sees."""
_UNITS = (*[10.0] * 3, *[30.0] * 6, *[3.0] * 6, *[10.0] * 6)
"""Factors that bring the channels of `evidence` to about the same size."""


class Refinement(nn.Module):
    """A small UNet over what image and atlas say about moving the place of a voxel."""

    def __init__(self, widths: tuple[int, int, int] = WIDTHS) -> None:
        super().__init__()
        first, second, third = widths
        self.fine = _two(len(WINDOWS) * 3 + len(_UNITS) + 3, first)
        self.middle = _two(first, second)
        self.coarse = _two(second, third)
        self.up_middle = _two(second + third, second)
        self.up_fine = _two(first + second, first)
        self.out = nn.Conv3d(first, 3, 3, padding=1)
        # It starts as no move at all.
        for values in self.out.parameters():
            nn.init.zeros_(values)

    def forward(self, levels: Tensor, known: Tensor, place: Tensor) -> Tensor:
        """``place`` ``(B, 3, X, Y, Z)`` in mm, moved; arguments as in `atlas_registration.evidence`."""
        with torch.no_grad():
            seen = evidence(levels, known, place)
            moves = [solution(seen, *window) for window in WINDOWS]
            seen = seen * seen.new_tensor(_UNITS).reshape(-1, 1, 1, 1)
            x = torch.cat([*moves, seen, functional.avg_pool3d(place, 2) / 40], 1)
        fine = self.fine(x.contiguous(memory_format=torch.channels_last_3d))
        middle = self.middle(functional.avg_pool3d(fine, 2))
        coarse = self.coarse(functional.avg_pool3d(middle, 2))
        middle = self.up_middle(torch.cat([doubled(coarse), middle], 1))
        fine = self.up_fine(torch.cat([doubled(middle), fine], 1))
        move = FURTHEST_MM * torch.tanh(self.out(fine).float() / 2)
        return place + functional.interpolate(move, scale_factor=2.0, mode="trilinear")


def _two(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, padding=1),
        nn.LeakyReLU(0.1, inplace=True),
        nn.Conv3d(outputs, outputs, 3, padding=1),
        nn.LeakyReLU(0.1, inplace=True),
    )


def doubled(x: Tensor) -> Tensor:
    """Every voxel repeated twice along each axis."""
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")
