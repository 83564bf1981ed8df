"""An image edit without a network: every voxel moves by its change of tissue times the tissues' mean intensities."""

from __future__ import annotations

import numpy as np

from pcgm_bench.methods.pcgm.cmg.fractional import BACKGROUND

GAIN = 0.85
"""Share of the mixed change that is drawn; chosen so that the segmenter reads the asked volumes on phantoms."""
INSIDE = 0.5
"""A voxel with less background than this is inside the head."""
LEAST_VOXELS = 1.0
"""A tissue that fills less than this in all has no mean intensity of its own."""


def edited(image: np.ndarray, before: np.ndarray, after: np.ndarray, gain: float = GAIN) -> np.ndarray:
    """The image with the tissues of ``after`` in place of those of ``before``.

    Args:
        image: ``(X, Y, Z)``.
        before: ``(12, X, Y, Z)`` fractions of the image's tissues.
        after: the same of the counterfactual.
        gain: share of the change that is drawn.

    >>> before = np.zeros((12, 1, 1, 2))
    >>> before[1, ..., 0], before[6, ..., 1] = 1, 1
    >>> after = before.copy()
    >>> after[6, ..., 1], after[1, ..., 1] = 0.5, 0.5
    >>> edited(np.array([[[0.2, 0.6]]]), before, after, gain=1.0).round(3).tolist()
    [[[0.20000000298023224, 0.4000000059604645]]]
    """
    change = np.tensordot(channel_means(image, before), after.astype(np.float64) - before, axes=1)
    return np.maximum(image + gain * change, 0).astype(np.float32)


def channel_means(image: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """Mean intensity of every channel ``(12,)``, by least squares of the image on the fractions inside the head.

    At 3 mm hardly a voxel is all cortex, so that a mean over pure voxels would not do. The background, and channels
    that are not there, have 0.
    """
    inside = fractions[BACKGROUND] < INSIDE
    mixed = fractions[:, inside].astype(np.float64)
    there = np.flatnonzero(mixed.sum(axis=1) >= LEAST_VOXELS)
    there = there[there != BACKGROUND]
    means = np.zeros(len(fractions))
    means[there] = np.linalg.lstsq(mixed[there].T, image[inside].astype(np.float64), rcond=None)[0]
    return means


def noise_level(image: np.ndarray, inside: np.ndarray) -> float:
    """Standard deviation of an image's white noise.

    From second differences along all three axes at once, after Immerkaer 1996 (doi 10.1006/cviu.1996.0060): what is
    smooth along one of them, as most borders are, does not show.

    Args:
        image: ``(X, Y, Z)``.
        inside: bool ``(X, Y, Z)``: where to look.

    >>> noisy = np.random.default_rng(0).normal(1.0, 0.05, (20, 20, 20))
    >>> round(noise_level(noisy, np.ones(noisy.shape, bool)), 2)
    0.05
    """
    values = image.astype(np.float64)
    for axis in range(3):
        values = np.diff(values, n=2, axis=axis)
    here = values[inside[1:-1, 1:-1, 1:-1]]
    # Corners of tissue are a minority of the voxels: the median absolute deviation does not see them.
    return float(1.4826 * np.median(np.abs(here)) / np.sqrt(6**3)) if len(here) else 0.0
