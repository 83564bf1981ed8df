"""Exponentials of stationary velocity fields: smooth deformations that never fold."""

from __future__ import annotations

import numpy as np
import torch

from pcgm_bench.cohort import velocity_field

SQUARINGS = 5
"""Steps of scaling and squaring (`velocity_field`): a velocity of 3 voxels is cut into 32 moves of a tenth of
a voxel."""


def exponential(velocity: np.ndarray) -> np.ndarray:
    """The displacement after one unit of time.

    Args:
        velocity: ``(3, X, Y, Z)`` in voxels, 0 at the border.

    Returns:
        ``(3, X, Y, Z)`` float32 in voxels: what stands at ``x + displacement(x)`` is brought to ``x``.
    """
    with torch.inference_mode():
        return np.asarray(velocity_field.exponential(_batch(velocity), SQUARINGS)[0].numpy())


def pulled(images: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """Images ``(n, X, Y, Z)`` read by linear interpolation at ``x + displacement(x)``; the same shape, float32."""
    with torch.inference_mode():
        return np.asarray(velocity_field.read_at(_batch(images), _batch(displacement))[0].numpy())


def _batch(volumes: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(volumes, np.float32))[None]


def jacobian(displacement: np.ndarray) -> np.ndarray:
    """Determinant ``(X, Y, Z)`` of the map ``x + displacement(x)``; above 0 everywhere: nothing is folded."""
    gradients = [np.gradient(component) for component in displacement]
    rows = [[gradients[i][j] + (i == j) for j in range(3)] for i in range(3)]
    (a, b, c), (d, e, f), (g, h, i) = rows
    return np.asarray(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))
