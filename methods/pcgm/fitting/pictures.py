"""Pictures of both states of a training pair: the same person, scanner and noise; only the anatomy differs."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from pcgm_bench.cohort.phantom.render import render
from pcgm_bench.cohort.phantom.scanners import SCANNERS
from pcgm_bench.cohort.phantom.scanners import Scanner
from pcgm_bench.segmenters.unet.fitting.synthesis import Surroundings
from pcgm_bench.segmenters.unet.fitting.synthesis import real_picture
from pcgm_bench.segmenters.unet.fitting.synthesis import scene
from pcgm_bench.segmenters.unet.fitting.synthesis import tissue_means
from pcgm_bench.segmenters.unet.fitting.training_pairs import Pair

RANDOM = "random"
"""A scanner of random levels, in place of one of `SCANNERS`."""
OUTSIDE = 0.98
"""Share of background from which on a voxel lies outside the head."""
PLAIN = 0.5
"""Share of the real scans that are shown as they are."""
SUPERFICIAL, BIAS, NOISE, BLUR_MM = (0.25, 0.8), (0.0, 0.14), (0.01, 0.045), 4.0
"""Ranges of a random scanner; a third of them blur."""


def random_scanner(seed: int) -> Scanner:
    """A scanner with any T1-like contrast; white matter is 1, as in every `Scan.image`."""
    rng = np.random.default_rng([seed, 24])
    levels = tissue_means(torch.Generator().manual_seed(seed)).numpy()
    _, csf, ventricles, white, deep, below, grey = levels[:7]
    return Scanner(
        csf=float(csf / white),
        ventricles=float(ventricles / white),
        deep_grey=float(deep / white),
        below=float(below / white),
        grey=float(grey / white),
        superficial=rng.uniform(*SUPERFICIAL),
        bias=rng.uniform(*BIAS),
        bias_knots=int(rng.integers(4, 9)),
        noise=rng.uniform(*NOISE),
        blur_mm=rng.uniform(0, BLUR_MM) if rng.random() < 1 / 3 else 0.0,
    )


def pictures(pair: Pair, look: str, seed: int, states: int = 2) -> list[np.ndarray]:
    """Images ``(X, Y, Z)`` float32 of a pair's states, white matter near 1.

    Args:
        pair: from `pcgm_bench.segmenters.unet.fitting.training_pairs`; one with images of its own keeps them.
        look: name of a scanner, or `RANDOM`; without effect on a pair with images.
        seed: of contrast, bias field and noise, which the states share.
        states: 1 for the first state alone.
    """
    if pair.image is not None:
        return [_real(pair, state, seed) for state in range(states)]
    scanner = random_scanner(seed) if look == RANDOM else SCANNERS[look]
    return [render(pair.anatomy(state), seed, seed + 1, scanner) for state in range(states)]


def _real(pair: Pair, state: int, seed: int) -> np.ndarray:
    """A real scan without its skull; half of them with another gamma, shading and a little noise."""
    assert pair.image is not None
    fractions = torch.from_numpy(pair.fractions[state].astype(np.float32) / 255)
    image = torch.from_numpy(pair.image[state].astype(np.float32))
    if np.random.default_rng([seed, 25]).random() < PLAIN:
        shown = image.clamp(min=0) * (fractions[0] < OUTSIDE)
    else:
        drawn = dataclasses.replace(scene(torch.Generator().manual_seed(seed)), slices=None, outline=OUTSIDE)
        around = Surroundings(None, torch.zeros(image.shape))
        shown = real_picture(fractions, image, torch.Generator().manual_seed(seed), drawn, around)
    return np.asarray(shown.numpy(), np.float32)
