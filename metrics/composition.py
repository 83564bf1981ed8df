"""composition: the null intervention must change nothing, applied once or ten times; in volumes and in voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import ChangeMetric
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import ImageMetric
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.statistics.estimates import mean_over_people
from pcgm_bench.statistics.estimates import person_means

if TYPE_CHECKING:
    import pandas as pd


class Composition(ChangeMetric):
    """Mean absolute drift of volumes under the null intervention: ``100 * abs(ln(after / before))``, per cent.

    Averaged over regions, then over people. Bias: upward; both volumes are measured, so that the segmenter's own noise
    is the floor: read the oracle's row, which is the same person with fresh image noise.
    Known failure: whoever copies the input (copy-input) is perfect, here and in every axiom but effectiveness and
    dose-response.

    >>> import pandas as pd
    >>> changes = pd.DataFrame({"subject": ["a", "b"], "before_insula": [10.0, 10.0], "after_insula": [10.1, 10.0]})
    >>> round(Composition()(changes).value, 4)
    0.4975
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="composition",
        version="1",
        direction="lower",
        range=(0.0, float("inf")),
        unit="%",
        reference="composition axiom of Monteiro et al. 2023, arXiv 2303.01274, in volumes",
        perfect=0.0,
        useless=float("inf"),
    )

    def __call__(self, changes: pd.DataFrame, seed: int = 0) -> Estimate:
        """Score null counterfactuals.

        Args:
            changes: one row a counterfactual of a factual scan: ``subject``, ``before_<region>`` and
                ``after_<region>`` (mL), all after the same number of null interventions.
            seed: of the bootstrap over subjects.

        Returns:
            The drift (%) with its interval; ``n``: people; ``by_unit``: drift by person; parts: ``ml`` (the same in
            mL), and the signed mean change (%) of every region, without an interval.

        Raises:
            ValueError: no rows, no regions, or a volume that is not positive.
        """
        regions = [str(name)[7:] for name in changes if str(name).startswith("before_")]
        if not len(changes) or not regions:
            raise ValueError("composition needs rows and columns before_<region>, after_<region>")
        before, after = (changes[[f"{w}_{name}" for name in regions]].to_numpy(float) for w in ("before", "after"))
        if not ((before > 0) & (after > 0)).all():
            raise ValueError("composition: a volume is missing or not positive")
        log = 100 * np.log(after / before)
        subjects = changes["subject"].astype(str).to_list()
        drift = person_means(subjects, np.abs(log).mean(axis=1))
        ml = person_means(subjects, np.abs(after - before).mean(axis=1))
        signed = zip(regions, log.mean(axis=0).tolist(), strict=True)
        parts = {"ml": mean_over_people(np.array(list(ml.values())), seed)}
        parts |= {name: Estimate(change, n=len(drift)) for name, change in signed}
        return replace(mean_over_people(np.array(list(drift.values())), seed), parts=parts, by_unit=drift)


class CompositionVoxels(ImageMetric):
    """Mean absolute difference of intensities between a factual image and its null counterfactual, inside the head.

    ``mean abs(made - factual)`` over the head, then over people, in units of white matter (1 is its bright end); the
    head is where the factual image is above 0.05. ``relative`` divides by the same between different people, so that a
    random other person scores about 1. Bias: none beyond the images' own noise. Known failure: fresh image noise counts
    in full, so that an oracle with its own noise is not perfect, a denoised image looks changed, and copy-input wins.

    >>> scans = [np.full((2, 2, 2), value) for value in (0.5, 1.0)]
    >>> brighter = CompositionVoxels()(scans, [scan + 0.1 for scan in scans])
    >>> round(brighter.value, 6), round(brighter.details["relative"], 6)
    (0.1, 0.2)
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="composition-voxels",
        version="1",
        direction="lower",
        range=(0.0, float("inf")),
        unit="white matter intensity",
        reference="composition axiom of Monteiro et al. 2023, arXiv 2303.01274 (L1)",
        perfect=0.0,
        useless=float("inf"),
    )

    def __call__(self, real: Sequence[np.ndarray], made: Sequence[np.ndarray], seed: int = 0) -> Estimate:
        """Score null counterfactuals after any number of cycles.

        Args:
            real: factual images ``(X, Y, Z)``, one a person.
            made: the null counterfactual of each, in the same order.
            seed: of the bootstrap.

        Returns:
            The mean with its interval; ``n``: images; detail ``relative``.

        Raises:
            ValueError: no images, or not one counterfactual a factual image.
        """
        n = len(real)
        if not n or n != len(made):
            raise ValueError(f"composition-voxels needs one null counterfactual a scan, has {len(made)} for {n}")
        own, other = np.empty(n), np.empty(n)
        for k in range(n):
            scan = np.asarray(real[k], np.float64)
            head = scan > HEAD
            own[k] = np.abs(np.asarray(made[k]) - scan)[head].mean()
            other[k] = np.abs(np.asarray(real[(k + 1) % n]) - scan)[head].mean()
        between = float(other.mean())
        relative = float(own.mean()) / between if between > 0 else float("nan")
        return replace(mean_over_people(own, seed), details={"relative": relative})


HEAD = 0.05
"""Intensity above which a voxel belongs to the head."""
