"""Corrections for many tests; a missing p stays missing and does not count as a test.

Written out because the library's function sweeps the whole process's garbage at every call, which costs a study of
hundreds of columns minutes; the tests hold both to the same numbers.
"""

from __future__ import annotations

import numpy as np


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down adjusted p ``(k,)``: familywise error held under any dependence (Holm 1979).

    >>> holm(np.array([0.01, 0.04, 0.03])).round(3)
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p, float)
    order = np.argsort(p)  # NaN last
    tests = int((~np.isnan(p)).sum())
    stepped = np.maximum.accumulate(p[order[:tests]] * np.arange(tests, 0, -1))
    adjusted = np.full_like(p, np.nan)
    adjusted[order[:tests]] = np.minimum(stepped, 1.0)
    return adjusted


def bonferroni(p: np.ndarray) -> np.ndarray:
    """Bonferroni's adjusted p ``(k,)``.

    >>> bonferroni(np.array([0.01, 0.5])).round(3)
    array([0.02, 1.  ])
    """
    p = np.asarray(p, float)
    return np.minimum(p * (~np.isnan(p)).sum(), 1.0)
