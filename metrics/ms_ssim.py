"""Multi-scale structural similarity within a set: as diverse as the real brains are?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from typing import ClassVar

import numpy as np
from scipy import stats

from pcgm_bench.contracts import MetricRecord

BRIGHTEST = 1.2
"""Intensity (`Scan.image` units) that is the top of the data range."""
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of Wang et al. 2003; the first three, renormalised, are used where five scales do not fit."""
SCALES = 3
KERNEL = 7
"""Window. MONAI wants every side // (scales - 1)^2 > window - 1: 56 // 4 = 14 > 6."""
SHIFTS = 2
"""Partners an image gets on either side of a random circle: n * SHIFTS pairs."""
MOST = 150
"""Images a set is cut to: a pair takes a tenth of a second, and 300 pairs have a standard error of a thousandth."""


class MSSSIM:
    """Mean MS-SSIM over pairs within the made set, minus the same within the real set: 0 for equal diversity.

    Pairs are drawn on a random circle, every image with its next two: no image counts more than another. Three scales
    with a window of 7 (five of 11 do not fit 56 voxels): not to be compared with values at other settings, the paper's
    0.767 included. Bias: none. Known failure: it knows no realism: noise is very diverse, and a value above 0 (too
    alike) can hide below it.
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="ms-ssim",
        version="1",
        direction="perfect",
        range=(-1.0, 1.0),
        unit="1",
        reference="Wang et al. 2003, doi 10.1109/ACSSC.2003.1292216; MONAI's implementation",
        perfect=0.0,
        useless=1.0,
        inputs="images",
    )

    def __init__(self) -> None:
        """The real set's own similarity is taken once, however many rows are scored against it."""
        self._known: tuple[Sequence[np.ndarray], int, tuple[float, float]] | None = None

    def __call__(self, real: Sequence[np.ndarray], made: Sequence[np.ndarray], seed: int = 0) -> dict[str, Any]:
        """Score made images.

        Args:
            real: images ``(X, Y, Z)``, in any sequence that loads one when asked.
            made: images of the same shape.
            seed: of the pairs.

        Returns:
            ``value`` (made minus real) with its jackknife interval ``low`` and ``high``, ``n``; ``made`` and ``real``:
            the two means.

        Raises:
            ValueError: fewer than five images on a side, or a side too short for three scales.
        """
        if self._known is None or self._known[0] is not real or self._known[1] != seed:
            self._known = (real, seed, within(real, seed))
        ours, theirs = self._known[2], within(made, seed)
        value = theirs[0] - ours[0]
        half = float(stats.t.ppf(0.975, min(len(real), len(made)) - 1)) * float(np.hypot(ours[1], theirs[1]))
        return {
            "value": value,
            "low": value - half,
            "high": value + half,
            "n": len(made),
            "n_real": len(real),
            "made": theirs[0],
            "real": ours[0],
        }


def within(images: Sequence[np.ndarray], seed: int) -> tuple[float, float]:
    """Mean MS-SSIM over pairs of one set, and its jackknife standard error over images."""
    n = min(len(images), MOST)
    if n <= 2 * SHIFTS:
        raise ValueError(f"MS-SSIM within a set needs more than {2 * SHIFTS} images, has {n}")
    circle = np.random.default_rng([seed, 37]).permutation(len(images))[:n]
    pairs = [(circle[i], circle[(i + shift) % n]) for i in range(n) for shift in range(1, SHIFTS + 1)]
    loaded: dict[int, np.ndarray] = {}
    found = []
    for first, second in pairs:
        for index in (first, second):
            if index not in loaded:
                loaded[index] = images[index]
        found.append(ms_ssim(loaded[first], loaded[second]))
        # The circle is walked in order: an image is needed for a few pairs and never again, but for the first ones.
        for index in list(loaded)[: -2 * (SHIFTS + 1)]:
            if index not in circle[: SHIFTS + 1]:
                del loaded[index]
    values, ends = np.array(found), np.array(pairs)
    left_out = np.array([values[(ends != i).all(axis=1)].mean() for i in circle])
    return float(values.mean()), float(np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum()))


def ms_ssim(first: np.ndarray, second: np.ndarray) -> float:
    """MS-SSIM of two images ``(X, Y, Z)``, intensities clipped to [0, 1.2]."""
    import torch
    from monai.metrics import MultiScaleSSIMMetric

    weights = np.array(WEIGHTS[:SCALES]) / sum(WEIGHTS[:SCALES])
    metric = MultiScaleSSIMMetric(spatial_dims=3, data_range=1.0, kernel_size=KERNEL, weights=tuple(weights))
    pair = [torch.from_numpy(np.clip(np.ascontiguousarray(x), 0, BRIGHTEST) / BRIGHTEST) for x in (first, second)]
    with torch.inference_mode():
        return float(metric(pair[0][None, None].float(), pair[1][None, None].float()))
