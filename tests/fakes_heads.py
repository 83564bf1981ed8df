"""Heads whose anatomy is a formula: a ball of white matter in a shell of cortex and a shell of fluid."""

from __future__ import annotations

import numpy as np

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import dk_label
from pcgm_bench.contracts import Segmentation

SIDE = 36
NOISE = 0.025
LEVELS = np.array([0.0, 0.2, 0.2, 1.0, 0.8, 0.8, *[0.65] * 6])
FRONTAL = CHANNELS.index("frontal")
PARCELS = ("superiorfrontal", "precentral", "parsorbitalis", "frontalpole")
VOXEL_ML = 0.027


def radius(person: int) -> np.ndarray:
    """Distance of every voxel from the middle of a head, whose surface is a little uneven."""
    x, y, z = np.meshgrid(*[np.arange(SIDE) - SIDE / 2] * 3, indexing="ij")
    waves = np.sin(0.7 * x + person) + np.cos(0.6 * y - person) + np.sin(0.5 * z + 2 * person)
    return np.asarray(np.sqrt(x**2 + y**2 + z**2) + 0.4 * waves)


def anatomy(loss: float, person: int) -> Segmentation:
    """Cortex in four frontal parcels whose outside moves in by ``loss`` voxels; the top of it is the other lobes'."""
    r = radius(person)
    white, pial, hull = (np.clip(edge - r + 0.5, 0, 1) for edge in (10.0, 12.0 - loss, 14.0))
    fractions = np.zeros((len(CHANNELS), *r.shape), np.float32)
    fractions[0], fractions[1], fractions[3] = 1 - hull, hull - pial, white
    sides = np.where(np.arange(SIDE)[:, None, None] < SIDE / 2, 0, 2) + np.zeros(r.shape, int)
    sides += np.arange(SIDE)[None, :, None] < SIDE / 2
    slab = np.clip((np.arange(SIDE) - 20) // 2, -1, 4) + np.zeros(r.shape, int)
    cortex = pial - white
    for place in range(len(LOBE_NAMES)):
        fractions[FRONTAL + place] = np.where(slab == place - 1, cortex, 0)
    frontal = fractions[FRONTAL] > 0.5
    labels = np.select([frontal & (sides == k) for k in range(4)], [dk_label(name, "lh") for name in PARCELS], 0)
    volumes = {name: float(fractions[k].sum() * VOXEL_ML) for k, name in enumerate(CHANNELS) if k}
    return Segmentation(fractions, labels.astype(np.int16), volumes, 300.0, 1.0)


def image(fractions: np.ndarray, noise_seed: int) -> np.ndarray:
    """The tissues' levels mixed, with noise inside the head."""
    noise = np.random.default_rng(noise_seed).normal(0, NOISE, fractions.shape[1:])
    return np.asarray((np.tensordot(LEVELS, fractions, 1) + noise) * (fractions[0] < 0.98), np.float32)
