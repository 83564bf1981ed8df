"""CMG: what the counterfactual mask generator is asked and what it did, shared by its two versions.

Li et al. 2025 (arXiv 2509.09054), section 3.2: a lobe grows or shrinks across its border with the cerebrospinal fluid
only, in boundary voxels ranked by the difference of the two posteriors, until it has the volume that the PGM asks for;
white matter and every other region stay. The paper says that the rule extends to other regions: here the ventricles
open and close by it too, across their border with white matter and deep grey. The fractional version (`fractional`)
edits tissue fractions and is the default on coarse grids; the voxel version (`voxels`) edits hard label maps at 1-2 mm.

Volumes are asked for as ratios (PGM over factual): soft volumes, voxel counts and native space then all mean the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import UserError

CLIP = 0.15
"""A lobe changes by this share of its volume at most: beyond it the PGM is out of range."""
LAYERS = 2
"""Layers of voxels from the original border that may change."""
VENTRICLES = "ventricles"
VENTRICLE_CLIP = 0.5
"""The same for the ventricles: the old grow theirs by a third in the six years of an aging study."""


@dataclass(frozen=True)
class RegionChange:
    """What one region was asked and what it got, in voxel-equivalents (voxels, or sums of fractions).

    Attributes:
        region: lobe, or ``ventricles``.
        ratio: asked volume over factual volume, after clipping.
        clipped: whether the wish was beyond the limit.
        before: voxel-equivalents of the factual region.
        asked: voxel-equivalents to add (negative: to take away).
        achieved: voxel-equivalents added.
        layers: layers of voxels that were needed (0: nothing asked).
        voxel_ml: mL of a voxel.
    """

    region: str
    ratio: float
    clipped: bool
    before: float
    asked: float
    achieved: float
    layers: int
    voxel_ml: float

    @property
    def shortfall(self) -> float:
        """Voxel-equivalents that were asked for and could not be had; 0 when all went well, never negative by much."""
        return abs(self.asked) - abs(self.achieved)

    @property
    def asked_ml(self) -> float:
        """mL asked for."""
        return self.asked * self.voxel_ml

    @property
    def achieved_ml(self) -> float:
        """mL added."""
        return self.achieved * self.voxel_ml

    @property
    def shortfall_ml(self) -> float:
        """mL missing."""
        return self.shortfall * self.voxel_ml


def check_ratios(ratios: Mapping[str, float], limit: float = CLIP) -> dict[str, tuple[float, bool]]:
    """Ratio of every lobe, clipped, and whether it had to be; a lobe that is not named keeps its volume.

    Returns:
        All lobes in the order of `LOBE_NAMES`, so that no result depends on the order of the mapping.

    Raises:
        UserError: a name that is not a lobe, or a ratio that is not a positive number.
    """
    strange = sorted(set(ratios) - set(LOBE_NAMES))
    if strange:
        msg = f"CMG: unknown lobe(s) {', '.join(strange)}; it knows {', '.join(LOBE_NAMES)}"
        raise UserError(msg)
    return {lobe: check_ratio(lobe, ratios.get(lobe, 1.0), limit) for lobe in LOBE_NAMES}


def check_ratio(region: str, asked: float, limit: float) -> tuple[float, bool]:
    """A region's ratio, clipped, and whether it had to be.

    Raises:
        UserError: not a positive number.
    """
    ratio = float(asked)
    if not (np.isfinite(ratio) and ratio > 0):
        msg = f"CMG: the volume ratio of {region} is {ratio}; it must be a positive number"
        raise UserError(msg)
    kept = float(np.clip(ratio, 1 - limit, 1 + limit))
    return kept, kept != ratio


def face_sum(field: np.ndarray) -> np.ndarray:
    """Sum over the six face neighbours of every voxel (zero outside the grid)."""
    total = np.zeros_like(field)
    for axis in range(3):
        here, there = _pair(axis)
        total[here] += field[there]
        total[there] += field[here]
    return total


def face_max(field: np.ndarray) -> np.ndarray:
    """Largest value among the six face neighbours of every voxel (zero outside the grid)."""
    best = np.zeros_like(field)
    for axis in range(3):
        here, there = _pair(axis)
        np.maximum(best[here], field[there], out=best[here])
        np.maximum(best[there], field[here], out=best[there])
    return best


def touches(mask: np.ndarray) -> np.ndarray:
    """Voxels with a face neighbour in ``mask``."""
    return face_max(mask.astype(np.uint8)).astype(bool)


def _pair(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    here, there = [slice(None)] * 3, [slice(None)] * 3
    here[axis], there[axis] = slice(None, -1), slice(1, None)
    return tuple(here), tuple(there)
