"""Exponentials of stationary velocity fields: smooth deformations that never fold."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from monai.networks.blocks import DVF2DDF
from monai.networks.blocks import Warp

SQUARINGS = 5
"""Steps of scaling and squaring (Arsigny et al. 2006, doi 10.1007/11866565_113): a velocity of 3 voxels is cut into
32 moves of a tenth of a voxel."""


def exponential(velocity: np.ndarray) -> np.ndarray:
    """The displacement after one unit of time.

    Args:
        velocity: ``(3, X, Y, Z)`` in voxels, 0 at the border.

    Returns:
        ``(3, X, Y, Z)`` float32 in voxels: what stands at ``x + displacement(x)`` is brought to ``x``.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*native grid_sample")  # MONAI's own build is not needed
        integrate = DVF2DDF(num_steps=SQUARINGS, mode="bilinear", padding_mode="border")
    with torch.inference_mode():
        given = torch.from_numpy(np.ascontiguousarray(velocity, np.float32))[None]
        return np.asarray(integrate(given)[0].numpy())


def pulled(images: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """Images ``(n, X, Y, Z)`` read by linear interpolation at ``x + displacement(x)``; the same shape, float32."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*native grid_sample")
        read = Warp(mode="bilinear", padding_mode="border")
    with torch.inference_mode():
        given = torch.from_numpy(np.ascontiguousarray(images, np.float32))[None]
        moved = read(given, torch.from_numpy(np.ascontiguousarray(displacement, np.float32))[None])
    return np.asarray(moved[0].numpy())


def jacobian(displacement: np.ndarray) -> np.ndarray:
    """Determinant ``(X, Y, Z)`` of the map ``x + displacement(x)``; above 0 everywhere: nothing is folded."""
    gradients = [np.gradient(component) for component in displacement]
    rows = [[gradients[i][j] + (i == j) for j in range(3)] for i in range(3)]
    (a, b, c), (d, e, f), (g, h, i) = rows
    return np.asarray(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))
