"""Normalised mean squared error of a person's later ventricles, by the paper's rule."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pandas as pd

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import VisitMetric
from pcgm_bench.statistics.visits import REPLICATES
from pcgm_bench.statistics.visits import checked
from pcgm_bench.statistics.visits import estimate
from pcgm_bench.statistics.visits import mean


class VentricleNMSE(VisitMetric):
    """``sum_t (made_t - real_t)^2 / sum_t real_t^2`` of a person's follow-ups, averaged over people.

    The paper prints the name and no formula. Mean squared error over mean square is the plainest reading of it; the
    baseline is left out, since it was the input. (With the baseline scan among the visits the values are about half.)

    Bias: measurement noise adds twice its variance (0.0005 at 1.5 %). Known failure: it hardly asks whether anything
    aged. At 2 % a year over two years, everybody aged by the right mean scores 0.0020 and nobody aged 0.0033; a person
    whose ventricles are measured 5 % too large at any age scores 0.0025.

    >>> visits = pd.DataFrame({"subject": ["a"], "years": [1.0], "baseline": [10.0], "real": [20.0], "made": [19.0]})
    >>> VentricleNMSE()(visits).value
    0.0025
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="ventricle-nmse",
        version="1",
        direction="lower",
        range=(0.0, float("inf")),
        unit="1",
        reference="Li et al. 2025, section 4.3 and Fig. 3 (name only; no formula is printed)",
        perfect=0.0,
        useless=float("inf"),
        rule="paper",
    )

    def __call__(self, visits: pd.DataFrame, seed: int = 0, replicates: int = REPLICATES) -> Estimate:
        """Score follow-ups; arguments as `VisitMetric`'s. The baseline's volume is not used.

        Returns:
            The mean with its interval; ``n``: people; detail ``median``; ``by_unit``: NMSE by subject.

        Raises:
            ValueError: see `checked`.
        """
        table = checked(visits)
        squares = pd.DataFrame({"error": (table["made"] - table["real"]) ** 2, "real": table["real"] ** 2})
        sums = squares.groupby(table["subject"], sort=True).sum()
        people = sums["error"] / sums["real"]
        values = people.to_numpy(float)
        by_person = {str(name): float(value) for name, value in people.items()}
        average = estimate(mean, values, seed=seed, replicates=replicates)
        return replace(average, details={"median": float(people.median())}, by_unit=by_person)
