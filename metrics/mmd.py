"""Maximum mean discrepancy with a mixture of Gaussian kernels, of features and of whole images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import FeatureMetric
from pcgm_bench.contracts import ImageMetric
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.statistics.distances import image_distances
from pcgm_bench.statistics.distances import squared_distances
from pcgm_bench.statistics.feature_sets import check_features
from pcgm_bench.statistics.feature_sets import squared_mmd
from pcgm_bench.statistics.resampling import Statistic
from pcgm_bench.statistics.resampling import half_interval

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Bandwidths, as multiples of the median distance between two real images."""


class MMD(FeatureMetric):
    """Unbiased squared MMD, mean of five Gaussian kernels ``exp(-|x - y|^2 / 2 s^2)``, s around the real set's median.

    ``mean k(x, x') + mean k(y, y') - 2 mean k(x, y)`` over pairs of different images. The bandwidths depend on the real
    set alone, so that all methods are measured with one kernel. Bias: none; 0 in expectation for a perfect generator at
    any n, negative about half of the time. Sees variance and shape, which the linear kernel of other implementations
    does not.

    Known failure: it saturates. With c the real set's own mean kernel (about 0.5), a generator that repeats one real
    image tends to ``1 - c``, one that is far away and as varied as the real set to ``2 c``, one that is far away and
    always the same to ``1 + c``, about 1.5, and nothing scores more. Which of two useless sets is worse says little.

    >>> x = np.arange(8.0)[:, None]
    >>> MMD()(x, x + 100).value > 10 * MMD()(x, x + 1).value
    True
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="mmd",
        version="2",
        direction="lower",
        range=(-2.0, 2.0),
        unit="1",
        reference="Gretton et al. 2012, JMLR 13:723, equation 3",
        perfect=0.0,
        useless=1.5,
    )

    def __call__(self, real: np.ndarray, made: np.ndarray, seed: int = 0, people: np.ndarray | None = None) -> Estimate:
        """Score made features; arguments, result and errors as `pcgm_bench.metrics.fid.FID`'s, without ``d``."""
        check_features(real, made)
        x, y = real.astype(np.float64), made.astype(np.float64)
        return _scored(squared_distances(x, x), squared_distances(y, y), squared_distances(x, y), seed, people)


class ImageMMD(ImageMetric):
    """`MMD` between whole images, voxel by voxel, after dividing by nothing: the space is intensity.

    Bias: none. Known failure: it asks whether images are alike in every voxel's intensity; noise of the right amount
    matters more than anatomy, so read it beside the floor and the blurred control. It saturates as `MMD` does, and
    sooner: heads share their background, so that white noise, the training-mean and one-person score 0.3 to 0.5.

    >>> images = [np.full((2, 2, 2), float(i)) for i in range(8)]
    >>> near, far = ([image + shift for image in images] for shift in (1.0, 100.0))
    >>> ImageMMD()(images, far).value > 10 * ImageMMD()(images, near).value
    True
    """

    record: ClassVar[MetricRecord] = replace(MMD.record, name="mmd-image")

    def __call__(
        self,
        real: Sequence[np.ndarray],
        made: Sequence[np.ndarray],
        seed: int = 0,
        people: np.ndarray | None = None,
    ) -> Estimate:
        """Score made images.

        Args:
            real: ``n`` images ``(X, Y, Z)``, in any sequence that loads an image when asked.
            made: ``m`` images of the same shape.
            seed: of the interval's halves.
            people: the person of each real image, where people have several.

        Returns:
            The squared MMD with its interval; ``n``: made images; detail ``n_real``.

        Raises:
            ValueError: fewer than two images on a side.
        """
        if min(len(real), len(made)) < 2:
            raise ValueError(f"{len(real)} real and {len(made)} made images: need at least two of each")
        return _scored(image_distances(real), image_distances(made), image_distances(real, made), seed, people)


def gaussian_mmd(xx: np.ndarray, yy: np.ndarray, xy: np.ndarray) -> Statistic:
    """Squared MMD of rows from squared distances: real-real, made-made and real-made.

    Raises:
        ValueError: all real rows are the same.
    """
    median = float(np.median(xx[np.triu_indices(len(xx), 1)]))
    if median == 0:
        raise ValueError("MMD: all real rows are the same, so there is no scale to measure with")

    def kernel(squared: np.ndarray) -> np.ndarray:
        return np.mean([np.exp(-squared / (2 * median * scale**2)) for scale in SCALES], axis=0)

    return squared_mmd(kernel(xx), kernel(yy), kernel(xy))


def _scored(xx: np.ndarray, yy: np.ndarray, xy: np.ndarray, seed: int, people: np.ndarray | None) -> Estimate:
    statistic = gaussian_mmd(xx, yy, xy)
    value, low, high = half_interval(statistic, len(xx), len(yy), seed, real_units=people)
    return Estimate(value, low, high, len(yy), details={"n_real": len(xx)})
