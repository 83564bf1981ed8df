"""The mean of a sample, with its t interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Mean:
    """A mean.

    Attributes:
        value: NaN of no values.
        low: lower end of the 95 % t interval; NaN of fewer than two values.
        high: upper end.
        sd: standard deviation, ``ddof=1``.
        n: how many values.
    """

    value: float
    low: float
    high: float
    sd: float
    n: int


def mean_of(values: np.ndarray) -> Mean:
    """Mean of ``(n,)`` values.

    >>> mean = mean_of(np.array([1.0, 2.0, 3.0]))
    >>> mean.value, mean.sd, round(mean.high, 2)
    (2.0, 1.0, 4.48)
    """
    n = len(values)
    value = float(values.mean()) if n else float("nan")
    sd = float(values.std(ddof=1)) if n > 1 else float("nan")
    half = float(stats.t.ppf(0.975, n - 1) * sd / np.sqrt(n)) if n > 1 else float("nan")
    return Mean(value, value - half, value + half, sd, n)
