"""What metrics of image similarity share: the range of intensities, and the weights of MS-SSIM's scales."""

from __future__ import annotations

import numpy as np

BRIGHTEST = 1.2
"""Intensity (`Scan.image` units) that is the top of the data range."""
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of five scales (Wang et al. 2003, doi 10.1109/ACSSC.2003.1292216), the finest first."""


def to_signed(image: np.ndarray) -> np.ndarray:
    """Intensities from 0 to `BRIGHTEST` as -1 to 1, clipped; any shape.

    >>> to_signed(np.array([0.0, 0.6, 1.2, 2.0])).tolist()
    [-1.0, 0.0, 1.0, 1.0]
    """
    return np.asarray(np.clip(np.ascontiguousarray(image), 0, BRIGHTEST) * (2 / BRIGHTEST) - 1)
