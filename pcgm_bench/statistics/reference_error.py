"""How far measurements of the same people are from a reference, and how that compares with another set's error."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.statistics import bootstrap


def rms_error(error: np.ndarray, groups: np.ndarray, replicates: int, seed: int) -> list[Estimate]:
    """Root mean square over people, region by region, with a 95 % percentile interval by bootstrap.

    Args:
        error: ``(n, k)`` measurement minus reference, in any unit.
        groups: ``(n,)`` whom a replicate draws from: people are drawn within their group.
        replicates: of the bootstrap.
        seed: of the bootstrap.
    """
    drawn = bootstrap.replicate(lambda rows, _rng: _rms(error[rows]), groups, replicates, seed)
    low, high = bootstrap.percentiles(drawn)
    value = _rms(error)
    # The order of a sum may leave an end on the wrong side of the value.
    low, high = np.minimum(low, value), np.maximum(high, value)
    return [Estimate(float(value[k]), float(low[k]), float(high[k]), len(error)) for k in range(error.shape[1])]


def _rms(error: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt((error**2).mean(axis=0)))


def error_share(error: Estimate, unchanged: Estimate) -> Estimate:
    """One error over another, with the interval of a ratio of two independent estimates, on the log scale.

    Bias: the same people are in both, so the interval is too wide. There is none where an error is exactly 0.

    >>> error_share(Estimate(1.0, 0.5, 2.0, 9), Estimate(2.0, 2.0, 2.0, 9))
    Estimate(value=0.5, low=0.25, high=1.0, n=9, reason='', note='', details={}, parts={}, by_unit={})
    """
    if not unchanged.value:
        return Estimate(n=error.n, reason="the unchanged measurements have no error")
    ratio = error.value / unchanged.value
    if not (error.low and unchanged.low):
        return Estimate(ratio, n=error.n)
    down = math.hypot(math.log(error.value / error.low), math.log(unchanged.high / unchanged.value))
    up = math.hypot(math.log(error.high / error.value), math.log(unchanged.value / unchanged.low))
    return Estimate(ratio, ratio * math.exp(-down), ratio * math.exp(up), error.n)


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """Mean of several estimates; its half-width is the mean of theirs, which holds for any correlation between them.

    ``n`` is the least of theirs.

    >>> mean_of([Estimate(1.0, 0.5, 1.5, 9), Estimate(2.0, 1.0, 3.0, 8)])
    Estimate(value=1.5, low=0.75, high=2.25, n=8, reason='', note='', details={}, parts={}, by_unit={})
    """
    ends = ([e.value for e in estimates], [e.low for e in estimates], [e.high for e in estimates])
    value, low, high = (sum(end) / len(estimates) for end in ends)
    return Estimate(value, low, high, min(estimate.n for estimate in estimates))
