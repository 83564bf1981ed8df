"""Does the made change agree with the real one, person by person: Lin's concordance, and the sign."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pandas as pd

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import VisitMetric
from pcgm_bench.statistics.proportion import wilson
from pcgm_bench.statistics.visits import REPLICATES
from pcgm_bench.statistics.visits import annualised
from pcgm_bench.statistics.visits import estimate


class AgingAgreement(VisitMetric):
    """Lin's concordance of yearly rates of change, made with real, one pair a person; and the share of equal signs.

    ``2 s_xy / (s_x^2 + s_y^2 + (mean x - mean y)^2)`` with moments over n: correlation, less a penalty for another
    scale or another mean. No change, or one change for everybody, scores 0, however near to the truth on the average.
    ``sign`` is the share of people whose ventricle grows where the real one did and shrinks where it did; a made
    ventricle that does not change agrees with nobody.

    Bias: measurement noise pulls it towards 0, as it does any agreement; the oracle's value is the ceiling. Both
    changes start from one measurement of the baseline: where the made image does not share its noise (a mean brain,
    another person), the noise is in both changes and looks like agreement. With an error of 1.5 % and two years
    that is 0.56 (log-% a year)^2, beside a variance of true rates between people of 1 in adolescents and 4 in the old.

    Known failure: so a training-mean, which knows nobody, can stand above 0; and a method that halves everybody's rate
    is punished as hard as one that orders people wrongly.

    >>> visits = pd.DataFrame({"subject": ["a", "b"], "years": 1.0, "baseline": 10.0, "real": [11.0, 9.0]})
    >>> visits["made"] = visits["real"]
    >>> same = AgingAgreement()(visits)
    >>> round(same.value, 6), same.parts["sign"].value
    (1.0, 1.0)
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="aging-agreement",
        version="1",
        direction="higher",
        range=(-1.0, 1.0),
        unit="1",
        reference="Lin 1989, Biometrics 45:255, doi 10.2307/2532051",
        perfect=1.0,
        useless=0.0,
    )

    def __call__(self, visits: pd.DataFrame, seed: int = 0, replicates: int = REPLICATES) -> Estimate:
        """Score follow-ups; arguments as `VisitMetric`'s.

        Returns:
            The concordance with its interval; ``n``: people; part ``sign``: the share of equal signs with Wilson's 95 %
            interval.

        Raises:
            ValueError: see `annualised`.
        """
        rates = annualised(visits)
        real, made = rates["real"].to_numpy(), rates["made"].to_numpy()
        still = np.abs(made) < STILL
        right = int((np.sign(real) == np.where(still, 0, np.sign(made))).sum())
        sign = Estimate(right / len(real), *wilson(right, len(real)), len(real))
        agreement = estimate(concordance, real, made, seed=seed, replicates=replicates)
        return replace(agreement, parts={"sign": sign})


STILL = 0.01
"""Log-per cent a year below which a made ventricle counts as unchanged: rounding, not aging."""


def concordance(real: np.ndarray, made: np.ndarray, axis: int = -1) -> np.ndarray:
    """Lin's concordance of ``(..., n)`` pairs; 0 where a side does not vary, NaN where all are one point.

    >>> float(concordance(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])))
    1.0
    """
    centred = real - real.mean(axis, keepdims=True), made - made.mean(axis, keepdims=True)
    covariance = (centred[0] * centred[1]).mean(axis)
    spread = (centred[0] ** 2).mean(axis) + (centred[1] ** 2).mean(axis) + (real.mean(axis) - made.mean(axis)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0, 2 * covariance / spread, np.nan)
