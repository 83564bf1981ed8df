"""A part of the grid in fine voxels: where a deformation is computed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcgm_bench.block_means import block_means
from pcgm_bench.cohort.crop import slices_around

FINE_MM = 1.0
"""Size of the fine voxels: a head's cortex is 2 to 4 of them thick."""


@dataclass(frozen=True)
class Box:
    """A box of grid voxels, every one of which is ``step`` fine voxels a side.

    Attributes:
        corner: index of its first grid voxel.
        size: grid voxels a side.
        step: fine voxels a side of a grid voxel.
        affine: ``(4, 4)`` of the grid.
    """

    corner: tuple[int, int, int]
    size: tuple[int, int, int]
    step: int
    affine: np.ndarray

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """The box in a volume on the grid."""
        x, y, z = (slice(start, start + side) for start, side in zip(self.corner, self.size, strict=True))
        return x, y, z

    @property
    def fine_mm(self) -> float:
        """Side of a fine voxel."""
        return float(self.affine[0, 0]) / self.step

    @property
    def fine_shape(self) -> tuple[int, int, int]:
        """Fine voxels a side."""
        x, y, z = (side * self.step for side in self.size)
        return x, y, z

    @property
    def fine_affine(self) -> np.ndarray:
        """``(4, 4)``, fine voxel of the box -> grid millimetres."""
        to_grid = np.diag([1 / self.step] * 3 + [1.0])
        to_grid[:3, 3] = np.array(self.corner) + 0.5 / self.step - 0.5
        return np.asarray(self.affine @ to_grid)

    def averaged(self, fine: np.ndarray) -> np.ndarray:
        """Means of the fine voxels ``(..., X, Y, Z)`` of every grid voxel."""
        return block_means(fine, self.step)

    def repeated(self, coarse: np.ndarray) -> np.ndarray:
        """Every grid voxel's value ``(..., X, Y, Z)`` in each of its fine voxels."""
        for axis in (-3, -2, -1):
            coarse = np.repeat(coarse, self.step, axis)
        return coarse


def box_around(mask: np.ndarray, affine: np.ndarray, margin_mm: float) -> Box:
    """The box that holds a mask on the grid with a margin, cut at the grid's border.

    Args:
        mask: ``(X, Y, Z)`` boolean, not empty.
        affine: ``(4, 4)`` of the grid, diagonal and positive (RAS+).
        margin_mm: on every side.
    """
    spacing = float(affine[0, 0])
    x, y, z = slices_around(mask, int(np.ceil(margin_mm / spacing)))
    size = (x.stop - x.start, y.stop - y.start, z.stop - z.start)
    return Box((x.start, y.start, z.start), size, max(1, round(spacing / FINE_MM)), affine)
