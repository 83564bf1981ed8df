"""dose-response: measured against asked change, region by region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import ChangeMetric
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.statistics.bootstrap import interval
from pcgm_bench.statistics.bootstrap import replicate
from pcgm_bench.statistics.bootstrap import standard_error

if TYPE_CHECKING:
    import pandas as pd

REPLICATES = 500


class DoseResponse(ChangeMetric):
    """Mean over regions of the slope of ``ln(after / before)`` on ``ln(asked / before)``: 1 when the dose is given.

    Least squares of every region's change on an intercept and the doses of *all* regions together, which may be asked
    one at a time or all at once. The intercept is the bias at dose 0; the slope on another region's dose is spill.
    Intervals are ``estimate -+ t s.e.``, s.e. by bootstrap over subjects within those asked about the same regions.

    Bias: towards 0, as far as the segmenter regresses to the mean: the slope is its own times the generator's, so read
    the oracle's row first. Known failure: a slope of 1 on the average says nothing about one person, and a generator
    that overdoes one region and underdoes another scores 1.

    >>> import pandas as pd
    >>> row = {"subject": list("abc"), "before_insula": [10.0] * 3, "asked_insula": [9.0, 10.0, 11.0],
    ...        "after_insula": [9.0, 10.0, 11.0]}
    >>> round(DoseResponse()(pd.DataFrame(row)).value, 6)
    1.0
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="dose-response",
        version="1",
        direction="perfect",
        range=(float("-inf"), float("inf")),
        unit="1",
        reference="pcgm-bench",
        perfect=1.0,
        useless=0.0,
    )

    def __call__(self, changes: pd.DataFrame, seed: int = 0, replicates: int = REPLICATES) -> Estimate:
        """Score counterfactuals.

        Args:
            changes: one row a counterfactual, null interventions too: ``subject``, ``before_<region>`` and
                ``after_<region>`` (mL) of every region, and ``asked_<region>`` (mL; NaN: to stay) of those dosed.
            seed: of the bootstrap.
            replicates: of the bootstrap.

        Returns:
            The mean slope with its interval; ``n``: people; parts: of every dosed region the slope with its interval,
            ``n`` (rows dosed), details ``r``, ``bias`` (%) and ``spill_<other>``: change (%) of every other region
            for a change of this one by 10 %.

        Raises:
            ValueError: a region has fewer than two doses, or a volume is not positive.
        """
        doses = _doses(changes)
        x, y, own = doses.x, doses.y, doses.own
        names, whose = np.unique(changes["subject"].astype(str), return_inverse=True)
        rows = [np.flatnonzero(whose == k) for k in range(len(names))]
        # People asked about the same regions are drawn among themselves, or a region could lose all its doses.
        patterns = ["".join("+" if x[mine, k].any() else "." for k in range(len(own))) for mine in rows]
        groups = np.unique(patterns, return_inverse=True)[1]

        def once(people: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
            drawn = np.concatenate([rows[k] for k in people])
            return np.diag(_fit(x[drawn], y[drawn])[1:, own])

        fit = _fit(x, y)
        slopes = np.diag(fit[1:, own])
        repeated = replicate(once, groups, replicates, seed)
        parameters, dof = len(own) + 1, max(len(names) - len(own) - 1, 1)
        low, high = interval(slopes, standard_error(repeated, len(x), parameters), dof)
        mean = slopes.mean(keepdims=True)
        mean_se = standard_error(repeated.mean(axis=1, keepdims=True), len(x), parameters)
        mean_low, mean_high = interval(mean, mean_se, dof)
        parts = {name: _region(doses, k, fit, low[k], high[k]) for k, name in enumerate(doses.dosed)}
        return Estimate(float(mean[0]), float(mean_low[0]), float(mean_high[0]), len(names), parts=parts)


@dataclass(frozen=True)
class _Doses:
    """Log-changes: asked ``x (rows, dosed)`` and measured ``y (rows, regions)``; ``own``: dosed regions in ``y``."""

    dosed: list[str]
    regions: list[str]
    own: list[int]
    x: np.ndarray
    y: np.ndarray


def _doses(changes: pd.DataFrame) -> _Doses:
    dosed = [str(name)[6:] for name in changes if str(name).startswith("asked_")]
    regions = [str(name)[7:] for name in changes if str(name).startswith("before_")]
    before, after = (changes[[f"{w}_{name}" for name in regions]].to_numpy(float) for w in ("before", "after"))
    own = [regions.index(name) for name in dosed]
    asked = changes[[f"asked_{name}" for name in dosed]].to_numpy(float)
    asked = np.where(np.isnan(asked), before[:, own], asked)
    if not dosed or not ((before > 0) & (after > 0)).all() or not (asked > 0).all():
        raise ValueError("dose-response needs columns asked_<region>, and volumes that are positive")
    x, y = np.log(asked / before[:, own]), np.log(after / before)
    if few := [name for k, name in enumerate(dosed) if len(np.unique(x[:, k])) < 2]:
        raise ValueError(f"dose-response: {few[0]} has fewer than two doses")
    return _Doses(dosed, regions, own, x, y)


def _region(doses: _Doses, k: int, fit: np.ndarray, low: float, high: float) -> Estimate:
    """What the fit ``(1 + doses, regions)`` says of dosed region k."""
    x, y, own = doses.x, doses.y, doses.own[k]
    here = (x[:, k] != 0) | ~x.any(axis=1)
    n = int((x[:, k] != 0).sum())
    spill = {f"spill_{other}": float(10 * fit[1 + k, j]) for j, other in enumerate(doses.regions) if j != own}
    details = {"r": _r(x[here, k], y[here, own]), "bias": float(100 * fit[0, own]), **spill}
    return Estimate(float(fit[1 + k, own]), float(low), float(high), n, details=details)


def _fit(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Intercept and slopes ``(1 + doses, regions)``."""
    return np.asarray(np.linalg.lstsq(np.column_stack([np.ones(len(x)), x]), y, rcond=None)[0])


def _r(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x, y)[0, 1]) if np.ptp(x) > 0 and np.ptp(y) > 0 else float("nan")
