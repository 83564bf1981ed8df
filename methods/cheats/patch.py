"""A mask with the right volumes in which a lobe's whole change is in one place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.methods.pcgm.cmg.fractional import CSF
from pcgm_bench.methods.pcgm.cmg.fractional import FIRST
from pcgm_bench.methods.pcgm.cmg.rank import share


def from_one_place(fractions: np.ndarray, quotas: Mapping[str, float], seed: int) -> np.ndarray:
    """Fractions in which every lobe has gained its quota, voxel by voxel in order of distance from one of its voxels.

    A lobe that shrinks gives all that it has there to fluid; one that grows takes all fluid.

    Args:
        fractions: ``(12, X, Y, Z)``.
        quotas: lobe -> voxel-equivalents to add (negative: to take away).
        seed: of the place.
    """
    new = fractions.copy()
    rng = np.random.default_rng([seed, 61])
    for number, lobe in enumerate(LOBE_NAMES, FIRST):
        quota, whole = quotas.get(lobe, 0.0), fractions[number]
        weights = whole.ravel().astype(np.float64)
        if not quota or not weights.any():
            continue
        centre = np.unravel_index(rng.choice(weights.size, p=weights / weights.sum()), whole.shape)
        giver, taker = (number, CSF) if quota < 0 else (CSF, number)
        where = np.flatnonzero(new[giver] > 0)
        at = np.stack(np.unravel_index(where, whole.shape), axis=1)
        distance = np.linalg.norm(at - np.array(centre), axis=1)
        given = share(new[giver].ravel()[where].astype(np.float64), distance, -distance, abs(quota), ranked=True)
        new[giver].ravel()[where] -= given
        new[taker].ravel()[where] += given
    return new
