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
from pcgm_bench.statistics.multiplicity import holm
from pcgm_bench.studies.aud.comparisons import ALPHA
from pcgm_bench.studies.aud.comparisons import COLUMNS
from pcgm_bench.studies.aud.comparisons import COUNTED
from pcgm_bench.studies.aud.pattern import Pattern
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import Sample
from pcgm_bench.studies.aud.simulated_cohorts import simulated_cohorts
from pcgm_bench.studies.aud.sound_rule import PARAMETERS
from pcgm_bench.studies.aud.sound_rule import people_in

COHORTS = 400
"""Simulated cohorts: a chance of .9 is known to .015."""

TOGETHER = 0.9
"""Chance that the truth passes all cells of a verdict together; so each of them in at least as many cohorts."""

FAIL_LEVEL = 0.01
"""Level of every family of tests that can fail a right row by chance."""

ERROR_SHARE = 0.5
"""A person's counterfactual may be off the right volumes by half of the change that was to be made."""

READING = 0.01
"""Log-s.d. of one reading of a lobe where the cohort does not show it: what the segmenter shows on phantoms
(docs/concepts/segmenter.md)."""

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
        change_error: lobe -> ``(cohorts,)`` error of the counterfactuals, person by person, over the change; NaN where
            nothing is to change.
        allowed_error: the same where the images are off by the share of the change that is allowed (`ERROR_SHARE`).
    """

    chance: Mapping[Cell, float]
    decidable: frozenset[Cell]
    change_error: Mapping[str, np.ndarray]
    allowed_error: Mapping[str, np.ndarray]


def worst_of(errors: Mapping[str, np.ndarray], lobes: Sequence[str]) -> np.ndarray:
    """``(cohorts,)`` the largest error of these lobes."""
    return np.max([errors[lobe] for lobe in lobes], axis=0)


def truth_power(
    sample: Sample, pattern: Pattern, seed: int, reading: np.ndarray | float = READING, *, is_fitted: bool
) -> TruthPower:
    """Simulate cohorts in which ``pattern`` is true.

    Args:
        sample: of real scans.
        pattern: what is right; lobes that nobody knows are simulated without an effect, and take no part.
        seed: of the draws.
        reading: ``(6,)`` log-s.d. of one reading of each lobe.
        is_fitted: counterfactuals are those of a causal model that is fitted to each simulated cohort, not the truth.
    """
    rng = np.random.default_rng([seed, 23, is_fitted])
    change = np.nan_to_num(pattern.log_change)
    reading = np.broadcast_to(reading, change.shape)
    cohorts = simulated_cohorts(sample, change, COHORTS, reading, rng, is_fitted=is_fitted)
    columns = [COLUMNS[name] for name in COUNTED]
    d = cohorts.effects(columns)
    errors_of_d = cohorts.standard_errors(columns, rng)
    se_of_d = np.resize(errors_of_d, d.shape)  # the cohorts that were bootstrapped, again and again
    right = {}
    for i, column in enumerate(columns):
        dof = max(people_in(column, sample) - PARAMETERS, 1)
        se = se_of_d[:, i]
        p = np.stack([holm(row) for row in equivalence.difference_p(d[:, i], se, dof)])
        is_same = equivalence.tost_p(d[:, i], se, dof, column.bound) <= ALPHA
        for k, lobe in enumerate(LOBES):
            sign = pattern.sign(lobe) if column.effect else 0
            if not (column.effect and lobe in pattern.unknown):
                shown = (p[:, k] <= ALPHA) & (sign * d[:, i, k] > 0) if sign else is_same[:, k]
                right[column.name, lobe] = shown
    bias = cohorts.shift() - np.where(sample.patient[:, None], -1.0, 1.0) * change
    return TruthPower(
        chance={cell: float(shown.mean()) for cell, shown in right.items()},
        decidable=_together(right),
        change_error=_change_error(bias, np.zeros(len(LOBES)), change, reading, rng),
        allowed_error=_change_error(bias, ERROR_SHARE * np.abs(change), change, reading, rng),
    )


def _change_error(
    bias: np.ndarray, scatter: np.ndarray, change: np.ndarray, reading: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Lobe -> ``(cohorts,)`` error of counterfactuals over the change; the noise of both readings is taken out.

    Args:
        bias: ``(cohorts, n, 6)`` what the causal model gets wrong about each person.
        scatter: ``(6,)`` log-s.d. of what the images add.
        change: ``(6,)`` what the diagnosis does.
        reading: ``(6,)`` log-s.d. of one reading.
        rng: random numbers.
    """
    noise = np.sqrt(2) * reading * rng.standard_normal(bias.shape)
    error = bias + scatter * rng.standard_normal(bias.shape) + noise
    excess = (error**2).mean(axis=1) - noise.var(axis=1, ddof=1)
    share = np.sqrt(np.maximum(excess, 0.0)) / np.where(change == 0, np.nan, np.abs(change))
    return {lobe: share[:, k] for k, lobe in enumerate(LOBES)}


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
