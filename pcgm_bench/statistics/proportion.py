"""Shares of people or images, with an interval."""

from __future__ import annotations

from statsmodels.stats.proportion import proportion_confint


def wilson(count: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % interval of ``count`` of ``n``; holds the share itself, whatever is rounded.

    >>> low, high = wilson(46, 100)
    >>> round(low, 3), round(high, 3)
    (0.366, 0.557)
    """
    share = count / n
    low, high = proportion_confint(count, n, method="wilson")
    # The interval's end at 0 or 1 can miss the estimate by a rounding error.
    return min(float(low), share), max(float(high), share)
