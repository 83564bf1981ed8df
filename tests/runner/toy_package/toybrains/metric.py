"""A metric of images, and one of features."""

from collections.abc import Sequence

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import FeatureMetric
from pcgm_bench.contracts import ImageMetric
from pcgm_bench.contracts import MetricRecord
from toybrains.faults import fault

SCALE = 1.0


class Brightness(ImageMetric):
    """By how much made images are brighter."""

    record = MetricRecord("toy-brightness", "1", "perfect", (-1.0, 1.0), "1", "none", 0.0, 1.0)

    def __call__(self, real: Sequence[np.ndarray], made: Sequence[np.ndarray], seed: int = 0) -> Estimate:
        """A difference of means."""
        if fault() == "metric":
            raise RuntimeError("no number")
        means = [float(np.mean([image.mean() for image in images])) for images in (real, made)]
        return Estimate(SCALE * (means[1] - means[0]), n=len(made))


class Distance(FeatureMetric):
    """Distance of the mean features."""

    record = MetricRecord("toy-distance", "1", "lower", (0.0, float("inf")), "1", "none", 0.0, float("inf"))

    def __call__(self, real: np.ndarray, made: np.ndarray, seed: int = 0) -> Estimate:
        """Euclidean."""
        return Estimate(float(np.linalg.norm(real.mean(0) - made.mean(0))), n=len(made))
