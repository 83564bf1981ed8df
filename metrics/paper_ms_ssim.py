"""The paper's MS-SSIM: made against real, and relative to real against real by another formula; as published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch.nn import functional as nnf

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import ImageMetric
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.statistics.image_similarity import SCALE_WEIGHTS
from pcgm_bench.statistics.image_similarity import to_signed

WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2
"""Constants of a data range of 1, though the images span 2."""
SMALLEST = 32
"""Voxels on a side: images are halved five times."""
REAL_PAIRS = 100
"""Random pairs of real images. The published code draws 1000, and ten real partners of a made image where we draw one:
the expectations are the same, their noise three times larger."""


class PaperMSSSIM(ImageMetric):
    """``|made - real| / real``: made is the mean over made images against one random real one, real over real pairs.

    Two different statistics: the published code normalises by ``(x + 1) / 2`` in the second only, and its product has
    the last scale's similarity once a level (four times) instead of once. NaNs (a negative similarity to a fractional
    power) are dropped. As noise has ever less in common with a scan it tends to 1.

    Bias: 0 neither for a perfect generator nor for equal diversity. Known failure: made against real is no diversity:
    it is highest for what is like everybody, and the difference smallest for it, so that the training-mean scores
    better than real scans, and so may one-person and a blurred-copy.

    >>> first, second = np.random.default_rng(0).random((2, 32, 32, 32)).astype(np.float32)
    >>> [round(published(first, other, normalize=True), 3) for other in (first, second)]
    [1.0, 0.793]
    >>> round(published(first, second, normalize=False), 3)
    0.43
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="paper-ms-ssim",
        version="1",
        direction="lower",
        range=(0.0, float("inf")),
        unit="1",
        reference="Li et al. 2025, Table 1, by the evaluation code of Wu et al. 2024, arXiv 2409.08463",
        perfect=float("nan"),
        useless=1.0,
        rule="paper",
    )

    def __init__(self) -> None:
        """The real pairs of one set are taken once, however many rows are scored against it."""
        self._known: tuple[Sequence[np.ndarray], int, float] | None = None

    def __call__(self, real: Sequence[np.ndarray], made: Sequence[np.ndarray], seed: int = 0) -> Estimate:
        """Score made images; pairs are drawn by ``seed`` (the published code has none).

        Args:
            real: images ``(X, Y, Z)``, in any sequence that loads an image when asked.
            made: images of the same shape.
            seed: of the pairs.

        Returns:
            The difference without an interval, as published; ``n``: made images; details ``made`` and ``real``: the
            two means.

        Raises:
            ValueError: fewer than two images on a side, or images with a side of less than 32 voxels.
        """
        if min(len(real), len(made)) < 2:
            raise ValueError(f"{len(real)} real and {len(made)} made images: need at least two of each")
        if min(real[0].shape) < SMALLEST:
            raise ValueError(f"images of {real[0].shape} voxels: the published code needs {SMALLEST} on every side")
        rng = np.random.default_rng([seed, 41])
        theirs = [published(made[i], real[int(rng.integers(len(real)))], normalize=False) for i in range(len(made))]
        if self._known is None or self._known[0] is not real or self._known[1] != seed:
            rng = np.random.default_rng([seed, 43])
            pairs = [rng.choice(len(real), 2, replace=False) for _ in range(REAL_PAIRS)]
            ours = [published(real[int(a)], real[int(b)], normalize=True) for a, b in pairs]
            self._known = (real, seed, float(np.nanmean(ours)))
        mean, own = float(np.nanmean(theirs)), self._known[2]
        return Estimate(abs(mean - own) / own, n=len(made), details={"made": mean, "real": own})


def published(first: np.ndarray, second: np.ndarray, *, normalize: bool) -> float:
    """The published 3-D MS-SSIM of two images, scaled to [-1, 1]; NaN where a power does not exist."""
    x, y = (torch.from_numpy(to_signed(image))[None, None].double() for image in (first, second))
    similarities, contrasts = [], []
    for _ in SCALE_WEIGHTS:
        similarity, contrast = _ssim(x, y)
        similarities.append(similarity)
        contrasts.append(contrast)
        x, y = nnf.avg_pool3d(x, 2), nnf.avg_pool3d(y, 2)
    s, c, w = np.array(similarities), np.array(contrasts), np.array(SCALE_WEIGHTS)
    if normalize:
        s, c = (s + 1) / 2, (c + 1) / 2
    with np.errstate(invalid="ignore"):
        return float(np.prod((c**w)[:-1] * (s**w)[-1]))


def _ssim(x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
    """Mean similarity and mean contrast-structure with a Gaussian window, cut to the image where that is smaller."""
    size = min(WINDOW, *x.shape[2:])
    offsets = torch.arange(size, dtype=torch.float64) - size // 2
    window = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    window = (window / window.sum()).view(1, 1, size)
    volumes = torch.cat([x, y, x * x, y * y, x * y])[:, 0]
    # The published window is the outer product of this one with itself; three passes are the same sum. A pass as a
    # matrix product is much quicker than a convolution in double precision.
    for _axis in range(3):
        band = nnf.conv1d(torch.eye(volumes.shape[1], dtype=torch.float64)[:, None], window, padding=size // 2)
        volumes = torch.tensordot(volumes, band[:, 0], dims=([1], [0]))  # and goes last: after three, all are back
    mean_x, mean_y = volumes[0], volumes[1]
    var_x, var_y = volumes[2] - mean_x**2, volumes[3] - mean_y**2
    covariance = volumes[4] - mean_x * mean_y
    first, second = 2 * covariance + C2, var_x + var_y + C2
    similarity = (2 * mean_x * mean_y + C1) * first / ((mean_x**2 + mean_y**2 + C1) * second)
    return float(similarity.mean()), float((first / second).mean())
