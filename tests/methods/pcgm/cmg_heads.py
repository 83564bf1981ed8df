"""Small heads of soft tissue for tests of the mask generator."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES

FIRST = CHANNELS.index(LOBE_NAMES[0])
SHAPE = (16, 15, 14)


def head(seed: int, shape: tuple[int, int, int] = SHAPE, deep_grey: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """A bumpy white-matter ball with ventricle, cortex of six lobes and csf around: channel map and fractions.

    With ``deep_grey`` one side of the ventricle borders on it.
    """
    rng = np.random.default_rng(seed)
    grid = np.indices(shape) - (np.array(shape)[:, None, None, None] - 1) / 2
    bumps = ndi.gaussian_filter(rng.standard_normal(shape), 1.5)
    radius = np.sqrt((grid**2).sum(0)) + 1.2 * bumps / bumps.std()
    r = min(shape) / 2 - 1
    channels = np.zeros(shape, int)
    for name, size in (("csf", 1.0), ("frontal", 0.85), ("white_matter", 0.55), ("ventricles", 0.2)):
        channels[radius < size * r] = CHANNELS.index(name)
    if deep_grey:
        near = (radius < 0.35 * r) & (channels == CHANNELS.index("white_matter")) & (grid[0] > 0)
        channels[near] = CHANNELS.index("deep_grey")
    seeds = rng.standard_normal((len(LOBE_NAMES), 3))
    lobe = FIRST + np.tensordot(seeds / np.linalg.norm(seeds, axis=1)[:, None], grid, 1).argmax(0)
    channels = np.where(channels == FIRST, lobe, channels)
    fractions = np.stack([ndi.gaussian_filter((channels == c).astype(float), 0.6) for c in range(len(CHANNELS))])
    fractions[fractions < 0.01] = 0
    return channels, (fractions / fractions.sum(0)).astype(np.float32)
