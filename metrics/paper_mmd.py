"""The paper's "MMD": a linear kernel on batches of two, as published, mistakes included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import FeatureMetric
from pcgm_bench.contracts import ImageMetric
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.statistics.feature_sets import check_features
from pcgm_bench.statistics.image_similarity import to_signed

REPEATS = 5


def _record(name: str) -> MetricRecord:
    return MetricRecord(
        name=name,
        version="1",
        direction="lower",
        range=(0.0, float("inf")),
        unit="1",
        reference="Li et al. 2025, Table 1, by the evaluation code of Wu et al. 2024, arXiv 2409.08463",
        perfect=float("nan"),
        useless=float("inf"),
        rule="paper",
    )


class PaperMMD(FeatureMetric):
    """Sum over batches of two of ``|mean2(x) - mean2(y)|^2``, over ``n - 1``: about half the mean over batches.

    ``(1/4)(sum x x' + sum y y') - (1/2) sum x y'`` of rows i, i + 1 of both sets, i = 0, 2, 4 ...; the published code
    divides by the last i plus one.

    Bias: that is all it is. Expectation ``1/2 (|mu_r - mu_m|^2 + (tr S_r + tr S_m) / 2)``: not 0 for a perfect
    generator. Known failure: the second term is smaller for a collapsed generator, so that one whose mean is right
    (training-mean, in some spaces one-person) scores better than real scans; and images that are far away by a constant
    cannot be told from images that vary much.

    >>> x = np.array([[0.0], [2.0], [0.0], [2.0]])
    >>> PaperMMD()(x, x + 3.0).value
    6.0
    """

    record: ClassVar[MetricRecord] = _record("paper-mmd")

    def __call__(self, real: np.ndarray, made: np.ndarray, seed: int = 0) -> Estimate:
        """Score made features.

        Args:
            real: ``(n, d)``.
            made: ``(m, d)``; only as many rows as both sets have are used, in order.
            seed: not used.

        Returns:
            The distance without an interval, as published; ``n``: rows used.

        Raises:
            ValueError: fewer than two rows on a side, or another number of features.
        """
        check_features(real, made)
        n = min(len(real), len(made)) // 2 * 2
        total = 0.0
        for i in range(0, n, 2):
            total += batch_distance(made[i : i + 2].astype(np.float64), real[i : i + 2].astype(np.float64))
        return Estimate(total / (n - 1), n=n)


class PaperImageMMD(ImageMetric):
    """Mean over pairs (i, i + 1) of made images of ``|mean2(x) - mean2(y)|^2`` to two random real ones; five repeats.

    On images scaled to [-1, 1] and summed over voxels, so that the scale is that of the grid.

    Bias: expectation ``|mu_r - mu_m|^2 + (tr S_r + tr S_m) / 2``, not 0 for a perfect generator. Known failure: the
    second term is the voxels' variance, so that smooth images win: the training-mean and a blurred-copy score better
    than real scans.

    >>> black, white = np.zeros((2, 2, 2)), np.full((2, 2, 2), 1.2)
    >>> [PaperImageMMD()([black, white], made).value for made in ([black, black], [white, black])]
    [8.0, 0.0]
    """

    record: ClassVar[MetricRecord] = _record("paper-mmd-image")

    def __call__(self, real: Sequence[np.ndarray], made: Sequence[np.ndarray], seed: int = 0) -> Estimate:
        """Score made images; the real pairs are drawn by ``seed`` (the published code has none).

        Returns:
            The mean without an interval, as published; ``n``: made images.

        Raises:
            ValueError: fewer than two images on a side.
        """
        if min(len(real), len(made)) < 2:
            raise ValueError(f"{len(real)} real and {len(made)} made images: need at least two of each")
        means = []
        for repeat in range(REPEATS):
            rng = np.random.default_rng([seed, repeat])
            previous = _voxels(made[0])
            distances = []
            for i in range(len(made) - 1):
                following = _voxels(made[i + 1])
                pair = rng.choice(len(real), 2, replace=False)
                other = np.stack([_voxels(real[int(k)]) for k in pair])
                distances.append(batch_distance(np.stack([previous, following]), other))
                previous = following
            means.append(float(np.mean(distances)))
        return Estimate(float(np.mean(means)), n=len(made))


def batch_distance(x: np.ndarray, y: np.ndarray) -> float:
    """``(1/4)(sum x x' + sum y y') - (1/2) sum x y'`` of two batches of two, ``(2, d)``."""
    return float((x @ x.T).sum() / 4 + (y @ y.T).sum() / 4 - (x @ y.T).sum() / 2)


def _voxels(image: np.ndarray) -> np.ndarray:
    """``(X * Y * Z,)`` in [-1, 1], background -1."""
    return to_signed(image).ravel().astype(np.float64)
