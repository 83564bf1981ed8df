"""A share of right answers against chance: different from it, or equivalent to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from statsmodels.stats.proportion import binom_test
from statsmodels.stats.proportion import binom_tost

from pcgm_bench.statistics.proportion import wilson

CHANCE = 0.5
MARGIN = 0.1
"""Accuracies within this of chance count as chance (100 cases cannot show less; see `docs/concepts/reader.md`)."""
REPLICATES = 2000


@dataclass(frozen=True)
class Accuracy:
    """A share of right answers.

    Attributes:
        value: the share.
        low: lower end of its 95 % interval.
        high: upper end.
        n: answers.
        right: right ones.
        p: two-sided binomial test against chance.
        p_chance: TOST against chance +- `MARGIN`: small where the share is shown to be chance.
    """

    value: float
    low: float
    high: float
    n: int
    right: int
    p: float
    p_chance: float


def accuracy(right: int, n: int) -> Accuracy:
    """A share with its Wilson interval.

    >>> share = accuracy(46, 100)
    >>> round(share.p, 2), round(share.p_chance, 2)
    (0.48, 0.13)
    """
    low, high = wilson(right, n)
    return Accuracy(
        value=right / n,
        low=low,
        high=high,
        n=n,
        right=right,
        p=float(binom_test(right, n, CHANCE)),
        p_chance=float(binom_tost(right, n, CHANCE - MARGIN, CHANCE + MARGIN)[0]),
    )


def bootstrap_over_cases(right: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mean accuracy in `REPLICATES` draws of cases, all observers' answers to a case together.

    Args:
        right: ``(cases, observers)``, whether each answer was right.
        rng: draws.
    """
    per_case = right.astype(float).mean(axis=1)
    return np.asarray(per_case[rng.integers(len(per_case), size=(REPLICATES, len(per_case)))].mean(axis=1))


def is_at_chance(drawn: np.ndarray) -> bool:
    """Whether the 90 % interval of bootstrap replicates lies within `MARGIN` of chance (TOST at 5 %)."""
    low, high = np.quantile(drawn, [0.05, 0.95])
    return bool(low > CHANCE - MARGIN and high < CHANCE + MARGIN)
