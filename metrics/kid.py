"""Kernel distance with a cubic kernel: unbiased where FID is not."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import FeatureMetric
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.statistics.feature_sets import check_features
from pcgm_bench.statistics.feature_sets import squared_mmd
from pcgm_bench.statistics.resampling import half_interval


class KID(FeatureMetric):
    """Squared MMD with ``k(x, y) = (x . y / d + 1)^3``, diagonals left out.

    Unbiased: 0 in expectation for a perfect generator at any n, and negative about half of the time. All pairs are
    used; other libraries average random subsets, which has the same expectation. Known failure: moments up to the
    third only, and the scale is that of the features.

    >>> x = np.array([[1.0], [2.0], [3.0]])
    >>> round(KID()(x, x).value, 3)
    -155.333
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="kid",
        version="2",
        direction="lower",
        range=(-float("inf"), float("inf")),
        unit="1",
        reference="Binkowski et al. 2018, arXiv 1801.01401",
        perfect=0.0,
        useless=float("inf"),
    )

    def __call__(self, real: np.ndarray, made: np.ndarray, seed: int = 0, people: np.ndarray | None = None) -> Estimate:
        """Score made features; arguments, result and errors as `pcgm_bench.metrics.fid.FID`'s."""
        check_features(real, made)
        x, y = real.astype(np.float64), made.astype(np.float64)
        d = x.shape[1]
        statistic = squared_mmd((x @ x.T / d + 1) ** 3, (y @ y.T / d + 1) ** 3, (x @ y.T / d + 1) ** 3)
        value, low, high = half_interval(statistic, len(x), len(y), seed, real_units=people)
        return Estimate(value, low, high, len(y), details={"n_real": len(x), "d": d})
