"""Multi-scale structural similarity within a set: as diverse as the real brains are?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import stats

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import ImageMetric
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.statistics.image_similarity import BRIGHTEST
from pcgm_bench.statistics.image_similarity import SCALE_WEIGHTS

SCALES = 3
"""Of the five of Wang et al. 2003, the finest; their weights are renormalised."""
KERNEL = 7
"""Window. MONAI wants every side // (scales - 1)^2 > window - 1: 56 // 4 = 14 > 6."""
SHIFTS = 2
"""Partners an image gets on either side of a random circle: n * SHIFTS pairs."""
MOST = 150
"""Images a set is cut to: a pair takes a tenth of a second, and 300 pairs have a standard error of a thousandth."""


@dataclass(frozen=True)
class Within:
    """MS-SSIM within one set.

    Attributes:
        mean: over the pairs.
        error: its standard error, see `standard_error`.
        n: images used, `MOST` at most.
    """

    mean: float
    error: float
    n: int


class MSSSIM(ImageMetric):
    """Mean MS-SSIM over pairs within the made set, minus the same within the real set: 0 for equal diversity.

    Pairs are drawn on a random circle, every image with its next two: no image counts more than another. Three scales
    with a window of 7 (five of 11 do not fit 56 voxels): not to be compared with values at other settings, the paper's
    0.767 included. Of a set of more than 150 images 150 are drawn; ``n`` and ``n_real`` say how many were used. The
    interval is ``value -+ t s.e.``, s.e. from images that share a pair (`standard_error`).

    Bias: none. Known failure: it knows no realism: noise is very diverse, a blurred-copy nearly as diverse as scans,
    and a value above 0 (too alike) can hide below it. A collapsed generator (one-person, training-mean) scores 1 minus
    the real set's own similarity, never 1.

    >>> rng = np.random.default_rng(0)
    >>> people = [np.kron(rng.random((4, 4, 4)), np.ones((7, 7, 7))).astype(np.float32) for _ in range(6)]
    >>> same = MSSSIM()(people, people[:1] * 5)
    >>> same.details["made"] > 0.999, same.n, same.details["n_real"]
    (True, 5, 6)
    >>> same.value == same.details["made"] - same.details["real"]
    True
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="ms-ssim",
        version="2",
        direction="perfect",
        range=(-1.0, 1.0),
        unit="1",
        reference="Wang et al. 2003, doi 10.1109/ACSSC.2003.1292216; MONAI's implementation",
        perfect=0.0,
        useless=float("nan"),
    )

    def __init__(self) -> None:
        """The real set's own similarity is taken once, however many rows are scored against it."""
        self._known: tuple[Sequence[np.ndarray], int, Within] | None = None

    def __call__(self, real: Sequence[np.ndarray], made: Sequence[np.ndarray], seed: int = 0) -> Estimate:
        """Score made images.

        Args:
            real: images ``(X, Y, Z)``, in any sequence that loads an image when asked.
            made: images of the same shape.
            seed: of the pairs.

        Returns:
            Made minus real with its interval; ``n`` and detail ``n_real``: images used; details ``made`` and ``real``:
            the two means.

        Raises:
            ValueError: fewer than five images on a side, or a side too short for three scales.
        """
        if self._known is None or self._known[0] is not real or self._known[1] != seed:
            self._known = (real, seed, within(real, seed))
        ours, theirs = self._known[2], within(made, seed)
        value = theirs.mean - ours.mean
        half = float(stats.t.ppf(0.975, min(ours.n, theirs.n) - 1)) * float(np.hypot(ours.error, theirs.error))
        details = {"n_real": ours.n, "made": theirs.mean, "real": ours.mean}
        return Estimate(value, value - half, value + half, theirs.n, details=details)


def within(images: Sequence[np.ndarray], seed: int) -> Within:
    """Mean MS-SSIM over pairs of one set, with its standard error over images.

    Raises:
        ValueError: fewer than five images.
    """
    n = min(len(images), MOST)
    if n <= 2 * SHIFTS:
        raise ValueError(f"MS-SSIM within a set needs more than {2 * SHIFTS} images, has {n}")
    circle = np.random.default_rng([seed, 37]).permutation(len(images))[:n]
    places = np.array([(i, (i + shift) % n) for i in range(n) for shift in range(1, SHIFTS + 1)])
    values = np.array([ms_ssim(images[first], images[second]) for first, second in circle[places]])
    return Within(float(values.mean()), standard_error(values, places), n)


def standard_error(values: np.ndarray, pairs: np.ndarray) -> float:
    """Standard error of the mean of a symmetric kernel over pairs of images in which every image is equally often.

    The variance of the mean is the sum of the covariances of all pairs of pairs, over N^2, and only pairs that share an
    image (or are the same) covary: ``(sum_i S_i^2 - sum_p r_p^2) / N^2``, with r_p a pair's deviation from the mean and
    S_i the sum over the pairs of image i (Aronow, Samii and Assenova 2015, doi 10.1093/pan/mpv018: dyadic clusters). In
    Hoeffding's terms (kernel = g(x) + g(y) + h(x, y); n images, every one in four of 2 n pairs) it estimates
    ``4 var(g) / n + var(h) / 2n``. The jackknife over images is ``sum_i S_i^2`` alone, which counts a pair's own
    variance twice: a quarter too much where g is all, twice where h is all. Deviations are from the mean of the same
    pairs, which takes the share of covarying pairs (7 of N here) away: hence ``N (N - 7)`` below, exactly unbiased.
    It can come out too small where g is little; as var(g) is not negative, the variance of as many independent pairs
    is the least that it can be.

    Args:
        values: ``(N,)`` of the pairs.
        pairs: ``(N, 2)`` images, numbered from 0.

    >>> ring = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 0]])
    >>> round(standard_error(np.array([1.0, 2.0, 3.0, 2.0, 4.0]), ring), 3)
    0.51
    """
    count = len(values)
    off = values - values.mean()
    sums = np.bincount(pairs[:, 0], off) + np.bincount(pairs[:, 1], off)
    degree = int(np.bincount(pairs.ravel()).max())
    own = float((off**2).sum())
    shared = (float((sums**2).sum()) - own) / (count * (count - 2 * degree + 1))
    return float(np.sqrt(max(shared, own / (count * (count - 1)))))


def ms_ssim(first: np.ndarray, second: np.ndarray) -> float:
    """MS-SSIM of two images ``(X, Y, Z)``, intensities clipped to [0, 1.2]."""
    import torch
    from monai.metrics import MultiScaleSSIMMetric

    weights = np.array(SCALE_WEIGHTS[:SCALES]) / sum(SCALE_WEIGHTS[:SCALES])
    metric = MultiScaleSSIMMetric(spatial_dims=3, data_range=1.0, kernel_size=KERNEL, weights=tuple(weights))
    pair = [torch.from_numpy(np.clip(np.ascontiguousarray(x), 0, BRIGHTEST) / BRIGHTEST) for x in (first, second)]
    with torch.inference_mode():
        return float(metric(pair[0][None, None].float(), pair[1][None, None].float()))
