"""A mean with an interval of the normal distribution."""

from __future__ import annotations

import numpy as np

from pcgm_bench.contracts import Estimate


def normal_mean(values: np.ndarray) -> Estimate:
    """Mean of ``values (n,)`` with its 95 % interval ``mean +- 1.96 * standard error``; needs two values.

    Bias: a little too narrow below about 30 values, where Student's t would be wider.

    >>> normal_mean(np.array([1.0, 2.0, 3.0])).value
    2.0
    """
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    mean = float(values.mean())
    return Estimate(mean, float(mean - half), float(mean + half), len(values))
