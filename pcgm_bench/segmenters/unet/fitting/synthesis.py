"""Training images for the segmenter: random T1-like pictures of known fractions (after SynthSeg, Billot et al. 2023).

Every picture draws its own tissue means, detail, gamma, bias field, blur and noise, so that the network learns where
tissue is and how much, and nothing about how one scanner or one generator draws it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import TISSUES
from pcgm_bench.cohort.phantom.render import TEXTURE

THICK_SLICES, THICKNESS_MM = 0.1, (4.0, 6.0)
"""Share of the scenes that are seen in thick slices, and how thick these are."""
BLURRED, BLUR = 0.3, (0.0, 0.45)
"""Share of the scenes that are blurred, and by how much (s.d. in voxels)."""
GAMMA, OUTLINE = (0.75, 1.3), (0.6, 0.999)
"""Of the intensities of a real scan; share of background from which a voxel is cut away."""
BIAS, UNEVEN = 0.12, 0.06
"""Largest s.d. of the log shading, and of the log of a tissue's own differences from place to place."""
NOISE, REAL_NOISE = (0.005, 0.05), (0.0, 0.03)
"""s.d. of the noise, where white matter is 1: of a picture of fractions, and added to a real scan's own."""
SUPERFICIAL = (0.25, 0.8)
"""Range of the darkening of outer white matter, in steps from grey to white matter: .52 (s.d. .09) in 24 real
scans."""
DETAIL = (0.3, 1.4)
"""Range of the contrast among deep structures, where 1 is that of real scans."""
NEAR = 0.7
"""Blur (voxels) that says how close to its outer surface white matter lies."""
_WHITE, _CORTEX = CHANNELS.index("white_matter"), len(TISSUES)
_DETAIL = torch.tensor([TEXTURE.get(c, 0.0) for c in CHANNELS])


@dataclass(frozen=True)
class Surroundings:
    """What a mask leaves of a head.

    Attributes:
        mask: ``(X, Y, Z)``, share of a voxel inside the mask; None: the mask is the brain's own outline.
        outside: ``(X, Y, Z)``, intensity of what lies around the brain, before the mask.
    """

    mask: Tensor | None
    outside: Tensor


@dataclass(frozen=True)
class Scene:
    """What two states of one person share in a picture.

    Attributes:
        means: ``(12,)``, intensity of every channel.
        bias: ``(6, 6, 6)``, log of the shading.
        uneven: ``(2, 8, 8, 8)``, log of how white matter and cortex differ from place to place (real cortex is
            brighter where it holds more myelin).
        superficial: how much darker white matter is at the cortex, in steps from grey to white matter.
        gamma: of the intensities of a real scan.
        detail: contrast among deep structures, where 1 is that of real scans.
        blur: s.d. of the scanner's blur, voxels; 0: none.
        slices: axis and thickness (mm) of thick slices; None: there are none.
        noise: how strong the noise is, from 0 (the least there may be) to 1 (the most).
        outline: share of background beyond which a voxel is cut away, where the mask is the brain's own outline.
    """

    means: Tensor
    bias: Tensor
    uneven: Tensor
    superficial: float
    gamma: float
    detail: float
    blur: float
    slices: tuple[int, float] | None
    noise: float
    outline: float


def uniform(generator: torch.Generator, low: float, high: float, *size: int) -> Tensor:
    """Uniform numbers in [low, high)."""
    return low + (high - low) * torch.rand(*size, generator=generator)


def tissue_means(generator: torch.Generator) -> Tensor:
    """Intensity of each of the 12 channels: any T1-like contrast; one grey for all cortex."""
    white = uniform(generator, 0.85, 1.15, 1)[0]
    csf = white * uniform(generator, 0.10, 0.42, 1)[0]
    ventricles = csf * uniform(generator, 0.5, 1.1, 1)[0]
    grey = csf + (white - csf) * uniform(generator, 0.27, 0.70, 1)[0]
    deep = grey + (white - grey) * uniform(generator, 0.45, 0.85, 1)[0]
    below = grey + (white - grey) * uniform(generator, 0.30, 0.75, 1)[0]
    return torch.stack([torch.zeros(()), csf, ventricles, white, deep, below, *([grey] * 6)])


