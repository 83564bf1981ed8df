"""The average brain of the training controls: tissue, and which Desikan-Killiany parcel lies nearest, every 2 mm.

Training people are phantoms, so where in their template each voxel lies is known, and their average is sharp.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import LOBE_OF
from pcgm_bench.anatomy import PARCELS
from pcgm_bench.contracts import UserError

ATLAS = "atlas.safetensors"
CORNER_MM = (-78.0, -111.0, -78.0)
SHAPE = (78, 96, 84)
CELL_MM = 2.0
TISSUES = ("fluid", "white_matter", "deep_grey", "cerebellum_brainstem", "cortex")
"""Channels of `Atlas.tissue`; fluid is CSF and ventricles together."""
LOBE_OF_PARCEL = tuple(LOBE_NAMES.index(LOBE_OF[name[3:]]) for name in PARCELS)


@dataclass(frozen=True)
class Atlas:
    """The average brain.

    Attributes:
        tissue: ``(5, *SHAPE)`` float32, share of a voxel by `TISSUES`.
        parcel: ``(*SHAPE)`` uint8, index into `PARCELS` of the nearest parcel of cortex, inside cortex and out.
    """

    tissue: Tensor
    parcel: Tensor

    @cached_property
    def lobes(self) -> Tensor:
        """``(6, *SHAPE)`` float32: 1 where the nearest cortex belongs to the lobe."""
        lobe = torch.tensor(LOBE_OF_PARCEL)[self.parcel.long()]
        return functional.one_hot(lobe, len(LOBE_NAMES)).movedim(-1, 0).float()


def load_atlas(path: Path) -> Atlas:
    """Read it.

    Raises:
        UserError: the file is damaged, or another version's.
    """
    try:
        stored = load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path}: the atlas is damaged ({error}): reinstall, or make it anew") from error
    if {name: tuple(value.shape) for name, value in stored.items()} != {
        "tissue": (len(TISSUES), *SHAPE),
        "parcel": SHAPE,
    }:
        raise UserError(f"{path}: this atlas belongs to another version: reinstall, or make it anew")
    return Atlas(stored["tissue"].float() / 255, stored["parcel"])


def look_up(field: Tensor, place: Tensor) -> Tensor:
    """What ``field`` ``(1, C, *SHAPE)`` has at places ``(B, 3, X, Y, Z)`` in mm: ``(B, C, X, Y, Z)``.

    Outside the atlas it has what is at its border.
    """
    corner = torch.tensor(CORNER_MM, device=place.device).reshape(3, 1, 1, 1)
    size = torch.tensor(SHAPE, device=place.device).reshape(3, 1, 1, 1) * CELL_MM
    unit = (2 * (place.float() - corner) / size - 1).permute(0, 2, 3, 4, 1).flip(-1)
    fields = field.expand(len(unit), -1, -1, -1, -1)
    return functional.grid_sample(fields, unit, padding_mode="border", align_corners=False)


def nearest_parcel(atlas: Atlas, place: Tensor) -> Tensor:
    """Index into `PARCELS` at places ``(3, N)`` in mm: ``(N,)``."""
    return _parcel_of(atlas, _cells(place).round().long())


def parcels_at(atlas: Atlas, place: Tensor, amount: Tensor) -> Tensor:
    """Sums of ``amount`` over the parcels, each voxel shared between its eight nearest cells as `look_up` does.

    Args:
        atlas: the average brain.
        place: ``(3, N)`` mm.
        amount: ``(N,)``.

    Returns:
        ``(68,)`` in the order of `PARCELS`.
    """
    at = _cells(place)
    low = at.floor()
    weight = at - low
    sums = torch.zeros(len(PARCELS))
    for corner in np.ndindex(2, 2, 2):
        step = torch.tensor(corner)[:, None]
        share = torch.where(step == 1, weight, 1 - weight).prod(0)
        sums.index_add_(0, _parcel_of(atlas, low.long() + step), amount * share)
    return sums


def _cells(place: Tensor) -> Tensor:
    return (place - torch.tensor(CORNER_MM)[:, None]) / CELL_MM - 0.5


def _parcel_of(atlas: Atlas, cell: Tensor) -> Tensor:
    last = torch.tensor(SHAPE)[:, None] - 1
    return atlas.parcel[tuple(torch.minimum(cell.clamp(min=0), last))].long()
