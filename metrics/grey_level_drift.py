"""grey-level-drift: do intensities stay in tissue that should not change?"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import numpy as np

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import TISSUES
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import TrueChanges
from pcgm_bench.contracts import TruthMetric
from pcgm_bench.statistics.change_maps import change_maps
from pcgm_bench.statistics.pooled import pooled

LEAST_VOXELS = 100
"""Of a tissue, in all images, for a value of its own."""
NAMES = {**dict(enumerate(TISSUES)), len(TISSUES): "cortex"}
assert len(LOBE_NAMES) == 6


class GreyLevelDrift(TruthMetric):
    """Root mean square change of intensity (% of white matter) deep in one tissue, away from the truth's band.

    Of the map smoothed by 3 mm, without what white noise adds (see `ChangeCorrelation`): fresh noise scores about 0,
    and so does a copy. Parts: signed mean change by tissue (``white_matter``, ``cortex``), which fresh noise does not
    move, and ``absolute``, the mean absolute change of single voxels, noise and all. Bias: noise that is not white
    stays. Known failure: who changes nothing is perfect.

    >>> from pcgm_bench.contracts import TrueChange
    >>> scan = np.ones((16, 16, 16))
    >>> oracle = np.concatenate([scan[:4] - 0.3, scan[4:]])
    >>> band = oracle < scan
    >>> tissue, parcels = np.where(band, -1, 3), np.where(band, 1035, 0)
    >>> truth = TrueChange("01", "sub-01", scan, oracle, scan > 0, band, tissue, parcels)
    >>> GreyLevelDrift()([truth], [scan]).value, GreyLevelDrift()([truth], [oracle[::-1]]).value > 10
    (0.0, True)
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="grey-level-drift",
        version="1",
        direction="lower",
        range=(0.0, float("inf")),
        unit="%",
        reference="pcgm-bench",
        perfect=0.0,
        useless=float("inf"),
    )

    def measure(self, data: TrueChanges, seed: int = 0) -> Estimate:
        """Score counterfactuals; ``by_unit``: drift of every person, ``n``: images.

        Raises:
            ValueError: shapes differ, or no voxel is away from the band.
        """
        truths, subjects, maps = data.truths, data.subjects, change_maps(data)
        excess, absolute, voxels = [], [], []
        by_tissue = {number: ([0.0] * len(truths), [0.0] * len(truths)) for number in NAMES}
        for place, truth in enumerate(truths):
            deep = maps[place].made[maps[place].deep]
            excess.append(float((deep**2).sum()) - maps[place].noise * len(deep))
            change = np.asarray(data.made[place], np.float32) - truth.factual
            absolute.append(float(np.abs(change[truth.tissue >= 0]).sum()))
            voxels.append(float(len(deep)))
            for number, (sums, counts) in by_tissue.items():
                here = change[truth.tissue == number]
                sums[place], counts[place] = float(here.sum()), float(len(here))
        if not sum(voxels):
            raise ValueError("grey-level-drift: the truth changes everywhere")
        parts = {"absolute": pooled(subjects, [absolute, voxels], _mean, seed)}
        for number, (sums, counts) in by_tissue.items():
            if sum(counts) >= LEAST_VOXELS:
                parts[NAMES[number]] = pooled(subjects, [sums, counts], _mean, seed)
        return replace(pooled(subjects, [excess, voxels], _rms, seed, 0.0), parts=parts)


def _mean(total: np.ndarray) -> float:
    """In per cent."""
    return float(100 * total[0] / total[1]) if total[1] else float("nan")


def _rms(total: np.ndarray) -> float:
    """In per cent."""
    return 100 * math.sqrt(max(total[0], 0.0) / total[1]) if total[1] else float("nan")
