"""Evidence of absence: two one-sided tests (TOST), their power, and the four possible verdicts."""

from __future__ import annotations

import numpy as np
from scipy import stats

DIFFERENT = "different"
EQUIVALENT = "equivalent"
BOTH = "both"
INCONCLUSIVE = "inconclusive"

_NO_SPREAD = 1e-9
"""A standard error below this is none: the two groups are copies of each other."""


def difference_p(estimate: np.ndarray, se: np.ndarray, dof: float) -> np.ndarray:
    """Two-sided p that ``estimate`` is 0, t distributed with ``dof``; without spread, 1 if it is 0 and else 0."""
    estimate, se = np.asarray(estimate, float), np.asarray(se, float)
    safe = np.where(se > _NO_SPREAD, se, 1.0)
    exact = np.where(np.abs(estimate) > _NO_SPREAD, 0.0, 1.0)
    p = np.where(se > _NO_SPREAD, 2 * stats.t.sf(np.abs(estimate) / safe, dof), exact)
    return np.where(np.isnan(estimate) | np.isnan(se), np.nan, p)


def tost_p(estimate: np.ndarray, se: np.ndarray, dof: float, bound: float) -> np.ndarray:
    """p of equivalence: the larger of the two one-sided p that ``abs(estimate) < bound`` (Schuirmann 1987).

    >>> tost_p(np.array([0.0, 0.29]), np.array([0.1, 0.1]), 400, bound=0.3).round(3)
    array([0.001, 0.46 ])
    """
    estimate, se = np.asarray(estimate, float), np.asarray(se, float)
    safe = np.where(se > _NO_SPREAD, se, 1.0)
    exact = np.where(np.abs(estimate) < bound, 0.0, 1.0)
    p = np.where(se > _NO_SPREAD, stats.t.sf((bound - np.abs(estimate)) / safe, dof), exact)
    return np.where(np.isnan(estimate) | np.isnan(se), np.nan, p)


def tost_power(se: np.ndarray, dof: float, bound: float, alpha: float = 0.05) -> np.ndarray:
    """Chance that TOST declares equivalence when the true difference is exactly 0.

    >>> round(float(tost_power(np.sqrt(1 / 222 + 1 / 199), 419, bound=0.3)), 2)
    0.84
    """
    se = np.asarray(se, float)
    with np.errstate(divide="ignore"):
        margin = bound / se - stats.t.ppf(1 - alpha, dof)
    return np.clip(2 * stats.t.cdf(margin, dof) - 1, 0.0, 1.0)


def verdict(different: bool, equivalent: bool) -> str:
    """One of `DIFFERENT`, `EQUIVALENT`, `BOTH` (there, but smaller than the bound) and `INCONCLUSIVE`.

    >>> verdict(True, False), verdict(True, True), verdict(False, False)
    ('different', 'both', 'inconclusive')
    """
    if different:
        return BOTH if equivalent else DIFFERENT
    return EQUIVALENT if equivalent else INCONCLUSIVE
