"""A straight line by least squares, with the interval of its slope."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm
from scipy import stats


@dataclass(frozen=True)
class Line:
    """A fitted line.

    Attributes:
        slope: of y on x.
        low: lower end of its 95 % interval.
        high: upper end.
        intercept: y where x is 0.
    """

    slope: float
    low: float
    high: float
    intercept: float


def fitted_line(x: np.ndarray, y: np.ndarray, people: np.ndarray) -> Line:
    """Least squares with intercept and 95 % t intervals; cluster-robust where a person has several points.

    Args:
        x: ``(n,)``.
        y: ``(n,)``. Where it does not vary the slope is 0, and so are the ends of its interval.
        people: ``(n,)`` whose each point is.

    >>> fitted_line(np.array([0.0, 1.0, 2.0]), np.array([5.0, 5.0, 5.0]), np.array(["a", "b", "c"]))
    Line(slope=0.0, low=0.0, high=0.0, intercept=5.0)
    """
    if np.ptp(y) == 0:
        return Line(0.0, 0.0, 0.0, float(y[0]))
    model = sm.OLS(y, sm.add_constant(x))
    codes = np.unique(people, return_inverse=True)[1]
    repeated = codes.max() + 1 < len(people)
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": codes}, use_t=True) if repeated else model.fit()
    low, high = fit.conf_int()[1]
    return Line(float(fit.params[1]), float(low), float(high), float(fit.params[0]))


def detectable_slope_error(low: float, high: float, n: int, power: float = 0.8) -> float:
    """Smallest error of a slope that its two-sided t-test at 0.05 shows with this power.

    Args:
        low: lower end of the slope's 95 % t interval.
        high: upper end.
        n: points of the line.
        power: of the test.

    >>> round(detectable_slope_error(0.9, 1.1, 24), 3)
    0.141
    """
    t = stats.t.ppf(0.975, n - 2)
    return float((high - low) / 2 / t * (t + stats.t.ppf(power, n - 2)))
