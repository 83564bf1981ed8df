"""Features of an untrained network: the space that works offline, the default."""

from __future__ import annotations

from functools import cached_property
from importlib.metadata import version
from typing import ClassVar

import numpy as np
import torch
import uncnn

from pcgm_bench.contracts import FeatureExtractor
from pcgm_bench.contracts import UserError
from pcgm_bench.features.forward import checked
from pcgm_bench.features.forward import features

HAZE = 0.02
"""Intensities up to here (white matter is about 1) are background, and are set to 0."""
LEAST = 16
"""Shortest side, in voxels: the network halves four times."""


class UncnnExtractor(FeatureExtractor):
    """9664 features of un-CNN: a 3D convolutional network with fixed random weights.

    Per block (of four): channel means on a 2 x 2 x 2 grid, and covariances of the first 32 channels. Its input are
    three channels: the image scaled by median and interquartile range of the head, its 3 x 3 x 3 median, and its Sobel
    gradient; network and channels are the package's own (``config="robust"``).

    Two differences to the package. The image stays on its own grid instead of going to 91 x 109 x 91 voxels: at 3 mm
    there is nothing between the voxels, and it would take five times longer. And what is hardly above 0 counts as
    background (`HAZE`): the package takes as head whatever is above the 5th percentile, so a background of 0.001
    instead of 0 would change the scale of the whole image.

    Known failure: nothing taught it what matters in a brain; a difference that people do not see (noise, sharpness,
    contrast) weighs as much as one of anatomy.

    Reference: Encin et al. 2026, doi 10.64898/2026.06.07.730652 (PyPI ``uncnn``, MIT).

    >>> UncnnExtractor().identity
    'uncnn-1.0.0-robust-seed0-own-grid-1'
    """

    name: ClassVar[str] = "uncnn"
    title: ClassVar[str] = "un-CNN (untrained, fixed random weights)"
    thread_safe: ClassVar[bool] = True
    revision: ClassVar[int] = 1
    """Raised whenever this module gives other features for the same image."""

    def __init__(self, *, seed: int = uncnn.WEIGHT_SEED, device: str = "cpu") -> None:
        """Choose the weights.

        Args:
            seed: of the random weights.
            device: where the network runs.
        """
        self.seed = seed
        self.device = device

    @property
    def identity(self) -> str:
        """Package version, configuration and seed: what the weights are drawn from."""
        return f"uncnn-{version('uncnn')}-robust-seed{self.seed}-own-grid-{self.revision}"

    @cached_property
    def _net(self) -> torch.nn.Module:
        # The package seeds PyTorch's global generator, which belongs to the caller.
        with torch.random.fork_rng(devices=[]):
            return uncnn.load_model(seed=self.seed, device=self.device)

    def extract(self, image: np.ndarray) -> np.ndarray:
        """``(9664,)`` float32.

        Raises:
            UserError: the image is empty, has values that are not numbers, or a side below `LEAST` voxels.
        """
        image = checked(image)
        if min(image.shape) < LEAST:
            raise UserError(f"uncnn features need sides of at least {LEAST} voxels, not {image.shape}")
        scaled = uncnn.scale_robust(np.where(image > HAZE, image, np.float32(0)))
        channels = np.stack([scaled, uncnn.rank_filter(scaled, size=3), uncnn.norm(uncnn.sobel_mag(scaled))])
        return features(self._net, torch.from_numpy(channels).float()[None], self.device)
