"""A part of a volume: what a mask holds, and a margin around it."""

from __future__ import annotations

import numpy as np

MARGIN = 4
"""Voxels left around a brain."""


def slices_around(mask: np.ndarray, margin: int) -> tuple[slice, slice, slice]:
    """The smallest box that holds a mask ``(X, Y, Z)``, not empty, with a margin; cut at the volume's border.

    >>> mask = np.zeros((9, 9, 9), bool)
    >>> mask[0, 4, 8] = True
    >>> slices_around(mask, 2)
    (slice(0, 3, None), slice(2, 7, None), slice(6, 9, None))
    """
    sides = [np.flatnonzero(mask.any(tuple(other for other in range(3) if other != axis))) for axis in range(3)]
    x, y, z = (
        slice(max(0, int(side[0]) - margin), min(full, int(side[-1]) + 1 + margin))
        for side, full in zip(sides, mask.shape, strict=True)
    )
    return x, y, z


def cropped(data: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is not black and `MARGIN` voxels around it; the affine follows."""
    box = slices_around(data != 0, MARGIN)
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ [part.start for part in box]
    return np.ascontiguousarray(data[box]), moved
