"""Bootstrap by subject: people are drawn with all their readings, within their group."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import stats


def resample(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Row indices ``(n,)`` of one replicate: drawn with replacement within every level of ``groups (n,)``.

    >>> groups = np.array([0, 0, 1, 1, 1])
    >>> np.bincount(groups[resample(groups, np.random.default_rng(0))])
    array([2, 3])
    """
    drawn = np.empty(len(groups), dtype=np.intp)
    for level in np.unique(groups):
        members = np.flatnonzero(groups == level)
        drawn[members] = rng.choice(members, size=len(members))
    return drawn


def resample_many(groups: np.ndarray, times: int, rng: np.random.Generator) -> np.ndarray:
    """Row indices ``(times, n)`` of many replicates at once, each drawn as by `resample`."""
    drawn = np.empty((times, len(groups)), dtype=np.intp)
    for level in np.unique(groups):
        members = np.flatnonzero(groups == level)
        drawn[:, members] = members[rng.integers(len(members), size=(times, len(members)))]
    return drawn


def replicate(
    statistic: Callable[[np.ndarray, np.random.Generator], np.ndarray],
    groups: np.ndarray,
    n: int,
    seed: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> np.ndarray:
    """``n`` replicates of ``statistic(indices, rng)`` (or of the data it draws), stacked ``(n, ...)``.

    Replicate i depends on ``(seed, i)`` alone, so that two systems scored on the same people meet the same draws
    and their difference can be taken replicate by replicate.
    """
    results = []
    for i in range(n):
        rng = np.random.default_rng([seed, i])
        results.append(statistic(resample(groups, rng), rng))
        progress(i + 1, n)
    return np.stack(results)


@lru_cache(maxsize=4)
def _draws_of_people(n: int, seed: int, replicates: int) -> np.ndarray:
    """Row indices ``(replicates, n)``, kept: every statistic of the same people meets the same draws."""
    drawn = replicate(lambda rows, _rng: rows, np.zeros(n, int), replicates, seed)
    drawn.setflags(write=False)
    return drawn


def standard_error(replicates: np.ndarray, n: int, parameters: int) -> np.ndarray:
    """Standard deviation over replicates, widened by ``sqrt(n / (n - parameters))``.

    The plain bootstrap of a regression forgets the degrees of freedom that its parameters took.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a region that nobody measured is all NaN, and stays NaN
        spread = np.nanstd(replicates, axis=0, ddof=1)
    return spread * np.sqrt(n / max(n - parameters, 1))


def interval(estimate: np.ndarray, se: np.ndarray, dof: float, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """``estimate -+ t * se``: the interval that agrees with the tests made from the same ``se``."""
    half = stats.t.ppf(0.5 + level / 2, dof) * np.asarray(se)
    return estimate - half, estimate + half


def percentiles(replicates: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval over the first axis: for skewed quantities such as ratios."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        low, high = np.nanquantile(replicates, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return low, high


def over_people(
    statistic: Callable[[np.ndarray], float],
    n: int,
    seed: int,
    replicates: int = 1000,
    least: float = -np.inf,
    most: float = np.inf,
) -> dict[str, Any]:
    """A statistic of ``n`` people with its 95 % interval ``value -+ t * se``, cut at the ends of its range.

    Args:
        statistic: of row indices, repeats allowed.
        n: people; with one there is no interval (NaN).
        seed: of the bootstrap.
        replicates: of the bootstrap.
        least: lower end of the range.
        most: upper end.

    >>> values = np.array([1.0, 2.0, 3.0, 4.0])
    >>> over_people(lambda rows: float(values[rows].mean()), 4, 0)["value"]
    2.5
    """
    value = float(statistic(np.arange(n)))
    if n < 2 or np.isnan(value):
        return {"value": value, "low": float("nan"), "high": float("nan"), "n": n}
    drawn = np.array([[statistic(rows)] for rows in _draws_of_people(n, seed, replicates)])
    low, high = interval(np.array([value]), standard_error(drawn, n, 1), n - 1)
    return {"value": value, "low": max(float(low[0]), least), "high": min(float(high[0]), most), "n": n}
