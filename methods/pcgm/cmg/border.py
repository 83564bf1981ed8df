"""CMG on tissue fractions: which voxels lie on the border of two tissues, and how much border each holds."""

from __future__ import annotations

import numpy as np

from pcgm_bench.methods.pcgm.cmg.change import face_max
from pcgm_bench.methods.pcgm.cmg.change import face_sum

CONTACT = 0.05
"""A voxel belongs to the border when it, or a face neighbour, holds this much of the other tissue."""
NEIGHBOUR = 0.2
"""Weight of the face neighbours' mean against the voxel's own content in `nearby`."""


def border_areas(mass: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices of the voxels with ``mass`` on the border with ``other``, and border areas (arbitrary unit)."""
    touching = (mass > 0) & (np.maximum(other, face_max(other)) >= CONTACT)
    where = np.flatnonzero(touching)
    return where, (mass.ravel()[where] * nearby(other).ravel()[where]) + 1e-9


def nearby(tissue: np.ndarray) -> np.ndarray:
    """How much of a tissue a voxel and its six face neighbours hold."""
    return (1 - NEIGHBOUR) * tissue + NEIGHBOUR / 6 * face_sum(tissue)


def box_around(tissue: np.ndarray, margin: int) -> tuple[slice, ...]:
    """Smallest box ``(X, Y, Z)`` around a tissue, with a margin."""
    there = tissue > 0
    if not there.any():
        return (slice(0, 1),) * 3
    slices = []
    for axis in range(3):
        along = np.flatnonzero(there.any(axis=tuple(i for i in range(3) if i != axis)))
        slices.append(slice(max(int(along[0]) - margin - 1, 0), int(along[-1]) + margin + 2))
    return tuple(slices)
