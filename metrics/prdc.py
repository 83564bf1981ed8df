"""Precision, recall, density and coverage: are made images among the real ones, and are all kinds there?

All four ask who lies within whose distance to the k-th neighbour of the own set, k = 5.

Where nobody or everybody does, all halves of the sets say the same, and an interval from halves is one point. It is
therefore never narrower than Wilson's for a share of as many images (or people).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import FeatureMetric
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.statistics.distances import squared_distances
from pcgm_bench.statistics.feature_sets import check_features
from pcgm_bench.statistics.proportion import wilson
from pcgm_bench.statistics.resampling import half_interval

NEAREST = 5
IMPROVED = "Kynkaanniemi et al. 2019, arXiv 1904.06991"
RELIABLE = "Naeem et al. 2020, arXiv 2002.09797"


def _record(name: str, reference: str, most: float) -> MetricRecord:
    direction = "perfect" if most > 1 else "higher"
    return MetricRecord(name, "2", direction, (0.0, most), "share", reference, 1.0, 0.0)


def radii(squared: np.ndarray) -> np.ndarray:
    """Squared distance of every row of a set to its k-th neighbour; k is less where the set is small."""
    k = min(NEAREST, len(squared) - 1)
    return np.partition(squared, k, axis=1)[:, k]


class _Neighbours(FeatureMetric):
    """What the four share: distances once, then a function of rows."""

    of_made: ClassVar[bool]
    """Whether it is a share of the made images; else of the real ones."""

    def __call__(self, real: np.ndarray, made: np.ndarray, seed: int = 0, people: np.ndarray | None = None) -> Estimate:
        """Score made features; arguments, result and errors as `pcgm_bench.metrics.fid.FID`'s, with ``k`` for ``d``."""
        check_features(real, made)
        x, y = real.astype(np.float64), made.astype(np.float64)
        xx, yy, xy = squared_distances(x, x), squared_distances(y, y), squared_distances(x, y)

        def statistic(rows: np.ndarray, columns: np.ndarray) -> float:
            return self.of(xx[np.ix_(rows, rows)], yy[np.ix_(columns, columns)], xy[np.ix_(rows, columns)])

        low_end, high_end = self.record.range
        value, low, high = half_interval(
            statistic, len(x), len(y), seed, least=low_end, most=high_end, real_units=people, rough=True
        )
        independent = len(y) if self.of_made else len(x) if people is None else len(np.unique(people))
        least, most = wilson(min(value, 1.0) * independent, independent)
        if high_end <= 1 or value == 0:  # density is a share at 0 alone
            low, high = min(low, least), max(high, most)
        return Estimate(value, low, high, len(y), details={"n_real": len(x), "k": NEAREST})

    @staticmethod
    @abstractmethod
    def of(xx: np.ndarray, yy: np.ndarray, xy: np.ndarray) -> float:
        """The metric from squared distances real-real, made-made and real-made."""


class Precision(_Neighbours):
    """Share of made images within some real image's fifth-neighbour distance: fidelity.

    Bias: below 1 for a perfect generator, more so at small n. Known failure: one outlying real image has a huge ball
    that everything falls into, in the segmenter's space even noise (there it scores 1); use `Density`. A collapsed or
    copying generator (one-person, or the training-mean where it lies amid the real images) scores 1.

    >>> x = np.arange(10.0)[:, None]
    >>> Precision()(x, x + 0.1).value, Precision()(x, x + 100).value
    (1.0, 0.0)
    """

    record: ClassVar[MetricRecord] = _record("precision", IMPROVED, 1.0)
    of_made: ClassVar[bool] = True

    @staticmethod
    def of(xx: np.ndarray, yy: np.ndarray, xy: np.ndarray) -> float:
        """Share of columns with a real ball around them."""
        return float((xy < radii(xx)[:, None]).any(axis=0).mean())


class Recall(_Neighbours):
    """Share of real images within some made image's fifth-neighbour distance: diversity.

    Bias: below 1 for a perfect generator. Known failure: one outlying made image has a huge ball that everything falls
    into, so that images spread far and wide score 1; use `Coverage`.

    >>> x = np.arange(10.0)[:, None]
    >>> Recall()(x, x + 0.1).value, Recall()(x, 0 * x).value
    (1.0, 0.0)
    """

    record: ClassVar[MetricRecord] = _record("recall", IMPROVED, 1.0)
    of_made: ClassVar[bool] = False

    @staticmethod
    def of(xx: np.ndarray, yy: np.ndarray, xy: np.ndarray) -> float:
        """Share of rows with a made ball around them."""
        return float((xy < radii(yy)[None]).any(axis=1).mean())


class Density(_Neighbours):
    """Real fifth-neighbour balls that a made image lies in, over five: 1 for a perfect generator at any n.

    Bias: none. Known failure: not capped; made images crowded where real ones are dense score above 1 (the
    training-mean where it lies amid them), so nearer to 1 is better; one-person repeated may score anything from 0 up.

    >>> x = np.arange(10.0)[:, None]
    >>> Density()(x, x + 100).value
    0.0
    """

    record: ClassVar[MetricRecord] = _record("density", RELIABLE, float("inf"))
    of_made: ClassVar[bool] = True

    @staticmethod
    def of(xx: np.ndarray, yy: np.ndarray, xy: np.ndarray) -> float:
        """Mean number of balls, over k."""
        return float((xy < radii(xx)[:, None]).sum(axis=0).mean() / NEAREST)


class Coverage(_Neighbours):
    """Share of real images whose fifth-neighbour ball holds a made image: diversity that outliers cannot fake.

    Bias: a perfect generator scores ``1 - 2^-5`` = 0.97 at equal n. Known failure: says nothing of what lies outside.

    >>> x = np.arange(10.0)[:, None]
    >>> Coverage()(x, x).value, Coverage()(x, 0 * x).value < 0.7
    (1.0, True)
    """

    record: ClassVar[MetricRecord] = _record("coverage", RELIABLE, 1.0)
    of_made: ClassVar[bool] = False

    @staticmethod
    def of(xx: np.ndarray, yy: np.ndarray, xy: np.ndarray) -> float:
        """Share of rows whose nearest column lies in their ball."""
        return float((xy.min(axis=1) < radii(xx)).mean())
