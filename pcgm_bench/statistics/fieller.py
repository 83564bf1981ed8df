"""The ratio of two estimates, with Fieller's interval: it always holds the ratio, and says where there is none."""

from __future__ import annotations

import math

from scipy import stats

from pcgm_bench.contracts import Estimate

NOT_DETERMINED = "not determined: the interval of what is divided by includes 0"


def fieller_ratio(
    top: float, bottom: float, top_variance: float, bottom_variance: float, covariance: float, dof: float, n: int
) -> Estimate:
    """``top / bottom`` with its 95 % interval (Fieller 1954).

    The interval holds every ratio ``r`` for which ``top - r * bottom`` is not told from 0. It is a finite one only
    where ``bottom`` itself is told from 0; elsewhere there is no estimate, and a reason.

    Args:
        top: estimate.
        bottom: estimate.
        top_variance: squared standard error of ``top``.
        bottom_variance: likewise; 0 where it is known exactly.
        covariance: of the two estimates.
        dof: degrees of freedom of the standard errors.
        n: people.

    >>> ratio = fieller_ratio(0.4, 0.5, 0.01, 0.0, 0.0, 1e6, 20)
    >>> round(ratio.value, 2), round(ratio.low, 2), round(ratio.high, 2)
    (0.8, 0.41, 1.19)
    >>> fieller_ratio(0.4, 0.1, 0.01, 0.01, 0.0, 1e6, 20).reason
    'not determined: the interval of what is divided by includes 0'
    """
    numbers = (top, bottom, top_variance, bottom_variance, covariance)
    if not all(math.isfinite(number) for number in numbers):
        return Estimate(n=n, reason="not measured")
    t2 = float(stats.t.ppf(0.975, dof)) ** 2
    square = bottom**2 - t2 * bottom_variance
    if square <= 0:
        return Estimate(n=n, reason=NOT_DETERMINED)
    middle = top * bottom - t2 * covariance
    root = math.sqrt(max(middle**2 - square * (top**2 - t2 * top_variance), 0.0))
    ratio = top / bottom + 0.0  # never -0
    # A rounding error may leave an end on the wrong side of the ratio.
    return Estimate(ratio, min((middle - root) / square + 0.0, ratio), max((middle + root) / square + 0.0, ratio), n)
