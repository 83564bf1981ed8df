"""Agreement beyond chance: of an observer with themselves, and of several observers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from statsmodels.stats.inter_rater import aggregate_raters
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.inter_rater import fleiss_kappa

from pcgm_bench.contracts import Estimate

LEAST_REPEATS = 5
"""With fewer, even an observer who agrees with themselves every time may do so by chance (1 in 16 for four repeats)."""


def kappa_with_self(first: np.ndarray, second: np.ndarray) -> Estimate:
    """Cohen's kappa of two answers of one observer to the same cases, ``(n,)`` bool each; or why there is none.

    >>> kappa_with_self(np.array([True, False]), np.array([True, False])).reason
    '2 repeats, and fewer than 5 cannot tell agreement from chance'
    """
    n = len(first)
    if not n:
        return Estimate(reason="no case was shown twice")
    if n < LEAST_REPEATS:
        said = f"{n} repeats" if n != 1 else "1 repeat"
        return Estimate(n=n, reason=f"{said}, and fewer than {LEAST_REPEATS} cannot tell agreement from chance")
    if min(len(np.unique(first)), len(np.unique(second))) < 2:
        return Estimate(n=n, reason="one and the same answer at every first, or every second look")
    table = pd.crosstab(first, second).to_numpy()
    return Estimate(float(cohens_kappa(table, return_results=False)), n=n)


def kappa_of_observers(answers: np.ndarray) -> Estimate:
    """Fleiss' kappa of ``(cases, observers)`` answers, 0 or 1.

    None for a single observer, and where all said the same of every case: chance would agree as well (0 / 0).
    """
    cases, observers = answers.shape
    if observers < 2 or answers.min() == answers.max():
        return Estimate(reason="needs two readers and two different answers")
    return Estimate(float(fleiss_kappa(aggregate_raters(answers, 2)[0])), n=cases)
