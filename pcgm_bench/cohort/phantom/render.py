"""From anatomy to a T1-weighted image: tissue means mixed by occupancy, bias field, and what the scanner adds.

One grey-matter intensity a person (never one a lobe): else thinning and darkening of a lobe would look alike.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.grid import EXTENT_MM
from pcgm_bench.cohort.phantom.acquisition import acquire
from pcgm_bench.cohort.phantom.anatomy import Anatomy
from pcgm_bench.cohort.phantom.scanners import DEFAULT
from pcgm_bench.cohort.phantom.scanners import SCANNERS
from pcgm_bench.cohort.phantom.scanners import Scanner

SPREAD = 0.03
TEXTURE = {"white_matter": 0.17, "deep_grey": 1.0, "cerebellum_brainstem": 1.0}
"""How much of the template's own detail each tissue shows; none in cortex, where it could pass for thickness."""
NEAR_MM = 2.1
"""s.d. of the Gaussian that says how close to its outer surface white matter lies."""
SUPERFICIAL_SPREAD = 0.17
"""How much `Scanner.superficial` differs from person to person (s.d. over mean, in 24 real scans)."""
_WHITE, _CORTEX = CHANNELS.index("white_matter"), CHANNELS.index(LOBE_NAMES[0])
CENTRE_SHARE = 0.35
"""Radius of the bright middle over the grid's extent, where a scanner has one."""


def render(anatomy: Anatomy, contrast_seed: int, noise_seed: int, scanner: Scanner = SCANNERS[DEFAULT]) -> np.ndarray:
    """A T1w image ``(X, Y, Z)`` float32, background near 0, white matter near 1.

    Args:
        anatomy: what to show, on a standard grid.
        contrast_seed: the person's tissue intensities and bias field; a counterfactual keeps it.
        noise_seed: the acquisition's noise and motion; fresh for every visit and every counterfactual unless asked
            otherwise.
        scanner: what the person was scanned by; a counterfactual keeps it.
    """
    rng = np.random.default_rng([contrast_seed, 21])
    means = np.array([*scanner.means, *([scanner.grey] * (len(LOBE_NAMES) - 1))])
    wiggle = 1 + SPREAD * np.clip(rng.standard_normal(7), -2, 2)
    means *= np.concatenate([wiggle[:6], np.repeat(wiggle[6], 6)])
    image = np.tensordot(means, anatomy.fractions, 1)
    superficial = scanner.superficial * (1 + SUPERFICIAL_SPREAD * np.clip(rng.standard_normal(), -2, 2))
    detail = sum(gain * anatomy.fractions[CHANNELS.index(name)] for name, gain in TEXTURE.items()) * anatomy.texture
    image += (means[_WHITE] - means[_CORTEX]) * (detail - superficial * _white_at_cortex(anatomy))
    image = image * np.exp(_log_bias(scanner, image.shape, rng))
    seen = acquire(image, scanner, EXTENT_MM[0] / image.shape[0], noise_seed)
    # Skull-stripped: the noise of the air around the head is gone with the skull.
    inside = anatomy.fractions[0] < 0.98
    return (seen * inside).astype(np.float32)


def _white_at_cortex(anatomy: Anatomy) -> np.ndarray:
    """White matter, weighted by how close to its outer surface it lies: there it holds U-fibres, darker in T1w images.

    Cortex and what lies outside it count alike, so that a thinner cortex does not change white matter.
    """
    outside = anatomy.fractions[:2].sum(0) + anatomy.fractions[_CORTEX:].sum(0)
    near = ndi.gaussian_filter(outside, NEAR_MM * outside.shape[0] / EXTENT_MM[0])
    return np.asarray(anatomy.fractions[_WHITE] * near)


def _log_bias(scanner: Scanner, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Log of the uneven brightness over the grid."""
    knots = ndi.gaussian_filter(rng.standard_normal((scanner.bias_knots,) * 3), 1.2 * scanner.bias_knots / 8)
    zoom = [n / scanner.bias_knots for n in shape]
    bias = ndi.zoom(knots / knots.std(), zoom, order=1, grid_mode=True, mode="nearest")
    if not scanner.centre:
        return scanner.bias * bias / 1.5
    axes = np.meshgrid(*((np.arange(n) + 0.5) / n - 0.5 for n in shape), indexing="ij", sparse=True)
    bright = np.exp(-sum(axis**2 for axis in axes) / (2 * CENTRE_SHARE**2))
    return scanner.bias * bias / 1.5 + scanner.centre * (bright - 1)
