"""How a change of volume is divided among border voxels: by rank as in the paper, or by border area and rank."""

from __future__ import annotations

import numpy as np

RANK_TILT = 0.1
"""How strongly the posterior difference tilts the proportional shares."""


def greedy(bids: np.ndarray, score: np.ndarray, pool: np.ndarray, left: np.ndarray) -> np.ndarray:
    """The paper's rule for all lobes at once: one list of bids, best score first.

    Ties, as among voxels of pure fluid, go to the larger border area, then by lobe and index.
    """
    who, where = np.nonzero(bids)
    order = np.lexsort((where, who, -bids[who, where], -score[who, where]))
    gains = np.zeros_like(score)
    mass, wish = pool.tolist(), left.tolist()
    unmet = sum(w > 0 for w in wish)
    for i, x in zip(who[order].tolist(), where[order].tolist(), strict=True):
        given = min(mass[x], wish[i])
        if given > 0:
            gains[i, x] = given
            mass[x] -= given
            wish[i] -= given
            unmet -= wish[i] <= 0
            if not unmet:
                break
    return gains


def shared(
    bids: np.ndarray, score: np.ndarray, pool: np.ndarray, left: np.ndarray, tolerance: np.ndarray
) -> np.ndarray:
    """Every voxel's pool split in proportion to the bids; what satisfied lobes did not need goes to the others."""
    gains = np.zeros_like(bids)
    pool, left = pool.copy(), left.copy()
    # Every round settles at least one lobe or sells the pool out.
    for _ in range(len(bids) + 1):
        wanting = left > tolerance
        if not wanting.any():
            break
        claims = bids * wanting[:, None]
        offer = pool * claims / np.maximum(claims.sum(axis=0), 1e-300)
        sold = np.zeros_like(pool)
        for i in np.flatnonzero(wanting):
            mine = np.flatnonzero(offer[i] > 0)
            given = share(offer[i, mine], bids[i, mine], score[i, mine], left[i], ranked=False)
            gains[i, mine] += given
            sold[mine] += given
            left[i] -= given.sum()
        pool = np.maximum(pool - sold, 0)
    return gains


def share(cap: np.ndarray, area: np.ndarray, score: np.ndarray, quota: float, ranked: bool) -> np.ndarray:
    """Divide ``quota`` among voxels that can give ``cap`` each; all of ``cap`` when that is too little.

    Ranked: best score first (ties: larger area, then lower index). Proportional: ``min(cap, t * weight)`` with the one
    ``t`` that meets the quota, found exactly by sorting the points at which voxels run dry.
    """
    if cap.sum() <= quota:
        return cap.copy()
    given = np.zeros_like(cap)
    if ranked:
        order = np.lexsort((-area, -score))
        given[order] = np.clip(quota - (np.cumsum(cap[order]) - cap[order]), 0, cap[order])
        return given
    weight = area * (1 + RANK_TILT * np.clip(score, -1, 1))
    dry = cap / weight
    order = np.argsort(dry, kind="stable")
    full = np.cumsum(cap[order]) - cap[order]
    rest = np.cumsum(weight[order][::-1])[::-1]
    level = (quota - full) / rest
    fits = level <= dry[order]
    first = int(np.argmax(fits)) if fits.any() else len(fits) - 1
    return np.minimum(cap, level[first] * weight)
