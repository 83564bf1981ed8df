"""Does CMG move the voxels that truly move? ``python tools/mask_truth.py HOME [SEED] [PEOPLE]``.

Phantom people (seed 12 unless said) get true masks of every lobe 5 % smaller and larger, all at once, and of ventricles
10 % smaller, 10 % and 30 % larger. Both rules of the mask generator, and the paper's scaling of posteriors read on
fractions (`scaled`), start from the true factual mask and reach for the true volumes. Prints, by region and rule: the
overlap of the two changes (twice the shared change over the sum of both; 1 is the same change) and their correlation,
means over people and doses, and the share of the volume that was not reached.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.phantom.make import ensure
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.methods.pcgm.cmg.fractional import counterfactual_fractions

REQUESTS: tuple[Mapping[str, float], ...] = (
    *(dict.fromkeys(LOBE_NAMES, factor) for factor in (0.95, 1.05)),
    *({"ventricles": factor} for factor in (0.9, 1.1, 1.3)),
)
PER_GROUP = 4


def main() -> None:
    """Draw, change and print."""
    home = Path(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 12
    people = int(sys.argv[3]) if len(sys.argv) > 3 else 6
    cohort = ensure(Recipe(seed=seed, per_group=PER_GROUP), home)
    rows = []
    for index in range(people):
        before = cohort.truth(cohort[index], {}).fractions
        for request in REQUESTS:
            rows += compared(before, cohort.truth(cohort[index], request).fractions, list(request))
    means = pd.DataFrame(rows).groupby(["region", "rule"], sort=False).mean()
    print(f"seed {seed}, {people} people")
    print(means.round(3).to_string())


def compared(before: np.ndarray, after: np.ndarray, regions: list[str]) -> list[dict[str, object]]:
    """One row a region and rule."""
    channels = {region: CHANNELS.index(region) for region in regions}
    ratios = {r: float(after[c].sum(dtype=float) / before[c].sum(dtype=float)) for r, c in channels.items()}
    rows: list[dict[str, object]] = []
    for rule in ("ranked", "proportional"):
        mask = counterfactual_fractions(before, ratios, allocation=rule)
        for region, c in channels.items():
            change = mask.changes[region]
            found = agreement(mask.fractions[c] - before[c], after[c] - before[c])
            rows.append({"region": region, "rule": rule, **found, "short": change.shortfall / abs(change.asked)})
    for region, c in channels.items():
        found = agreement(scaled(before, region, ratios[region]) - before[c], after[c] - before[c])
        rows.append({"region": region, "rule": "scaled", **found, "short": 0.0})
    return rows


def scaled(fractions: np.ndarray, region: str, ratio: float) -> np.ndarray:
    """The region's fraction, times one factor in every voxel against what it trades with, at the volume asked."""
    walls = ("white_matter", "deep_grey") if region == "ventricles" else ("csf",)
    other = fractions[[CHANNELS.index(name) for name in walls]].sum(axis=0, dtype=np.float64)
    own = fractions[CHANNELS.index(region)].astype(np.float64)

    def at(log_factor: float) -> np.ndarray:
        grown = np.exp(log_factor) * own
        return grown * (own + other) / np.maximum(grown + other, 1e-12)

    return at(brentq(lambda log_factor: float(at(log_factor).sum() - ratio * own.sum()), -6, 6))


def agreement(made: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Overlap and correlation of two changes."""
    shared = np.minimum(np.abs(made), np.abs(true)) * (made * true > 0)
    overlap = 2 * shared.sum() / (np.abs(made).sum() + np.abs(true).sum())
    return {"overlap": float(overlap), "r": float(np.corrcoef(made.ravel(), true.ravel())[0, 1])}


if __name__ == "__main__":
    main()
