"""How much of an effect comes back: a ratio of two effects, with a percentile interval."""

from __future__ import annotations

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.statistics import bootstrap


def recovery_ratio(
    effect: float, target: float, drawn: np.ndarray, drawn_target: np.ndarray | float, n: int
) -> Estimate:
    """``effect / target`` with its 95 % percentile interval: a ratio is skewed, so that ``+- t * se`` does not hold.

    Known failure: where replicates of the target change their sign, the interval need not hold the estimate.

    Args:
        effect: what was found.
        target: what it should be.
        drawn: ``(replicates,)`` of the effect.
        drawn_target: the same replicates of the target, or the target itself where it is known.
        n: people.

    >>> recovery_ratio(0.4, 0.5, np.array([0.3, 0.4, 0.5]), 0.5, 20).value
    0.8
    """
    low, high = bootstrap.percentiles(drawn / drawn_target)
    return Estimate(float(effect / target), float(low), float(high), n)
