"""CMG on tissue fractions: the ventricles open into white matter and deep grey, or close and leave room to them.

The paper's rule for a cortical region, read across another border: to grow, voxels of the border are ranked by
``P_ventricles - (P_white + P_deep_grey)``, to shrink by the opposite, and filled or emptied one after the other.
Fluid outside the ventricles, the cortex and every other tissue stay.
"""

from __future__ import annotations

import numpy as np

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.methods.pcgm.cmg.border import border_areas
from pcgm_bench.methods.pcgm.cmg.border import box_around
from pcgm_bench.methods.pcgm.cmg.border import nearby
from pcgm_bench.methods.pcgm.cmg.change import LAYERS
from pcgm_bench.methods.pcgm.cmg.change import VENTRICLE_CLIP
from pcgm_bench.methods.pcgm.cmg.change import VENTRICLES
from pcgm_bench.methods.pcgm.cmg.change import RegionChange
from pcgm_bench.methods.pcgm.cmg.change import check_ratio
from pcgm_bench.methods.pcgm.cmg.rank import share

VENTRICLE = CHANNELS.index(VENTRICLES)
WALLS = [CHANNELS.index(name) for name in ("white_matter", "deep_grey")]
"""What the ventricles border on and trade with."""


def move_ventricles(
    fractions: np.ndarray,
    ratio: float,
    posteriors: np.ndarray,
    *,
    ranked: bool = True,
    voxel_ml: float = 0.027,
    layers: int = LAYERS,
) -> RegionChange:
    """Write ventricles of ``ratio`` times their volume into ``fractions``; returns the account.

    Args:
        fractions: ``(12, X, Y, Z)``; changed in place, in the channels of ventricles, white matter and deep grey.
        ratio: asked over factual volume; clipped to 1 +- `VENTRICLE_CLIP`.
        posteriors: as ``fractions``, for the ranking alone.
        ranked: the paper's rule; else every border voxel a share, see `fractional.counterfactual_fractions`.
        voxel_ml: mL of a voxel.
        layers: number of voxel layers from the border that may change.

    Raises:
        UserError: the ratio is not a positive number.
    """
    kept, clipped = check_ratio(VENTRICLES, ratio, VENTRICLE_CLIP)
    before = float(fractions[VENTRICLE].sum(dtype=np.float64))
    asked = before * (kept - 1)
    box = (slice(None), *box_around(fractions[VENTRICLE], layers))
    old, ranks = fractions[box].astype(np.float64), posteriors[box].astype(np.float64)
    fluid, walls = old[VENTRICLE].copy(), old[WALLS].copy()
    score = np.sign(asked) * (ranks[VENTRICLE] - ranks[WALLS].sum(axis=0))
    left, used = abs(asked), 0
    for layer in range(1, layers + 1):
        if left <= 1e-10 * (1 + abs(asked)):
            break
        giver, taker = (walls.sum(axis=0), fluid) if asked > 0 else (fluid, walls.sum(axis=0))
        where, area = border_areas(giver, taker)
        given = np.zeros_like(fluid)
        given.ravel()[where] = share(giver.ravel()[where], area, score.ravel()[where], left, ranked)
        walls -= np.sign(asked) * given * (_parts(walls) if asked > 0 else _parts(np.stack([*map(nearby, walls)])))
        fluid += np.sign(asked) * given
        left, used = left - float(given.sum()), layer
    _write(fractions[box], old, fluid, walls)
    achieved = float(fractions[VENTRICLE].sum(dtype=np.float64)) - before
    return RegionChange(VENTRICLES, kept, clipped, before, asked, achieved, used, voxel_ml)


def _parts(walls: np.ndarray) -> np.ndarray:
    """White matter's and deep grey's shares of a voxel's wall, ``(2, X, Y, Z)``; equal where there is none."""
    total = walls.sum(axis=0)
    return np.where(total > 0, walls / np.where(total > 0, total, 1), 0.5)


def _write(view: np.ndarray, old: np.ndarray, fluid: np.ndarray, walls: np.ndarray) -> None:
    """Changed voxels alone, so that what nobody moved stays to the bit."""
    for channel, new in ((VENTRICLE, fluid), *zip(WALLS, walls, strict=True)):
        moved = new != old[channel]
        view[channel][moved] = np.maximum(new, 0)[moved]
