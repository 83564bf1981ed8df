"""CMG on tissue fractions: a lobe takes mass from the cerebrospinal fluid of its border voxels, or gives mass to it.

The default on the 2-3 mm grids, where the cortex is about one voxel thick and a change of 3 % is a tenth of a
millimetre. Fractions play the part of the paper's posteriors, and the last voxel of a list changes in part. The
ventricles follow in `ventricles`: they trade with other tissues, so that neither waits for the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

import numpy as np

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.cmg.border import CONTACT
from pcgm_bench.methods.pcgm.cmg.border import border_areas
from pcgm_bench.methods.pcgm.cmg.border import box_around
from pcgm_bench.methods.pcgm.cmg.change import CLIP
from pcgm_bench.methods.pcgm.cmg.change import LAYERS
from pcgm_bench.methods.pcgm.cmg.change import VENTRICLES
from pcgm_bench.methods.pcgm.cmg.change import RegionChange
from pcgm_bench.methods.pcgm.cmg.change import check_ratios
from pcgm_bench.methods.pcgm.cmg.change import face_max
from pcgm_bench.methods.pcgm.cmg.rank import greedy
from pcgm_bench.methods.pcgm.cmg.rank import share
from pcgm_bench.methods.pcgm.cmg.rank import shared
from pcgm_bench.methods.pcgm.cmg.ventricles import move_ventricles

BACKGROUND, CSF, WHITE = (CHANNELS.index(name) for name in ("background", "csf", "white_matter"))
FIRST = len(CHANNELS) - len(LOBE_NAMES)
LOBE_COUNT = len(LOBE_NAMES)
CORTEX_FLOOR = 0.5
"""Share of the cortex that stays in a voxel that touches white matter, so that no fluid ever touches it."""


@dataclass(frozen=True)
class FractionalMask:
    """Counterfactual fractions and the account of every lobe.

    Attributes:
        fractions: ``(12, X, Y, Z)``, type of the input. Channels other than csf and lobes (background too, under
            ``background_as_csf``; ventricles, white matter and deep grey, where ventricles are asked for) are the
            input's to the bit.
        changes: by region: the lobes, and the ventricles where they are asked for.
    """

    fractions: np.ndarray
    changes: Mapping[str, RegionChange] = field(default_factory=dict)


def counterfactual_fractions(
    fractions: np.ndarray,
    ratios: Mapping[str, float],
    *,
    voxel_ml: float = 0.027,
    allocation: str = "ranked",
    posteriors: np.ndarray | None = None,
    background_as_csf: bool = False,
    limit: float = CLIP,
    layers: int = LAYERS,
) -> FractionalMask:
    """Fractions with every region at ``ratio`` times its volume.

    Lobes trade with csf alone, the ventricles with white matter and deep grey alone, and only across their border. All
    lobes are edited jointly, and nothing depends on their order. Growth is paid from the csf of the original fractions
    (what a shrinking lobe frees is not up for bids).

    Args:
        fractions: ``(12, X, Y, Z)``, channels of `pcgm_bench.anatomy.CHANNELS`, adding up to one.
        ratios: lobe, or ``ventricles`` -> asked over factual volume; what is not named keeps its own. Clipped to
            1 +- ``limit``, of the ventricles to 1 +- `VENTRICLE_CLIP`.
        voxel_ml: mL of a voxel.
        allocation: ``ranked`` (default) is the paper's rule to the letter: voxels in order of the posterior difference
            (``P_k - P_csf`` to grow, ``P_csf - P_k`` to shrink), each filled or emptied before the next; what several
            lobes want goes to the best bid. ``proportional`` gives every border voxel a share proportional to its
            border area (what the voxel holds of one tissue times what it and its neighbours hold of the other), tilted
            by the same difference, up to what it can give; what several lobes want is shared in proportion to their
            bids. On a coarse grid the ranked rule empties a few voxels and leaves the rest; a pial shift takes a little
            everywhere.
        posteriors: as ``fractions``, for the ranking alone; default the fractions.
        background_as_csf: treat background within ``layers`` voxels of a lobe as csf when csf is short (tight
            skull strips).
        limit: largest relative change.
        layers: number of voxel layers from the border that may change.

    Raises:
        UserError: wrong shape, non-finite fractions, unknown lobe, allocation or ratio.
    """
    if fractions.ndim != 4 or len(fractions) != len(CHANNELS):
        msg = f"CMG: fractions have shape {fractions.shape}; it needs ({len(CHANNELS)}, X, Y, Z)"
        raise UserError(msg)
    if allocation not in ("proportional", "ranked"):
        msg = f"CMG: unknown allocation {allocation!r}; use proportional or ranked"
        raise UserError(msg)
    if not np.isfinite(fractions).all():
        msg = "CMG: fractions hold values that are not numbers; segment the scan again"
        raise UserError(msg)
    wishes = check_ratios({name: ratio for name, ratio in ratios.items() if name != VENTRICLES}, limit)
    box = box_around(np.max(fractions[FIRST:], axis=0), layers)
    old = fractions[(slice(None), *box)].astype(np.float64)
    ranks = old if posteriors is None else posteriors[(slice(None), *box)].astype(np.float64)
    before = np.array([fractions[FIRST + k].sum(dtype=np.float64) for k in range(LOBE_COUNT)])
    asked = np.array([before[k] * (wishes[lobe][0] - 1) for k, lobe in enumerate(LOBE_NAMES)])
    state = _State(old, ranks, asked, allocation)
    used = _run(state, layers, background_as_csf)
    new = _write(fractions, box, state)
    changes = {}
    for k, lobe in enumerate(LOBE_NAMES):
        achieved = float((new[FIRST + k].astype(np.float64) - fractions[FIRST + k]).sum()) if used[k] else 0.0
        ratio, clipped = wishes[lobe]
        changes[lobe] = RegionChange(
            lobe, ratio, clipped, float(before[k]), float(asked[k]), achieved, int(used[k]), voxel_ml
        )
    if VENTRICLES in ratios:
        changes[VENTRICLES] = move_ventricles(
            new,
            ratios[VENTRICLES],
            fractions if posteriors is None else posteriors,
            ranked=state.ranked,
            voxel_ml=voxel_ml,
            layers=layers,
        )
    return FractionalMask(new, changes)


class _State:
    """Mass of the lobes and of their source inside the box, as the layers are worked off.

    ``pool`` is the csf (then background) still for sale; ``lobes`` the lobes' mass; ``floor`` the share that a
    shrinking lobe must leave; ``left`` what each lobe still has to gain or lose (positive).
    """

    def __init__(self, old: np.ndarray, ranks: np.ndarray, asked: np.ndarray, allocation: str) -> None:
        self.old, self.ranked = old, allocation == "ranked"
        self.pool = old[CSF].copy()
        self.lobes = old[FIRST:].copy()
        self.score = ranks[FIRST:] - ranks[CSF]
        self.grow = asked > 0
        self.left = np.abs(asked)
        near_white = np.maximum(old[WHITE], face_max(old[WHITE])) >= CONTACT
        self.floor = CORTEX_FLOOR * near_white
        self.from_background = np.zeros_like(self.pool)


def _run(state: _State, layers: int, background_as_csf: bool) -> np.ndarray:
    """Work off the layers, then the background if allowed; returns the number of layers each lobe used."""
    used = np.zeros(LOBE_COUNT, int)
    tolerance = 1e-10 * (1 + state.left)
    fluid = state.old[CSF] + (state.old[BACKGROUND] if background_as_csf else 0.0)
    for layer in range(1, layers + 1):
        open_ = state.left > tolerance
        used[open_] = layer
        _grow(state, open_ & state.grow, tolerance)
        freed = state.old[FIRST:] - state.lobes
        for k in np.flatnonzero(open_ & ~state.grow):
            _shrink(state, int(k), fluid + np.maximum(freed[k], 0))
    for _ in range(layers if background_as_csf else 0):
        open_ = (state.left > tolerance) & state.grow
        spent = state.pool.copy()
        state.pool = state.old[BACKGROUND] - state.from_background
        offered = state.pool.copy()
        _grow(state, open_, tolerance)
        state.from_background += offered - state.pool
        state.pool = spent
    return used


def _shrink(state: _State, k: int, fluid: np.ndarray) -> None:
    """One layer of a shrinking lobe: lobes' donors are their own, so no lobe waits for another."""
    lobe = state.lobes[k]
    where, area = border_areas(lobe, fluid)
    spare = np.maximum(lobe - state.floor * state.old[FIRST + k], 0).ravel()[where]
    given = share(spare, area, -state.score[k].ravel()[where], state.left[k], state.ranked)
    lobe.ravel()[where] -= given
    state.left[k] -= given.sum()


