"""reversibility: there and back again must be the scan one started from; in volumes and in voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import ChangeMetric
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import RoundTripMetric
from pcgm_bench.statistics.estimates import ratio_over_people

if TYPE_CHECKING:
    import pandas as pd


class Reversibility(ChangeMetric):
    """Share of the way that is still missing when a change is undone.

    ``sum abs(after - before) / sum abs(there - before)``, sums over people and regions, volumes in mL. 0: everybody is
    back; 1: as far away as at the turning point. A generator that does not move (copy-input) has no way back to go:
    where ``moved`` (mean change there, %) is below `LEAST_MOVE` the value is NaN, not a perfect 0. Bias: upward; noise
    of two measurements is left after any way back, and weighs the more the shorter the way. Known failure: who goes far
    astray and comes half of the way back scores as well as who goes the right way and comes half of it back.

    >>> import pandas as pd
    >>> row = {"subject": ["a", "b"], "before_insula": [10.0, 12.0], "there_insula": [9.0, 11.0],
    ...        "after_insula": [9.9, 11.9]}
    >>> round(Reversibility()(pd.DataFrame(row)).value, 6)
    0.1
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="reversibility",
        version="1",
        direction="lower",
        range=(0.0, float("inf")),
        unit="share",
        reference="reversibility axiom of Monteiro et al. 2023, arXiv 2303.01274, in volumes",
        perfect=0.0,
        useless=1.0,
    )

    def __call__(self, changes: pd.DataFrame, seed: int = 0) -> Estimate:
        """Score round trips.

        Args:
            changes: one row a round trip: ``subject``, and of every region that was to change ``before_<region>``,
                ``there_<region>`` and ``after_<region>`` (mL): factual, counterfactual, and back.
            seed: of the bootstrap over subjects.

        Returns:
            The share with its interval; ``n``: people; details ``percent`` (mean absolute distance from the start, %)
            and ``moved`` (mean absolute change at the turning point, %); part ``ml``: mean absolute distance from the
            start in mL.

        Raises:
            ValueError: no rows, no regions, or a volume that is not positive.
        """
        regions = [str(name)[6:] for name in changes if str(name).startswith("there_")]
        if not len(changes) or not regions:
            raise ValueError("reversibility needs rows and columns before_, there_ and after_<region>")
        before, there, after = (
            changes[[f"{when}_{name}" for name in regions]].to_numpy(float) for when in ("before", "there", "after")
        )
        if not ((before > 0) & (there > 0) & (after > 0)).all():
            raise ValueError("reversibility: a volume is missing or not positive")
        whose = np.unique(changes["subject"].astype(str), return_inverse=True)[1]
        left, way = (np.bincount(whose, np.abs(x - before).sum(axis=1)) for x in (after, there))
        volumes = np.bincount(whose) * len(regions)
        moved = float(np.abs(100 * np.log(there / before)).mean())
        details = {"percent": float(np.abs(100 * np.log(after / before)).mean()), "moved": moved}
        share = ratio_over_people(left, way if moved >= LEAST_MOVE else np.full(len(way), np.nan), seed)
        return replace(share, details=details, parts={"ml": ratio_over_people(left, volumes, seed)})


class ReversibilityVoxels(RoundTripMetric):
    """The same in intensities: mean absolute difference to the factual image after the round trip, over that there.

    ``sum abs(back - factual) / sum abs(there - factual)``, sums over voxels and people. Bias: upward, by the noise that
    is left. Known failure: what a generator loses by passing an image through itself (detail, noise) is lost on the way
    there as well as back, and hides how far the anatomy came back: a lossy generator may score near 1 with perfect
    volumes. An image that did not change (copy-input) has no value.

    >>> scans = [np.full((2, 2, 2), value) for value in (0.0, 1.0)]
    >>> ReversibilityVoxels()(scans, [scan + 1.0 for scan in scans], [scan + 0.25 for scan in scans]).value
    0.25
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="reversibility-voxels",
        version="1",
        direction="lower",
        range=(0.0, float("inf")),
        unit="share",
        reference="reversibility axiom of Monteiro et al. 2023, arXiv 2303.01274 (L1)",
        perfect=0.0,
        useless=1.0,
    )

    def __call__(
        self, factual: Sequence[np.ndarray], there: Sequence[np.ndarray], back: Sequence[np.ndarray], seed: int = 0
    ) -> Estimate:
        """Score round trips.

        Args:
            factual: images ``(X, Y, Z)``, one a person.
            there: the counterfactual of each.
            back: the images after the change was undone.
            seed: of the bootstrap over people.

        Returns:
            The share with its interval, NaN if nothing moved; ``n``: people.

        Raises:
            ValueError: no images, or not three a person.
        """
        n = len(factual)
        if not n or len(there) != n or len(back) != n:
            raise ValueError(f"reversibility-voxels needs three images a person, has {n}, {len(there)}, {len(back)}")
        left, way = np.empty(n), np.empty(n)
        for k in range(n):
            start = np.asarray(factual[k], np.float64)
            left[k], way[k] = np.abs(back[k] - start).mean(), np.abs(there[k] - start).mean()
        return ratio_over_people(left, way if way.sum() > 0 else np.full(n, np.nan), seed)


LEAST_MOVE = 0.5
"""Mean change (%) at the turning point below which there is nothing to reverse: measurement noise."""
