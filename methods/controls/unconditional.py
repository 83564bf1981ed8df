"""Controls that ignore what is asked, or know nothing but the training fold: useless in one way each.

They do both jobs. A metric that puts one of them above every method measures something else than it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from scipy.ndimage import gaussian_filter

from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Scan
from pcgm_bench.methods.controls.fold import CHANGES
from pcgm_bench.methods.controls.fold import DRAWS
from pcgm_bench.methods.controls.fold import FoldControl
from pcgm_bench.methods.controls.fold import card as card_of

BLUR_VOXELS = 1.0
"""S.d. of the blur: twice the sharpness of a scan's own point spread, seen at once by eye."""
BOTH = CHANGES | DRAWS
GREY_LEVEL = 0.05
"""S.d. of the noise on the one person who is drawn again and again."""


class OtherHalf(FoldControl):
    """Real scans of the training fold, each once: what a perfect generator draws. The floor of every set metric."""

    card: ClassVar[Card] = card_of("other-half", "Other half of the real data", "real scans", DRAWS)

    def sample(self, n: int, seed: int, first: int = 0) -> Iterator[np.ndarray]:
        """Scan ``i`` of the fold."""
        return (self.scan(i).copy() for i in range(first, first + n))


class OnePerson(FoldControl):
    """One real person again and again, with a little noise: realistic, without diversity."""

    card: ClassVar[Card] = card_of("one-person", "One person, repeated", "mode collapse", DRAWS)

    def sample(self, n: int, seed: int, first: int = 0) -> Iterator[np.ndarray]:
        """The fold's first scan plus noise."""
        for i in range(first, first + n):
            image = self.scan(0)
            noise = np.random.default_rng([seed, i]).normal(0, GREY_LEVEL, image.shape)
            yield np.where(image > 0, np.maximum(image + noise, 0), 0).astype(np.float32)


class TrainingMean(FoldControl):
    """The mean image of the training fold: smooth, nobody, always the same."""

    card: ClassVar[Card] = card_of(
        "training-mean", "Mean of the training fold", "knows no person and no intervention", BOTH
    )
    _mean: np.ndarray | None = None

    def adapt(self, cohort: Cohort, context: Context) -> None:
        """Keep the fold; its mean is taken when first needed."""
        super().adapt(cohort, context)
        self._mean = None

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        """The mean, whoever is asked about."""
        return self.mean().copy()

    def sample(self, n: int, seed: int, first: int = 0) -> Iterator[np.ndarray]:
        """The mean, ``n`` times."""
        return (self.mean().copy() for _ in range(n))

    def mean(self) -> np.ndarray:
        """Mean over scans, ``(X, Y, Z)``."""
        if self._mean is None:
            total = np.zeros(self.scan(0).shape, np.float64)
            for index in range(len(self.fold)):
                total += self.scan(index)
            self._mean = (total / len(self.fold)).astype(np.float32)
        return self._mean


class BlurredCopy(FoldControl):
    """The input, or a scan of the training fold, blurred: right on average, visibly wrong."""

    card: ClassVar[Card] = card_of("blurred-copy", "Blurred copy", "Gaussian blur of one voxel, nothing else", BOTH)

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        """The input, blurred."""
        return gaussian_filter(scan.image, BLUR_VOXELS).astype(np.float32)

    def sample(self, n: int, seed: int, first: int = 0) -> Iterator[np.ndarray]:
        """Scan ``i`` of the fold, blurred."""
        return (gaussian_filter(self.scan(i), BLUR_VOXELS).astype(np.float32) for i in range(first, first + n))


class Noise(FoldControl):
    """White noise with the mean and s.d. of the scan it stands for: no anatomy at all."""

    card: ClassVar[Card] = card_of("noise", "White noise", "first two moments of the intensities, no anatomy", BOTH)

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        """Noise like the input."""
        return _noise_like(scan.image, [seed])

    def sample(self, n: int, seed: int, first: int = 0) -> Iterator[np.ndarray]:
        """Noise like scan ``i`` of the fold."""
        return (_noise_like(self.scan(i), [seed, i]) for i in range(first, first + n))


def _noise_like(image: np.ndarray, seed: list[int]) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(image.mean(), image.std(), image.shape)
    return np.maximum(noise, 0).astype(np.float32)
