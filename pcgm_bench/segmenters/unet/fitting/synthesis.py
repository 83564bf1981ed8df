"""Training images for the segmenter: random T1-like pictures of known fractions (after SynthSeg, Billot et al. 2023).

Every picture draws its own tissue means, detail, gamma, bias field, blur and noise, so that the network learns where
tissue is and how much, and nothing about how one scanner or one generator draws it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pcgm_bench.anatomy import CHANNELS

_DETAIL = torch.tensor([{"white_matter": 0.5, "deep_grey": 1.0, "cerebellum_brainstem": 1.3}.get(c, 0.0)
                        for c in CHANNELS])  # fmt: skip


def uniform(generator: torch.Generator, low: float, high: float, *size: int) -> Tensor:
    """Uniform numbers in [low, high)."""
    return low + (high - low) * torch.rand(*size, generator=generator)


def tissue_means(generator: torch.Generator) -> Tensor:
    """Intensity of each of the 12 channels: any T1-like contrast; one grey for all cortex."""
    white = uniform(generator, 0.85, 1.15, 1)[0]
    csf = white * uniform(generator, 0.10, 0.38, 1)[0]
    ventricles = csf * uniform(generator, 0.7, 1.1, 1)[0]
    grey = csf + (white - csf) * uniform(generator, 0.42, 0.70, 1)[0]
    deep = grey + (white - grey) * uniform(generator, 0.20, 0.60, 1)[0]
    below = grey + (white - grey) * uniform(generator, 0.20, 0.55, 1)[0]
    return torch.stack([torch.zeros(()), csf, ventricles, white, deep, below, *([grey] * 6)])


def picture(fractions: Tensor, texture: Tensor, generator: torch.Generator, means: Tensor, bias_seed: Tensor) -> Tensor:
    """One image ``(X, Y, Z)`` of ``fractions`` ``(12, X, Y, Z)``.

    ``means`` and ``bias_seed`` (a coarse random field ``(6, 6, 6)``) are handed in so that two states of one person can
    share them; noise and blur come from ``generator``.
    """
    image = torch.tensordot(means, fractions, 1)
    gain = uniform(generator, 0.0, 1.6, 1)[0]
    image = image + gain * torch.tensordot(_DETAIL, fractions, 1) * texture
    bias = functional.interpolate(bias_seed[None, None], fractions.shape[1:], mode="trilinear")[0, 0]
    image = image * torch.exp(bias)
    sigma = float(uniform(generator, 0.0, 0.45, 1)[0])
    if torch.rand((), generator=generator) < 0.3:
        image = smooth(image, sigma)
    noise = float(uniform(generator, 0.005, 0.05, 1)[0])
    real, imaginary = (noise * torch.randn(image.shape, generator=generator) for _ in range(2))
    inside = fractions[0] < float(uniform(generator, 0.6, 0.999, 1)[0])
    return torch.hypot(image + real, imaginary) * inside


def smooth(image: Tensor, sigma: float) -> Tensor:
    """Separable Gaussian blur with a three-point kernel; ``sigma`` in voxels."""
    if sigma < 0.2:
        return image
    side = float(torch.exp(torch.tensor(-0.5 / sigma**2)))
    kernel = torch.tensor([side, 1.0, side]) / (1 + 2 * side)
    out = image[None, None]
    for axis in range(3):
        shape = [1, 1, 1, 1, 1]
        shape[2 + axis] = 3
        padding = [0, 0, 0]
        padding[axis] = 1
        out = functional.conv3d(out, kernel.reshape(shape), padding=padding)
    return out[0, 0]
