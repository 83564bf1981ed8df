"""Means of blocks of voxels: a volume on a grid whose voxels are a whole number of times larger."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def block_means(volume: np.ndarray, step: int | Sequence[int]) -> np.ndarray:
    """Average blocks of ``step`` voxels a side.

    Args:
        volume: ``(..., X, Y, Z)``; the last three axes are those of the voxels.
        step: a side's voxels, one number or one an axis; what is left over at an axis' end is an error.

    Returns:
        ``(..., X / step, Y / step, Z / step)`` float32.

    Raises:
        ValueError: a side that the step does not divide.

    >>> block_means(np.arange(8.0).reshape(2, 2, 2), 2)
    array([[[3.5]]], dtype=float32)
    """
    steps = [step] * 3 if isinstance(step, int) else [int(side) for side in step]
    cut = [part for side, each in zip(volume.shape[-3:], steps, strict=True) for part in (side // each, each)]
    return np.asarray(volume.reshape(*volume.shape[:-3], *cut).mean((-5, -3, -1), dtype=np.float32))
