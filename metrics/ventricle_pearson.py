"""Pearson's r of a person's ventricles over the visits, by the paper's rule; and what is left of it done soundly."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pandas as pd

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import VisitMetric
from pcgm_bench.statistics.visits import REPLICATES
from pcgm_bench.statistics.visits import checked
from pcgm_bench.statistics.visits import estimate
from pcgm_bench.statistics.visits import mean

FLAT = 1e-4
"""Volumes that differ by less than this share of their mean do not change: rounding, not aging."""

LONG = 4
"""Visits, baseline included, from which a correlation within a person can be judged at all."""

TWO_VISITS = (
    "r of two points is +1 or -1: of {two} of {n} people it says only whether the ventricle grew. Aging everybody "
    "fivefold scores as well as aging them rightly."
)


class VentriclePearson(VisitMetric):
    """Pearson's r between a person's real and made volumes over the visits, averaged over people.

    Both sequences begin with the volume in the baseline scan: a person with one follow-up has an r only so, and 41 of
    the paper's 71 are such people. A made sequence that does not change has no r and counts as 0.

    Bias: towards 0, by measurement noise. Known failure: for two visits r is the sign of the change, +1 or -1,
    whatever its size. Simulated (two years apart, 2 % a year with an s.d. of 2, errors of 1.5 %): everybody aged by the
    right mean scores 0.61, by five times that 0.62. The paper reports 0.59 for its method. ``sound`` is what can be
    kept: people with 4 visits or more, follow-ups only (the baseline is the input), averaged as Fisher's z.

    >>> visits = pd.DataFrame({"subject": ["a"], "years": [1.0], "baseline": [10.0], "real": [10.1], "made": [50.0]})
    >>> VentriclePearson()(visits).value
    1.0
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="ventricle-pearson",
        version="1",
        direction="higher",
        range=(-1.0, 1.0),
        unit="1",
        reference="Li et al. 2025, section 4.3 and Fig. 3",
        perfect=1.0,
        useless=0.0,
        rule="paper",
    )

    def __call__(self, visits: pd.DataFrame, seed: int = 0, replicates: int = REPLICATES) -> Estimate:
        """Score follow-ups; arguments as `VisitMetric`'s.

        Returns:
            The mean with its interval; ``n``: people; ``by_unit``: r by subject; details ``visits_2``, ``visits_3`` and
            ``visits_4+`` (how many people have so many visits, baseline included) and ``flat`` (people whose made
            sequence does not change); where somebody has 4 visits or more, a part ``sound``: the same for these
            people; ``note``: a warning where somebody has two.

        Raises:
            ValueError: see `checked`.
        """
        table = checked(visits)
        people: dict[str, float] = {}
        late: dict[str, float] = {}
        details = {"visits_2": 0, "visits_3": 0, "visits_4+": 0, "flat": 0}
        for subject, rows in table.groupby("subject", sort=True):
            start = rows["baseline"].iloc[:1].to_numpy(float)
            real, made = rows["real"].to_numpy(float), rows["made"].to_numpy(float)
            length = len(rows) + 1
            details["visits_2" if length == 2 else "visits_3" if length == 3 else "visits_4+"] += 1
            r = correlation(np.concatenate([start, real]), np.concatenate([start, made]))
            details["flat"] += bool(np.isnan(r))
            people[str(subject)] = 0.0 if np.isnan(r) else r
            if length >= LONG:
                alone = correlation(real, made)
                late[str(subject)] = 0.0 if np.isnan(alone) else alone
        pairs, n = details["visits_2"], len(people)
        return replace(
            estimate(mean, np.array(list(people.values())), seed=seed, replicates=replicates),
            note=TWO_VISITS.format(two=pairs, n=n) if pairs else "",
            details=details,
            parts={"sound": _fisher(np.array(list(late.values())), seed, replicates)} if late else {},
            by_unit=people,
        )


def correlation(real: np.ndarray, made: np.ndarray) -> float:
    """Pearson's r of two sequences ``(visits,)``; NaN where one does not change by more than `FLAT`.

    >>> correlation(np.array([1.0, 2.0]), np.array([3.0, 3.1])), correlation(np.array([1.0, 2.0]), np.array([3.0, 3.0]))
    (1.0, nan)
    """
    if any(np.ptp(values) <= FLAT * values.mean() for values in (real, made)):
        return float("nan")
    return float(np.clip(np.round(np.corrcoef(real, made)[0, 1], 12), -1, 1))


def _fisher(r: np.ndarray, seed: int, replicates: int) -> Estimate:
    # Three follow-ups can lie on one line: arctanh would then be infinite.
    z = np.arctanh(np.clip(r, -0.999, 0.999))
    average = estimate(mean, z, seed=seed, replicates=replicates)
    value, low, high = (float(np.tanh(end)) for end in (average.value, average.low, average.high))
    return Estimate(value, low, high, len(r))
