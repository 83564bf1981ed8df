"""The surfaces of one person's cortex, and how far each lobe's must move for the planned volumes.

The recipe of thinning is a shift of the pial surface by ``delta_k`` per lobe (and, for the ``mixed`` mechanism, of the
white surface for 30 % of the loss), as soft occupancies, so that volumes are exact at any voxel size.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.optimize import brentq

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.phantom.warp import Points
from pcgm_bench.contracts import UserError

THICKEST_MM = 4.0
"""Furthest (mm) that cortex may grow beyond the template's pial surface."""


class Surfaces:
    """Occupancies of the tissues at the points, as functions of how far each surface is moved."""

    def __init__(self, points: Points, width: float) -> None:
        self.points = points
        self.width = width
        fields = points.fields
        cerebrum = 1 - np.clip(fields["below"], 0, 1)
        self.hull = self.inside(fields["hull"])
        self.cerebrum = cerebrum
        self.cortical = (points.lobe >= 0) & (fields["pial"] > -THICKEST_MM) & (cerebrum > 0)
        self.deep = self.inside(fields["deep"]) * cerebrum

    def inside(self, distance: np.ndarray) -> np.ndarray:
        return np.clip(distance / self.width + 0.5, 0, 1)

    def set_ventricles(self, target: float) -> None:
        """Shift the ventricles' surface until they hold ``target`` mL."""
        distance = self.points.fields["ventricle"]
        near = distance > -6
        room = (self.hull * self.cerebrum)[near]

        @cache
        def excess(shift: float) -> float:
            return float((self.inside(distance[near] + shift) * room).sum()) * self.points.millilitres - target

        shift = brentq(excess, -5.0, 5.0, xtol=1e-5) if excess(-5.0) < 0 < excess(5.0) else 0.0
        self.ventricle = self.inside(distance + shift) * self.hull * self.cerebrum
        self.prepare()

    def prepare(self) -> None:
        """Gather what the cortical points need, once the ventricles stand."""
        at = self.cortical
        self.weights = self.points.lobes[:, at]
        self.lobe, self.voxel, self.parcel = self.points.lobe[at], self.points.voxel[at], self.points.parcel[at]
        self.pial = self.points.fields["pial"][at]
        self.white = self.points.fields["white"][at]
        self.room = ((1 - self.ventricle) * (1 - self.deep) * self.hull * self.cerebrum)[at].astype(np.float32)
        self.ceiling = self.inside(self.pial)
        self.inner_at_rest = np.minimum(self.inside(self.white), self.ceiling)

    def edges(self, pial: np.ndarray, white: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Occupancies inside the pial and inside the white surface at cortical points.

        Args:
            pial: shift (mm) of each lobe's pial surface, positive inwards.
            white: shift (mm) of each lobe's white surface, positive outwards.
        """
        outer = self.inside(self.pial - pial.astype(np.float32) @ self.weights)
        if not white.any():
            return outer, self.inner_at_rest
        inner = self.inside(self.white + white.astype(np.float32) @ self.weights)
        return outer, np.minimum(inner, self.ceiling)

    def cortex(self, outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
        """Occupancy of cortex at cortical points, from `edges`."""
        return np.maximum(outer - inner, 0) * self.room

    def lobe_volumes(self, outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
        """mL of the six lobes, from `edges`."""
        return np.bincount(self.lobe, self.cortex(outer, inner), 6) * self.points.millilitres

    def slopes(self, outer: np.ndarray, inner: np.ndarray, *, move_white: bool) -> np.ndarray:
        """``(6, 6)``: change (mL per mm) of each lobe (row) with each lobe's shift (column) of one surface."""
        moving = inner if move_white else outer
        free = np.flatnonzero((moving > 0) & (moving < 1) & (outer > inner))
        gain = -self.room[free] / self.width * self.points.millilitres
        lobe = self.lobe[free]
        return np.stack([np.bincount(lobe, gain * self.weights[j, free], 6) for j in range(6)], 1)


def solve(
    surfaces: Surfaces, target: np.ndarray, start: np.ndarray, other: np.ndarray, *, move_white: bool
) -> np.ndarray:
    """Shifts (mm) of one surface that give the six lobes their volumes: Newton with a step of 0.6 mm at most.

    Raises:
        UserError: a lobe cannot be thinned or thickened that far.
    """
    x = start.copy()
    for _ in range(25):
        outer, inner = surfaces.edges(other, x) if move_white else surfaces.edges(x, other)
        value = surfaces.lobe_volumes(outer, inner)
        if np.abs(value / target - 1).max() < 2e-5:
            return x
        jacobian = surfaces.slopes(outer, inner, move_white=move_white)
        x = x + np.clip(np.linalg.solve(jacobian - 1e-2 * np.eye(6), target - value), -0.6, 0.6)
        x = np.clip(x, -THICKEST_MM, THICKEST_MM)
    if np.abs(value / target - 1).max() > 5e-3:
        worst = int(np.abs(value / target - 1).argmax())
        msg = f"the {LOBE_NAMES[worst]} lobe cannot be brought to {target[worst]:.1f} mL in this head"
        raise UserError(msg)
    return x
