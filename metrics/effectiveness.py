"""effectiveness: how much of the asked change is there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import ChangeMetric
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.statistics.estimates import estimate_over_people

if TYPE_CHECKING:
    import pandas as pd


class Effectiveness(ChangeMetric):
    """Skill against doing nothing: ``1 - sum abs(ln(after / asked)) / sum abs(ln(before / asked))``.

    Sums over the regions that were asked to change and over people, so that every mL asked counts in proportion to its
    region. 1: every region has the volume asked for; 0: as wrong as the copied input (copy-input); below 0: worse, as
    random-other and noise are. Bias: downward; measurement noise counts as error: with changes of 5 % and a noise of
    0.5 % a perfect image scores about 0.92. Known failure: it looks at the asked regions alone, so that whoever moves
    everything scores as well as who moves what was asked: read `Minimality` beside it.

    >>> import pandas as pd
    >>> row = {"subject": ["a", "b"], "before_insula": [10.0, 10.0], "asked_insula": [9.0, 9.0],
    ...        "after_insula": [9.0, 10.0]}
    >>> round(Effectiveness()(pd.DataFrame(row)).value, 6)
    0.5
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="effectiveness",
        version="1",
        direction="higher",
        range=(float("-inf"), 1.0),
        unit="share",
        reference="effectiveness axiom of Monteiro et al. 2023, arXiv 2303.01274, in volumes",
        perfect=1.0,
        useless=0.0,
    )

    def __call__(self, changes: pd.DataFrame, seed: int = 0) -> Estimate:
        """Score counterfactuals.

        Args:
            changes: one row a counterfactual: ``subject``, ``before_<region>``, ``after_<region>`` and
                ``asked_<region>`` (mL; NaN where nothing was asked of that region).
            seed: of the bootstrap over subjects.

        Returns:
            The skill with its interval; ``n``: people; details ``percent`` and ``ml`` (mean absolute error), ``bias``
            (signed %, positive: too large); parts: skill by region, without an interval.

        Raises:
            ValueError: nothing was asked, or a volume is not positive.
        """
        regions = [str(name)[6:] for name in changes if str(name).startswith("asked_")]
        before, asked, after = (
            changes[[f"{when}_{name}" for name in regions]].to_numpy(float) for when in ("before", "asked", "after")
        )
        here = np.isfinite(asked) & (asked != before)
        if not here.any():
            raise ValueError("effectiveness needs rows with a volume asked_<region> that is not the volume before")
        if not ((before > 0) & (after > 0) & (asked > 0))[here].all():
            raise ValueError("effectiveness: a volume is missing or not positive")
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.where(here, np.log(after / asked), 0.0)
            nothing = np.where(here, np.abs(np.log(before / asked)), 0.0)
        whose = np.unique(changes["subject"].astype(str), return_inverse=True)[1]
        wrong, at_stake = (np.bincount(whose, x.sum(axis=1)) for x in (np.abs(error), nothing))
        asked_of = at_stake > 0
        wrong, at_stake = wrong[asked_of], at_stake[asked_of]
        by_region = zip(regions, np.abs(error).sum(axis=0), nothing.sum(axis=0), strict=True)
        skill = estimate_over_people(
            lambda rows: float(1 - wrong[rows].sum() / at_stake[rows].sum()), len(wrong), seed, most=1.0
        )
        details = {
            "percent": float(100 * np.abs(error)[here].mean()),
            "ml": float(np.abs(after - asked)[here].mean()),
            "bias": float(100 * error[here].mean()),
        }
        parts = {name: Estimate(float(1 - off / stake), n=len(wrong)) for name, off, stake in by_region if stake > 0}
        return replace(skill, details=details, parts=parts)