def _grow(state: _State, open_: np.ndarray, tolerance: np.ndarray) -> None:
    """One layer of all growing lobes: bids are computed together, then the pool is divided among them."""
    lobes = np.flatnonzero(open_)
    if not len(lobes):
        return
    borders = [border_areas(state.pool, state.lobes[k]) for k in lobes]
    bids = np.zeros((len(lobes), state.pool.size))
    for row, (where, area) in zip(bids, borders, strict=True):
        row[where] = area
    anyone = np.flatnonzero(bids.any(axis=0))
    bids = bids[:, anyone]
    pool = state.pool.ravel()[anyone]
    score = state.score[lobes].reshape(len(lobes), -1)[:, anyone]
    left = state.left[lobes].copy()
    ranked = state.ranked
    gains = greedy(bids, score, pool, left) if ranked else shared(bids, score, pool, left, tolerance[lobes])
    for row, k in zip(gains, lobes, strict=True):
        state.lobes[k].ravel()[anyone] += row
    state.pool.ravel()[anyone] = np.maximum(pool - gains.sum(axis=0), 0)
    state.left[lobes] -= gains.sum(axis=1)


def _write(fractions: np.ndarray, box: tuple[slice, ...], state: _State) -> np.ndarray:
    """Copy of the input with the changed voxels of the changed channels; csf balances in the output's own precision."""
    new = fractions.copy()
    balance = np.zeros_like(state.pool)
    for k in range(LOBE_COUNT):
        moved = state.lobes[k] != state.old[FIRST + k]
        view = new[FIRST + k][box]
        view[moved] = state.lobes[k][moved]
        balance += np.where(moved, view.astype(np.float64) - state.old[FIRST + k], 0.0)
    for channel, part in ((BACKGROUND, state.from_background), (CSF, balance - state.from_background)):
        moved = part != 0
        new[channel][box][moved] = np.maximum(state.old[channel] - part, 0)[moved]
    return new
