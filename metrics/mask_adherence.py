"""mask-adherence: does the image have the asked mask, where the mask was to change?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MaskChanges
from pcgm_bench.contracts import MaskMetric
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.statistics.estimates import mean_over_people

LEAST_CHANGE = 0.01
"""Change of a voxel's share from which it belongs to the band: below it is rounding."""


class MaskAdherence(MaskMetric):
    """Dice overlap of the change achieved with the change asked, on the band of voxels that were to change.

    With ``t = target - factual`` and ``a = achieved - factual`` (shares of a region in [0, 1], or hard masks) over the
    voxels and regions where ``abs(t)`` is 0.01 or more: ``2 * sum(min(abs(a), abs(t)) where the signs agree) /
    (sum(abs(a)) + sum(abs(t)))``. 1: the change that was asked; 0: no change, or the wrong way. Plain Dice of two masks
    that differ by 3 % of their volume is above 0.98 whatever the image did, and is given for comparison only.

    Bias: downward; noise of the segmenter lowers it: half of the band's changes are smaller than the difference of
    two segmentations of one brain. ``slope`` (``sum(a * t) / sum(t * t)``) averages that out: 1 when the change is
    there, 0 when it is not. Known failure: noise in the mask has the right sign in half of the band, so that a mask of
    another brain (random-other) scores above 0; and nothing outside the band is looked at.

    >>> factual, target = np.array([[1.0, 1.0, 0.0]]), np.array([[1.0, 0.0, 0.0]])
    >>> [MaskAdherence()([factual], [target], [achieved]).value for achieved in (target, factual)]
    [1.0, 0.0]
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="mask-adherence",
        version="1",
        direction="higher",
        range=(0.0, 1.0),
        unit="share",
        reference="pcgm-bench; Dice 1945",
        perfect=1.0,
        useless=0.0,
    )

    def measure(self, data: MaskChanges, seed: int = 0) -> Estimate:
        """The metric with the size of the voxels that the masks come with."""
        return self(data.before, data.asked, data.after, seed, data.voxel_ml)

    def __call__(
        self,
        before: Sequence[np.ndarray],
        asked: Sequence[np.ndarray],
        after: Sequence[np.ndarray],
        seed: int = 0,
        voxel_ml: float = 0.027,
    ) -> Estimate:
        """Score the masks of counterfactuals.

        Args:
            before: of every case the factual mask: shares ``(regions, X, Y, Z)``, or one region's mask ``(X, Y, Z)``.
            asked: what the generator was to draw.
            after: measured in what it drew.
            seed: of the bootstrap over cases.
            voxel_ml: mL of a voxel.

        Returns:
            The overlap with its interval; ``n``: cases; details ``slope``, ``volume_error_ml`` (signed, achieved minus
            asked, mean over cases of the sum over regions) and ``plain_dice``.

        Raises:
            ValueError: no cases, unlike shapes, or a case in which nothing was to change.
        """
        n = len(before)
        if not n or len(asked) != n or len(after) != n:
            raise ValueError(f"mask-adherence needs three masks a case, has {n}, {len(asked)}, {len(after)}")
        dice, plain, slope, error = (np.empty(n) for _ in range(4))
        for k in range(n):
            factual, target, achieved = (np.asarray(masks[k], np.float64) for masks in (before, asked, after))
            if not factual.shape == target.shape == achieved.shape:
                raise ValueError(f"mask-adherence: case {k} has masks of unlike shapes")
            band = np.abs(target - factual) >= LEAST_CHANGE
            if not band.any():
                raise ValueError(f"mask-adherence: nothing was to change in case {k}")
            t, a = (target - factual)[band], (achieved - factual)[band]
            common = np.where(a * t > 0, np.minimum(np.abs(a), np.abs(t)), 0.0).sum()
            dice[k] = 2 * common / (np.abs(a).sum() + np.abs(t).sum())
            slope[k] = (a * t).sum() / (t * t).sum()
            plain[k] = 2 * np.minimum(achieved, target).sum() / (achieved.sum() + target.sum())
            error[k] = (achieved - target).sum() * voxel_ml
        details = {
            "slope": float(slope.mean()),
            "volume_error_ml": float(error.mean()),
            "plain_dice": float(plain.mean()),
        }
        return replace(mean_over_people(dice, seed, most=1.0), details=details)
