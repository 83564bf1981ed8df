"""Ventricles that grow and shrink without folding: a flow away from them, followed for as long as it takes.

Tissue is carried along a smooth velocity field that points away from the ventricles. It vanishes on their medial axis
and far away. A flow is invertible however long it is followed, so that no wall crosses another. (A straight move along
the same directions is not: a point near one wall of a narrow horn lands behind the opposite wall.)
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

LEVELS = np.arange(-6.0, 16.1, 1.0)
"""How far (mm at the ventricles' wall) the displacements of `opening_of` open them; negative closes them."""
SPACING_MM = 3.0
REACH_MM = 12.0
"""Distance over which the push fades."""
STEPS_PER_MM = 8
_LEAST_SLOPE = 0.5
"""Gradient of the blurred distance below which the direction away from the ventricles is not clear, and the push
fades."""


def opening_of(distance: np.ndarray) -> np.ndarray:
    """Displacements that open the ventricles.

    Args:
        distance: ``(X, Y, Z)`` blurred signed distance (mm, inside positive) to the ventricles' surface, 1 mm apart;
            sides divide by three.

    Returns:
        ``(len(LEVELS), 3, X / 3, Y / 3, Z / 3)`` float32, mm: a point of an opened brain lies at point + displacement
        in the brain as it was.
    """
    velocity = _velocity(distance)
    step = round(SPACING_MM)
    axes = (np.arange(n // step) * step + (step - 1) / 2 for n in distance.shape)
    start = np.stack(np.meshgrid(*axes, indexing="ij"))
    zero = int(np.flatnonzero(LEVELS == 0)[0])
    out = np.zeros((len(LEVELS), *start.shape), np.float32)
    for sign, levels in ((-1.0, range(zero + 1, len(LEVELS))), (1.0, range(zero - 1, -1, -1))):
        at = start.copy()
        for level in levels:
            for _ in range(STEPS_PER_MM):
                at += sign / STEPS_PER_MM * _sampled(velocity, at)
            out[level] = at - start
    return out


def displacement(opening: np.ndarray, amount: float) -> np.ndarray:
    """The displacements of any amount between the first and the last level: ``(3, X / 3, Y / 3, Z / 3)``, mm.

    Args:
        opening: from `opening_of`.
        amount: mm at the wall, as in `LEVELS`.
    """
    at = float(np.clip(amount, LEVELS[0], LEVELS[-1])) - LEVELS[0]
    low = min(int(at), len(LEVELS) - 2)
    return np.asarray((low + 1 - at) * opening[low] + (at - low) * opening[low + 1], np.float32)


def _velocity(distance: np.ndarray) -> np.ndarray:
    """``(3, X, Y, Z)``: 1 mm per unit of time away from the ventricles at their wall."""
    gradient = -np.stack(np.gradient(distance))
    gradient /= np.maximum(np.linalg.norm(gradient, axis=0), _LEAST_SLOPE)
    push = gradient * np.exp(-((np.minimum(distance, 0) / REACH_MM) ** 2))
    return np.stack([ndi.gaussian_filter(axis, 1.0) for axis in push]).astype(np.float32)


def _sampled(field: np.ndarray, at: np.ndarray) -> np.ndarray:
    return np.stack([ndi.map_coordinates(axis, at, order=1, mode="nearest") for axis in field])
