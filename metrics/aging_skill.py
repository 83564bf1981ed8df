"""Skill: how much nearer to the real follow-up than saying that nothing changes, or that everybody ages alike."""

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


class AgingSkill(VisitMetric):
    """``1 - MSE(made) / MSE(reference)`` of log-volumes at the follow-ups, people weighing alike.

    ``MSE`` is the mean over people of a person's mean squared ``log(volume / real)``. The reference of the value is
    the last observation carried forward: the baseline's volume. ``against_training`` is against the baseline's volume
    aged at the mean rate of the training people, a column ``expected`` (mL). 1: no error. 0: as good as the reference.
    Below 0: worse than it, without bound.

    Bias: both errors hold the measurement noise of the real follow-up; a perfect generator stays below 1, the
    further the less the real ventricles change. The oracle's value is the ceiling. Known failure: aging everybody at
    the group's mean rate has skill without knowing a person; that is what ``against_training`` is for.

    >>> visits = pd.DataFrame({"subject": ["a", "b"], "years": 1.0, "baseline": [10.0, 20.0], "real": [11.0, 22.0]})
    >>> visits["made"] = [11.0, 20.0]
    >>> round(AgingSkill()(visits).value, 6)
    0.5
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="aging-skill",
        version="1",
        direction="higher",
        range=(float("-inf"), 1.0),
        unit="1",
        reference="mean squared error skill score: Murphy 1988, doi 10.1175/1520-0493(1988)116<2417:SSBOTM>2.0.CO;2",
        perfect=1.0,
        useless=float("-inf"),
    )

    def __call__(self, visits: pd.DataFrame, seed: int = 0, replicates: int = REPLICATES) -> Estimate:
        """Score follow-ups; arguments as `VisitMetric`'s.

        Where the table has a column ``expected``, the skill is also taken against that, at the visits that have it.

        Returns:
            The skill with its interval; ``n``: people; part ``against_training`` likewise, where ``expected`` is known.

        Raises:
            ValueError: see `checked`.
        """
        table = checked(visits)
        errors = [_errors(table, column) for column in ("made", "baseline")]
        parts: dict[str, Estimate] = {}
        if "expected" in table and (known := table[table["expected"].notna()]).size:
            alike = [_errors(known, column) for column in ("made", "expected")]
            parts["against_training"] = estimate(skill, *alike, seed=seed, replicates=replicates)
        return replace(estimate(skill, *errors, seed=seed, replicates=replicates), parts=parts)


def skill(made: np.ndarray, reference: np.ndarray, axis: int = -1) -> np.ndarray:
    """``1 - mean(made) / mean(reference)`` of squared errors ``(..., n)``; NaN where the reference has none."""
    bottom = np.mean(reference, axis=axis)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bottom > 0, 1 - np.mean(made, axis=axis) / bottom, np.nan)


def _errors(table: pd.DataFrame, column: str) -> np.ndarray:
    """Mean squared log-error of every person, ``(people,)``, sorted by name."""
    squared = np.log(table[column].to_numpy(float) / table["real"].to_numpy(float)) ** 2
    return pd.Series(squared).groupby(table["subject"].to_numpy(), sort=True).mean().to_numpy()
