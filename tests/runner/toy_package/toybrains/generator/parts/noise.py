"""Noise, of a strength that stands in a file."""

from pathlib import Path

import numpy as np

from toybrains.generator.parts.shape import flattened


def strength() -> float:
    """From ``settings.yaml``."""
    text = (Path(__file__).parent / "settings.yaml").read_text()
    return float(text.partition("strength:")[2].split()[0])


def noise_like(image: np.ndarray, seed: int) -> np.ndarray:
    """As many numbers as the image has voxels."""
    return np.random.default_rng(seed).normal(0, strength(), flattened(image)).reshape(image.shape)
