"""From anatomy to a T1-weighted image: tissue means mixed by occupancy, bias field, Rician noise.

One grey-matter intensity a person (never one a lobe): else thinning and darkening of a lobe would look alike.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.cohort.phantom.anatomy import Anatomy

MEANS = {"background": 0.0, "csf": 0.22, "ventricles": 0.19, "white_matter": 1.0, "deep_grey": 0.80,
         "cerebellum_brainstem": 0.78}  # fmt: skip
GREY = 0.66
SPREAD = 0.03
BIAS = 0.08
NOISE = 0.025
TEXTURE = {"white_matter": 0.5, "deep_grey": 1.0, "cerebellum_brainstem": 1.3}
"""How much of the template's own detail each tissue shows; none in cortex, where it could pass for thickness."""


def render(anatomy: Anatomy, contrast_seed: int, noise_seed: int) -> np.ndarray:
    """A T1w image ``(X, Y, Z)`` float32, background near 0, white matter near 1.

    Args:
        anatomy: what to show.
        contrast_seed: the person's tissue intensities and bias field; a counterfactual keeps it.
        noise_seed: the acquisition's noise; fresh for every visit and every counterfactual unless asked otherwise.
    """
    rng = np.random.default_rng([contrast_seed, 21])
    means = np.array([*MEANS.values(), *([GREY] * 6)])
    wiggle = 1 + SPREAD * np.clip(rng.standard_normal(7), -2, 2)
    means *= np.concatenate([wiggle[:6], np.repeat(wiggle[6], 6)])
    image = np.tensordot(means, anatomy.fractions, 1)
    weights = sum(gain * anatomy.fractions[CHANNELS.index(name)] for name, gain in TEXTURE.items())
    image = image + weights * anatomy.texture
    knots = ndi.gaussian_filter(rng.standard_normal((8, 8, 8)), 1.2)
    bias = ndi.zoom(knots / knots.std(), [n / 8 for n in image.shape], order=1, grid_mode=True, mode="nearest")
    image = image * np.exp(BIAS * bias / 1.5)
    noise = np.random.default_rng([noise_seed, 22])
    real, imaginary = (NOISE * noise.standard_normal(image.shape) for _ in range(2))
    # Skull-stripped: the noise of the air around the head is gone with the skull.
    inside = anatomy.fractions[0] < 0.98
    return (np.hypot(image + real, imaginary) * inside).astype(np.float32)
