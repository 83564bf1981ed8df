"""What this many people can decide: the study on simulated cohorts in which the pattern is true.

Every simulated cohort has the sample's own ages, sexes, head sizes and group sizes; its volumes follow the sample's
regression and residual covariance, and the diagnosis does what the pattern says. Counterfactuals come from the truth,
or from a linear causal model fitted to the simulated people, as a method's must be. A verdict takes only the cells that
the truth would pass, so that a cell too weak to be shown cannot keep a right method from passing.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pcgm_bench.statistics import equivalence
from pcgm_bench.statistics.effects import partial_out
from pcgm_bench.statistics.multiplicity import holm
from pcgm_bench.studies.aud.comparisons import ALPHA
from pcgm_bench.studies.aud.comparisons import COLUMNS
from pcgm_bench.studies.aud.comparisons import COUNTED
from pcgm_bench.studies.aud.pattern import Pattern
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import Sample
from pcgm_bench.studies.aud.sound_rule import PARAMETERS
from pcgm_bench.studies.aud.sound_rule import effects
from pcgm_bench.studies.aud.sound_rule import people_in

COHORTS = 400
"""Simulated cohorts: a chance of .9 is known to .015."""

TOGETHER = 0.9
"""Chance that the truth passes all cells of a verdict together; so each of them in at least as many cohorts."""

FAIL_LEVEL = 0.01
"""Level of every family of tests that can fail a right row by chance."""

READING = 0.01
"""Log-s.d. of one reading of a lobe: what the segmenter shows on phantoms (docs/concepts/segmenter.md)."""

FOLDS = 5

Cell = tuple[str, str]
"""Column and lobe."""


@dataclass(frozen=True)
class TruthPower:
    """What the truth would show in a cohort like this one.

    Attributes:
        chance: column and lobe -> share of simulated cohorts in which the cell comes out right; NaN where nobody knows
            what is right.
        decidable: the cells that a verdict takes: the surest first, as long as all come out right together in
            `TOGETHER` of the cohorts.
        change_error: lobe -> ``(cohorts,)`` error of the counterfactuals over that of the unchanged scans.
    """

    chance: Mapping[Cell, float]
    decidable: frozenset[Cell]
    change_error: Mapping[str, np.ndarray]

    def worst_change(self, lobes: Sequence[str]) -> np.ndarray:
        """``(cohorts,)`` the largest error of these lobes' counterfactuals over that of the unchanged scans."""
        return np.max([self.change_error[lobe] for lobe in lobes], axis=0)


def truth_power(sample: Sample, pattern: Pattern, seed: int, *, is_fitted: bool) -> TruthPower:
    """Simulate cohorts in which ``pattern`` is true.

    Args:
        sample: of real scans.
        pattern: what is right; lobes that nobody knows are simulated without an effect, and take no part.
        seed: of the draws.
        is_fitted: counterfactuals are those of a causal model that is fitted to each simulated cohort, not the truth.
    """
    rng = np.random.default_rng([seed, 23, is_fitted])
    change = np.nan_to_num(pattern.log_change)
    real = _real(sample, change, rng)
    moved = np.where(sample.patient[:, None], -1.0, 1.0) * change
    if is_fitted:
        moved = _fitted_shift(sample, real, rng)
    noise = np.sqrt(2) * READING * rng.standard_normal(real.shape)
    cf = real + moved + (0.0 if is_fitted else noise)
    columns = [COLUMNS[name] for name in COUNTED]
    covariates = np.broadcast_to(sample.covariates, (COHORTS, *sample.covariates.shape))
    d = effects(columns, sample.patient, covariates, np.exp(real), np.exp(cf))[:, 0]
    right = {}
    for i, column in enumerate(columns):
        dof = max(people_in(column, sample) - PARAMETERS, 1)
        se = d[:, i].std(axis=0, ddof=1)
        p = np.stack([holm(row) for row in equivalence.difference_p(d[:, i], se, dof)])
        is_same = equivalence.tost_p(d[:, i], se, dof, column.bound) <= ALPHA
        for k, lobe in enumerate(LOBES):
            sign = pattern.sign(lobe) if column.effect else 0
            if not (column.effect and lobe in pattern.unknown):
                shown = (p[:, k] <= ALPHA) & (sign * d[:, i, k] > 0) if sign else is_same[:, k]
                right[column.name, lobe] = shown
    errors = moved - np.where(sample.patient[:, None], -1.0, 1.0) * change + noise
    unchanged = np.sqrt(change**2 + 2 * READING**2)
    share = np.sqrt((errors**2).mean(axis=1)) / unchanged
    return TruthPower(
        chance={cell: float(shown.mean()) for cell, shown in right.items()},
        decidable=_together(right),
        change_error={lobe: share[:, k] for k, lobe in enumerate(LOBES)},
    )


def _together(right: Mapping[Cell, np.ndarray]) -> frozenset[Cell]:
    """Cells taken one by one, the surest first, while all of them come out right together often enough."""
    together = np.ones(COHORTS, bool)
    taken: set[Cell] = set()
    for cell in sorted(right, key=lambda name: -right[name].mean()):
        both = together & right[cell]
        if both.mean() >= TOGETHER:
            together = both
            taken.add(cell)
    return frozenset(taken)


def _real(sample: Sample, change: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``(cohorts, n, 6)`` log volumes of people like these, whose diagnosis does ``change``."""
    group = sample.patient[:, None].astype(float)
    logs = np.log(np.where(sample.lobes > 0, sample.lobes, np.nan))
    known = np.nan_to_num(logs, nan=float(np.nanmean(logs)) if np.isfinite(logs).any() else 0.0)
    within = partial_out(known, np.column_stack([group, sample.covariates]))
    # Without the diagnosis' own part: what age, sex and head size explain among people of equal diagnosis.
    design = np.column_stack([np.ones(len(known)), group, sample.covariates - sample.covariates.mean(axis=0)])
    fitted = known - within - np.outer(group, np.linalg.lstsq(design, known, rcond=None)[0][1])
    covariance = np.atleast_2d(within.T @ within) / max(len(known) - PARAMETERS, 1)
    drawn = rng.multivariate_normal(np.zeros(len(LOBES)), covariance, (COHORTS, len(known)), method="eigh")
    return np.asarray(fitted + group * change + drawn)


def _fitted_shift(sample: Sample, real: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``(cohorts, n, 6)`` log change by a linear model fitted, in each cohort, on the people of the other folds."""
    group = sample.patient.astype(float)
    covariates = sample.covariates - sample.covariates.mean(axis=0)
    scale = covariates.std(axis=0)
    design = np.column_stack([np.ones(len(group)), covariates / np.where(scale > 0, scale, 1.0), group])
    fold = np.empty(len(group), int)
    for level in (0.0, 1.0):
        members = rng.permutation(np.flatnonzero(group == level))
        fold[members] = np.arange(len(members)) % FOLDS
    shift = np.zeros_like(real)
    for number in range(FOLDS):
        train, held_out = fold != number, fold == number
        weights = np.linalg.pinv(design[train])[-1]
        effect = np.einsum("n,snk->sk", weights, real[:, train])
        shift[:, held_out] = np.where(group[held_out] > 0, -1.0, 1.0)[:, None] * effect[:, None]
    return shift
