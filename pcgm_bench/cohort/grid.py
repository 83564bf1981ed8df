"""The standard grids: 168 x 192 x 168 mm around the MNI brain, RAS+, at 3, 2 or 1 mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcgm_bench.contracts import UserError

CORNER_MM = (-84.0, -113.0, -79.0)
EXTENT_MM = (168, 192, 168)
SPACING_MM = {"3mm": 3.0, "2mm": 2.0, "1mm": 1.0}


@dataclass(frozen=True)
class Grid:
    """A named grid: shape in voxels and the 4 x 4 affine from voxel indices to MNI millimetres."""

    name: str
    shape: tuple[int, int, int]
    affine: np.ndarray


def grid(name: str) -> Grid:
    """The grid called ``3mm`` (56 x 64 x 56), ``2mm`` (84 x 96 x 84) or ``1mm`` (168 x 192 x 168).

    Raises:
        UserError: another name.
    """
    if name not in SPACING_MM:
        msg = f"unknown grid {name!r}: use one of {', '.join(SPACING_MM)}"
        raise UserError(msg)
    spacing = SPACING_MM[name]
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = np.array(CORNER_MM) + spacing / 2
    shape = tuple(round(extent / spacing) for extent in EXTENT_MM)
    return Grid(name, (shape[0], shape[1], shape[2]), affine)


def standard_grid(shape: tuple[int, ...], affine: np.ndarray) -> Grid | None:
    """The standard grid that has this shape and this affine, or None."""
    for name in SPACING_MM:
        candidate = grid(name)
        if tuple(shape) == candidate.shape and np.allclose(affine, candidate.affine, atol=1e-3):
            return candidate
    return None
