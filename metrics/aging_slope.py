"""How far a made person's rate of change is from the real one's."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pandas as pd

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import VisitMetric
from pcgm_bench.statistics.visits import REPLICATES
from pcgm_bench.statistics.visits import annualised
from pcgm_bench.statistics.visits import estimate
from pcgm_bench.statistics.visits import mean


def _mean_absolute(values: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.mean(np.abs(values), axis=axis)


def _root_mean_square(values: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.sqrt(np.mean(values**2, axis=axis))


class AgingSlope(VisitMetric):
    """Error of the yearly rate of ventricular growth, made minus real, in log-per cent a year.

    ``e_i = 100 sum_t t log(made_t / real_t) / sum_t t^2`` for person i; the value is the mean of ``abs(e_i)``.
    ``bias`` is the mean of ``e_i``, ``rmse`` the root of the mean of its square. Zero bias is easy (age everybody by
    the group's mean) and says nothing about the person. Bias: upward; the value and ``rmse`` hold measurement noise:
    two measurements with an s.d. of 1.5 %, both a year after the baseline, differ by 2.1 % a year. The oracle's value
    is the floor.

    Known failure: an image that is measured 1 % too large at any age adds 1 % a year to the error when the follow-up
    is after one year and 0.5 % when after two; compare it with the rows ``copy-input`` and ``blurred-copy``.

    >>> visits = pd.DataFrame({"subject": ["a", "b"], "years": [1.0, 2.0], "baseline": [10.0, 30.0]})
    >>> visits["real"], visits["made"] = [10.3, 31.0], [10.3, 30.0]
    >>> error = AgingSlope()(visits)
    >>> [round(one.value, 2) for one in (error, error.parts["bias"], error.parts["against_no_change"])]
    [0.82, -0.82, -1.48]
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="aging-slope",
        version="1",
        direction="lower",
        range=(0.0, float("inf")),
        unit="log-% / year",
        reference="annualised log-change: Fjell et al. 2009, J Neurosci 29:15223; the paper scores no slope",
        perfect=0.0,
        useless=float("inf"),
    )

    def __call__(self, visits: pd.DataFrame, seed: int = 0, replicates: int = REPLICATES) -> Estimate:
        """Score follow-ups; arguments as `VisitMetric`'s.

        Returns:
            The mean absolute error with its interval; ``n``: people; ``by_unit``: ``abs(e_i)`` by subject. Parts:
            ``bias`` (its ``by_unit``: ``e_i``), ``rmse``, and ``against_no_change``: mean over people of ``abs(e_i)``
            less that of no change, which is the size of the real rate (below 0: nearer than no change).

        Raises:
            ValueError: see `annualised`.
        """
        rates = annualised(visits)
        error = (rates["made"] - rates["real"]).to_numpy()
        options = {"seed": seed, "replicates": replicates}
        signed = {str(name): float(e) for name, e in zip(rates.index, error, strict=True)}
        parts = {
            "bias": replace(estimate(mean, error, **options), by_unit=signed),
            "rmse": estimate(_root_mean_square, error, **options),
            "against_no_change": estimate(mean, np.abs(error) - np.abs(rates["real"].to_numpy()), **options),
        }
        sizes = {name: abs(e) for name, e in signed.items()}
        return replace(estimate(_mean_absolute, error, **options), parts=parts, by_unit=sizes)
