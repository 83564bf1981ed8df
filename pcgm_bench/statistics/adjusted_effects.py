"""Group effects with covariates held equal, tested with the spread that a bootstrap of them shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcgm_bench.statistics import bootstrap
from pcgm_bench.statistics import equivalence
from pcgm_bench.statistics.effects import ancova
from pcgm_bench.statistics.multiplicity import holm


@dataclass(frozen=True)
class AdjustedEffect:
    """The effect of group on one region: second group minus first.

    Attributes:
        d: difference over the residual standard deviation within groups.
        se: standard error of ``d``.
        low: lower end of the 95 % interval of ``d``.
        high: upper end.
        p: two-sided, that there is no difference.
        p_holm: the same, corrected for the regions that were tested together.
        tost_p: that ``d`` is outside the equivalence bound.
        tost_power: chance to show equivalence where there is no difference at all.
        percent: difference in per cent of the first group's mean: -4.5 is a loss of 4.5 %.
        percent_low: lower end of its 95 % interval.
        percent_high: upper end.
        n: people.
        verdict: ``different``, ``equivalent``, ``both`` or ``inconclusive``; see `equivalence.verdict`.
    """

    d: float
    se: float
    low: float
    high: float
    p: float
    p_holm: float
    tost_p: float
    tost_power: float
    percent: float
    percent_low: float
    percent_high: float
    n: int
    verdict: str


def adjusted_difference(first: np.ndarray, second: np.ndarray, covariates: np.ndarray) -> np.ndarray:
    """``(..., 2, k)``: d with the covariates held equal, and the difference in per cent of the first group's mean.

    Args:
        first: ``(..., n1, k)`` volumes; replicates of a bootstrap may stand in front.
        second: ``(..., n2, k)`` volumes.
        covariates: ``(..., n1 + n2, c)`` in the order first, second.
    """
    fit = ancova(first, second, covariates)
    return np.stack([fit.d, 100 * fit.difference / fit.base], axis=-2)


def infer(
    estimate: np.ndarray, drawn: np.ndarray, n: int, parameters: int, bound: float, alpha: float = 0.05
) -> list[AdjustedEffect]:
    """Intervals, tests of difference and of equivalence, and a verdict for every region.

    Args:
        estimate: ``(2, k)`` of `adjusted_difference`.
        drawn: ``(replicates, 2, k)``: the same in every bootstrap replicate.
        n: people.
        parameters: of the regression: intercept, group and covariates.
        bound: declared equivalence bound, in units of d.
        alpha: level of both tests.
    """
    dof = max(n - parameters, 1)
    se = bootstrap.standard_error(drawn, n, parameters)
    low, high = bootstrap.interval(estimate, se, dof)
    p = equivalence.difference_p(estimate[0], se[0], dof)
    p_holm = holm(p)
    tost = equivalence.tost_p(estimate[0], se[0], dof, bound)
    power = equivalence.tost_power(se[0], dof, bound, alpha)
    return [
        AdjustedEffect(
            d=float(estimate[0, k]),
            se=float(se[0, k]),
            low=float(low[0, k]),
            high=float(high[0, k]),
            p=float(p[k]),
            p_holm=float(p_holm[k]),
            tost_p=float(tost[k]),
            tost_power=float(power[k]),
            percent=float(estimate[1, k]),
            percent_low=float(low[1, k]),
            percent_high=float(high[1, k]),
            n=n,
            verdict=equivalence.verdict(bool(p_holm[k] <= alpha), bool(tost[k] <= alpha)),
        )
        for k in range(estimate.shape[-1])
    ]
