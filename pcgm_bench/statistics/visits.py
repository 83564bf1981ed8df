"""Follow-up visits: the table, a person's rate of change, and statistics over people with their interval."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from pcgm_bench.contracts import Estimate

COLUMNS = ("subject", "years", "baseline", "real", "made")
"""Of a table of follow-ups, one row a visit: the person, years since the baseline scan, and three volumes in mL,
measured in the baseline scan, in the real follow-up, and in the image made of the baseline scan for the same age."""

REPLICATES = 1000
"""Bootstrap replicates of an interval."""

MANY = 500
"""People above whom the acceleration is nothing, and its jackknife takes n^2 memory."""


def checked(visits: pd.DataFrame) -> pd.DataFrame:
    """The table with one row a follow-up visit, sorted by person and time.

    Raises:
        ValueError: it is empty, lacks a column, or has a volume that is not a positive number.
    """
    if missing := [name for name in COLUMNS if name not in visits]:
        raise ValueError(f"a table of follow-ups needs the columns {', '.join(COLUMNS)}; it lacks {', '.join(missing)}")
    if not len(visits):
        raise ValueError("a table of follow-ups needs at least one visit")
    numbers = visits[["years", "baseline", "real", "made"]].to_numpy(float)
    if not np.isfinite(numbers).all() or (numbers[:, 1:] <= 0).any():
        bad = visits["subject"][~np.isfinite(numbers).all(axis=1) | (numbers[:, 1:] <= 0).any(axis=1)]
        raise ValueError(f"a follow-up of {bad.iloc[0]} has a volume that is not a positive number of mL")
    return visits.sort_values(["subject", "years"], kind="stable")


def annualised(visits: pd.DataFrame) -> pd.DataFrame:
    """Rate of change of every person, ``100 * sum(t log(V_t / V_0)) / sum(t^2)``, in log-per cent a year.

    The least-squares line through the baseline: with one follow-up, log-change over years. ``V_0`` is the volume in
    the baseline scan for the real and the made line alike, so that it cancels in their difference.

    Returns:
        columns ``real`` and ``made``, indexed by subject.

    Raises:
        ValueError: see `checked`; or a follow-up that is not after the baseline.

    >>> visits = pd.DataFrame({"subject": ["a"], "years": [2.0], "baseline": [10.0], "real": [11.0], "made": [10.0]})
    >>> annualised(visits).round(2).to_dict("list")
    {'real': [4.77], 'made': [0.0]}
    """
    table = checked(visits)
    if (table["years"] <= 0).any():
        raise ValueError("a follow-up must be after its baseline")
    years = table["years"].to_numpy(float)
    people = table["subject"].to_numpy()
    parts = {
        name: 100 * years * np.log(table[name].to_numpy(float) / table["baseline"].to_numpy(float))
        for name in ("real", "made")
    }
    sums = pd.DataFrame({**parts, "square": years**2}).groupby(people, sort=True).sum()
    return sums[["real", "made"]].div(sums["square"], axis=0)


def subject_interval(
    statistic: Callable[..., np.ndarray], *values: np.ndarray, seed: int = 0, replicates: int = REPLICATES
) -> tuple[float, float]:
    """95 % bootstrap interval over people: bias-corrected and accelerated (Efron 1987), percentiles above `MANY`.

    Args:
        statistic: ``(..., n)`` arrays and ``axis`` to an array without that axis.
        values: ``(n,)`` each, one value a person, drawn together.
        seed: of the draws; people scored with one seed and one n meet the same draws.
        replicates: how many.

    Returns:
        NaN twice for fewer than three people; the value twice where no draw gives another.
    """
    if len(values[0]) < 3:
        return float("nan"), float("nan")
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore")  # draws of one person only have no correlation
        found = stats.bootstrap(
            values,
            statistic,
            n_resamples=replicates,
            paired=True,
            vectorized=True,
            method="BCa" if len(values[0]) <= MANY else "percentile",
            batch=100,
            rng=np.random.default_rng(seed),
        )
        drawn = found.bootstrap_distribution
        low, high = (float(end) for end in found.confidence_interval)
        if not (np.isfinite(low) and np.isfinite(high)):
            low, high = (float(end) for end in np.nanquantile(drawn, [0.025, 0.975]))
    return low, high


def estimate(
    statistic: Callable[..., np.ndarray], *values: np.ndarray, seed: int = 0, replicates: int = REPLICATES
) -> Estimate:
    """A statistic over people with its interval; arguments as `subject_interval`'s."""
    low, high = subject_interval(statistic, *values, seed=seed, replicates=replicates)
    return Estimate(float(statistic(*values, axis=-1)), low, high, len(values[0]))


def mean(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Mean over people."""
    return np.mean(values, axis=axis)