def scene(generator: torch.Generator) -> Scene:
    """A random one."""
    bias = BIAS * torch.randn(6, 6, 6, generator=generator) * torch.rand((), generator=generator)
    strength = uniform(generator, 0.0, UNEVEN, 2)[:, None, None, None]
    uneven = strength * torch.randn(2, 8, 8, 8, generator=generator)
    means = tissue_means(generator)

    def drawn(low: float, high: float) -> float:
        return float(uniform(generator, low, high, 1)[0])

    superficial, gamma, detail = drawn(*SUPERFICIAL), drawn(*GAMMA), drawn(*DETAIL)
    blur, noise, outline, thickness = drawn(*BLUR), drawn(0, 1), drawn(*OUTLINE), drawn(*THICKNESS_MM)
    blurred, thick = drawn(0, 1) < BLURRED, drawn(0, 1) < THICK_SLICES
    return Scene(
        means=means,
        bias=bias,
        uneven=uneven,
        superficial=superficial,
        gamma=gamma,
        detail=detail,
        blur=blur if blurred else 0.0,
        slices=(int(torch.randint(3, (), generator=generator)), thickness) if thick else None,
        noise=noise,
        outline=outline,
    )


def picture(
    fractions: Tensor, texture: Tensor, generator: torch.Generator, scene: Scene, around: Surroundings
) -> Tensor:
    """One image ``(X, Y, Z)`` of ``fractions`` ``(12, X, Y, Z)``; the noise comes from ``generator``."""
    size = tuple(fractions.shape[1:])
    white, cortex = functional.interpolate(scene.uneven[None], size=size, mode="trilinear")[0].exp()
    level = scene.means[:, None, None, None].expand(-1, *size).clone()
    step = scene.means[_WHITE] - scene.means[_CORTEX]
    outside = fractions[:2].sum(0) + fractions[_CORTEX:].sum(0)
    level[_WHITE] = level[_WHITE] * white - scene.superficial * step * smooth(outside, NEAR)
    level[_CORTEX:] *= cortex
    image = (level * fractions).sum(0)
    image = image + scene.detail * step * torch.tensordot(_DETAIL, fractions, 1) * texture
    image = image + fractions[0] * around.outside
    return _scanned(image, fractions, generator, scene, around)


def real_picture(
    fractions: Tensor, image: Tensor, generator: torch.Generator, scene: Scene, around: Surroundings
) -> Tensor:
    """A real image ``(X, Y, Z)`` with another gamma, shading, blur, noise and mask; arguments as in `picture`."""
    return _scanned(image.clamp(min=0) ** scene.gamma, fractions, generator, scene, around, noise=REAL_NOISE)


def _scanned(
    image: Tensor,
    fractions: Tensor,
    generator: torch.Generator,
    scene: Scene,
    around: Surroundings,
    noise: tuple[float, float] = NOISE,
) -> Tensor:
    """What a scanner and a mask make of intensities."""
    bias = functional.interpolate(scene.bias[None, None], size=tuple(image.shape), mode="trilinear")[0, 0]
    image = image * torch.exp(bias)
    image = smooth(image, scene.blur)
    if scene.slices is not None:
        image = thick_slices(image, *scene.slices)
    sd = noise[0] + (noise[1] - noise[0]) * scene.noise
    real, imaginary = (sd * torch.randn(image.shape, generator=generator) for _ in range(2))
    image = torch.hypot(image + real, imaginary)
    if around.mask is not None:
        return image * around.mask
    return image * (fractions[0] < scene.outline)


def thick_slices(image: Tensor, axis: int, thickness: float) -> Tensor:
    """Slices of ``thickness`` mm along an axis, back on voxels of 3 mm."""
    size = list(image.shape)
    size[axis] = round(size[axis] * 3.0 / thickness)
    coarse = functional.interpolate(image[None, None], size=size, mode="area")
    return functional.interpolate(coarse, size=tuple(image.shape), mode="trilinear")[0, 0]


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
