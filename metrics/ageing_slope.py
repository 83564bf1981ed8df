"""How far a made person's rate of change is from the real one's; and what a table of follow-up visits is."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy import stats

from pcgm_bench.contracts import MetricRecord

COLUMNS = ("subject", "years", "baseline", "real", "made")
"""Of a table of follow-ups, one row a visit: whose, years since the baseline scan, and three volumes in mL, read from
the baseline scan, from the real follow-up, and from the image made of the baseline scan for the same age."""

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

    The least-squares line through the baseline: with one follow-up, log-change over years. ``V_0`` is the reading of
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
) -> dict[str, float]:
    """``{"value", "low", "high"}`` of a statistic over people; see `subject_interval`."""
    low, high = subject_interval(statistic, *values, seed=seed, replicates=replicates)
    return {"value": float(statistic(*values, axis=-1)), "low": low, "high": high}


def mean(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Mean over people."""
    return np.mean(values, axis=axis)


def _mean_absolute(values: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.mean(np.abs(values), axis=axis)


def _root_mean_square(values: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.sqrt(np.mean(values**2, axis=axis))


class AgeingSlope:
    """Error of the yearly rate of ventricular growth, made minus real, in log-per cent a year.

    ``e_i = 100 sum_t t log(made_t / real_t) / sum_t t^2`` for person i; the value is the mean of ``abs(e_i)``.
    ``bias`` is the mean of ``e_i``, ``rmse`` the root of the mean of its square. Zero bias is easy (age everybody by
    the group's mean) and says nothing about the person. Bias: upward; the value and ``rmse`` hold the noise of reading:
    two readings with an s.d. of 1.5 %, both a year after the baseline, differ by 2.1 % a year. The oracle's value is
    the floor.

    Known failure: an image that is read 1 % too large at whatever age adds 1 % a year to the error when the follow-up
    is after one year and 0.5 % when after two; read the row ``copy-input`` and ``blurred-copy`` beside it.

    >>> visits = pd.DataFrame({"subject": ["a", "b"], "years": [1.0, 2.0], "baseline": [10.0, 30.0]})
    >>> visits["real"], visits["made"] = [10.3, 31.0], [10.3, 30.0]
    >>> found = AgeingSlope()(visits)
    >>> round(found["value"], 2), round(found["bias"]["value"], 2), round(found["against_no_change"]["value"], 2)
    (0.82, -0.82, -1.48)
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="ageing-slope",
        version="1",
        direction="lower",
        range=(0.0, float("inf")),
        unit="log-% / year",
        reference="annualised log-change: Fjell et al. 2009, J Neurosci 29:15223; the paper scores no slope",
        perfect=0.0,
        useless=float("inf"),
        inputs="visits",
    )

    def __call__(self, visits: pd.DataFrame, seed: int = 0, replicates: int = REPLICATES) -> dict[str, Any]:
        """Score a table of follow-ups.

        Args:
            visits: see `COLUMNS`.
            seed: of the bootstrap over people.
            replicates: of the bootstrap.

        Returns:
            ``value`` (mean absolute error) with ``low``, ``high`` and ``n`` (people); ``bias`` and ``rmse`` with their
            ends; ``against_no_change``: mean over people of ``abs(e_i)`` less that of no change, which is the size of
            the real rate (below 0: nearer than no change); ``people``: error by subject; ``rates``: real and made rate
            by subject.

        Raises:
            ValueError: see `annualised`.
        """
        rates = annualised(visits)
        error = (rates["made"] - rates["real"]).to_numpy()
        options = {"seed": seed, "replicates": replicates}
        return {
            **estimate(_mean_absolute, error, **options),
            "n": len(error),
            "bias": estimate(mean, error, **options),
            "rmse": estimate(_root_mean_square, error, **options),
            "against_no_change": estimate(mean, np.abs(error) - np.abs(rates["real"].to_numpy()), **options),
            "people": {str(name): float(e) for name, e in zip(rates.index, error, strict=True)},
            "rates": {
                name: {str(subject): float(rate) for subject, rate in rates[name].items()} for name in ("real", "made")
            },
        }
