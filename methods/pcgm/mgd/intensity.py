"""Intensities of scans and of networks."""

from __future__ import annotations

import numpy as np

from pcgm_bench.methods.pcgm.mgd.config import MGDConfig


def to_model(image: np.ndarray, config: MGDConfig) -> np.ndarray:
    """`Scan.image` (0 to about 1.2) -> the networks' [-1, 1]; values beyond are not clipped."""
    return np.asarray(image, np.float32) * np.float32(2 / config.image_range) - np.float32(1)


def from_model(image: np.ndarray, config: MGDConfig) -> np.ndarray:
    """Inverse of `to_model`."""
    return (np.asarray(image, np.float32) + np.float32(1)) * np.float32(config.image_range / 2)
