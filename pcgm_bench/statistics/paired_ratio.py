"""Two systems by a positive and skewed number of the same people: the ratio, and two tests of it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from pcgm_bench.statistics.multiplicity import holm

LEAST = 1e-12
"""Stands in for a value of 0, whose logarithm there is not."""
NAN = float("nan")


@dataclass(frozen=True)
class PairedRatio:
    """A comparison of two systems.

    Attributes:
        n: people that both have.
        ratio: geometric mean of first over second; below 1 where the first is smaller. NaN without people.
        t: of the paired t-test of the values; NaN of fewer than three people, or where no difference varies.
        p_t: its p.
        p: of Wilcoxon's signed-rank test of the logarithms; 1 where no pair differs, NaN of fewer than three people.
    """

    n: int
    ratio: float
    t: float
    p_t: float
    p: float


def paired_ratio(first: Mapping[str, float], second: Mapping[str, float]) -> PairedRatio:
    """Compare two systems on the people that both have.

    Args:
        first: person -> value, not negative.
        second: likewise.

    >>> halved = {name: 2.0**k for k, name in enumerate("abcdef")}
    >>> paired_ratio(halved, {name: 2 * value for name, value in halved.items()}).ratio
    0.5
    """
    shared = [name for name in first if name in second]
    a, b = (np.array([values[name] for name in shared]) for values in (first, second))
    logs = np.log(np.maximum(a, LEAST)) - np.log(np.maximum(b, LEAST))
    ratio = float(np.exp(logs.mean())) if shared else NAN
    if len(shared) < 3:
        return PairedRatio(len(shared), ratio, NAN, NAN, NAN)
    p = float(stats.wilcoxon(logs).pvalue) if logs.any() else 1.0
    if np.ptp(a - b) == 0:
        return PairedRatio(len(shared), ratio, NAN, NAN, p)
    test = stats.ttest_rel(a, b)
    return PairedRatio(len(shared), ratio, float(test.statistic), float(test.pvalue), p)


def holm_of(comparisons: Sequence[PairedRatio]) -> list[float]:
    """Holm's correction of their Wilcoxon p."""
    return [float(p) for p in holm(np.array([comparison.p for comparison in comparisons]))]
