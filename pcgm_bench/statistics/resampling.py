"""Intervals of metrics of two sets (FID, KID, MMD, precision and recall) from halves drawn without replacement.

A bootstrap is wrong here: its duplicates have distance 0 to each other and look like a collapsed generator. Instead
both sets are cut at random into complementary halves, many times, and the metric is taken on both. What deviates
linearly with the sample deviates by opposite amounts in the two halves, and a pair of rows that one half holds is
missing in the other, so that minus the covariance between the halves is the variance of linear and quadratic part at
full size. It is a noisy estimate where the linear part vanishes (two samples of one population). What is left then,
the quadratic part, is known better from the variance of the pair's mean, which keeps the estimate from falling below
`FLOOR` of it. All of it would be too much: the larger of two estimates of one variance is too large.

What is covered is the metric's expected value *at this n*: for a biased metric such as FID that is not its value at
infinity. Measured coverage of the nominal 95 % is in the tests and on the metrics' page.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

PAIRS = 100
"""Pairs of halves: 200 evaluations of the metric."""
FLOOR = 0.6
"""Share of the quadratic part that the variance never falls below."""
LEAST = 4
"""Fewest units on a side, so that a half has two."""

Statistic = Callable[[np.ndarray, np.ndarray], float]
"""``(rows of the real set, rows of the made set) -> value``."""


def half_interval(
    statistic: Statistic,
    n: int,
    m: int,
    seed: int = 0,
    pairs: int = PAIRS,
    least: float = -np.inf,
    most: float = np.inf,
    real_units: np.ndarray | None = None,
    *,
    rough: bool = False,
) -> tuple[float, float, float]:
    """Value at full size and the ends of its 95 % interval.

    Args:
        statistic: of row indices; never given a row twice.
        n: rows of the real set.
        m: rows of the made set.
        seed: of the halves.
        pairs: of halves.
        least: lower end of the metric's range; the interval is cut there.
        most: upper end.
        real_units: whose each real row is ``(n,)``; a person's scans stay in one half. None: every row its own.
        rough: the metric counts (who is whose neighbour), so that halves do not deviate by opposite amounts: take the
            variance over halves itself, which is that at full size.

    Returns:
        ``value, low, high``; the interval is NaN for fewer than `LEAST` units on a side.
    """
    value = float(statistic(np.arange(n), np.arange(m)))
    owners = np.arange(n) if real_units is None else np.unique(real_units, return_inverse=True)[1]
    people = int(owners.max()) + 1
    if min(people, m) < LEAST:
        return value, float("nan"), float("nan")
    rng = np.random.default_rng([seed, 31])
    found = np.empty((pairs, 2))
    for pair in range(pairs):
        first, second = rng.permutation(people), rng.permutation(m)
        for side in (0, 1):
            real = np.flatnonzero(np.isin(owners, _half(first, side)))
            found[pair, side] = statistic(real, np.sort(_half(second, side)))
    centred = found - found.mean()
    linear = -float((centred[:, 0] * centred[:, 1]).mean())
    rest = float(found.mean(axis=1).var(ddof=1))
    variance = float(centred.var()) if rough else max(linear, FLOOR * rest)
    half = float(stats.t.ppf(0.975, min(people, m) - 1)) * np.sqrt(variance)
    return value, max(value - half, min(least, value)), min(value + half, max(most, value))


def _half(order: np.ndarray, side: int) -> np.ndarray:
    size = len(order) // 2
    return order[side * size : (side + 1) * size]
