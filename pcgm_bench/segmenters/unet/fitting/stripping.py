"""What skull stripping does to a picture: masks too tight or too loose, and what then lies around the brain.

Programs that strip skulls differ by millimetres. A loose mask leaves dura, skull and scalp in; a tight one takes the
outer fluid. Neither changes the brain, so neither may change what is read of it.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage as ndi
from torch import Tensor
from torch.nn import functional

from pcgm_bench.segmenters.unet.fitting.synthesis import Surroundings
from pcgm_bench.segmenters.unet.fitting.synthesis import uniform

VOXEL_MM = 3.0
EXACT, TIGHT = 0.4, 0.3
"""Shares of pictures with an exact and with a tight mask; the rest is loose."""
TIGHT_MM, LOOSE_MM = (-3.5, -0.5), (0.5, 9.0)
CUTTING = 0.3
"""Share of the tight masks that cut cortex away where they run inside it; the others only take fluid."""
NECK = 0.08
"""Share of the loose masks that leave the neck in."""


def surroundings(fractions: Tensor, white: Tensor, generator: torch.Generator, *, outside: bool = True) -> Surroundings:
    """A random mask and what it leaves in.

    Args:
        fractions: ``(12, X, Y, Z)``.
        white: intensity of white matter.
        generator: of all that is random.
        outside: whether a loose mask leaves anything in; if not, it is the brain's own outline.
    """
    kind = float(torch.rand((), generator=generator))
    shape = fractions.shape[1:]
    if kind < EXACT or (kind >= EXACT + TIGHT and not outside):
        return Surroundings(None, torch.zeros(shape))
    away = _distance(fractions)
    tight = kind < EXACT + TIGHT
    border = float(uniform(generator, *(TIGHT_MM if tight else LOOSE_MM), 1)[0])
    rim = border + _smooth_noise(shape, generator) * float(uniform(generator, 0.0, 1.2, 1)[0])
    if not tight and float(torch.rand((), generator=generator)) < NECK:
        rim = rim + 25.0 * _low(shape)
    mask = ((rim - away) / VOXEL_MM + 0.5).clamp(0, 1)
    if tight and float(torch.rand((), generator=generator)) > CUTTING:
        tissue = fractions[2:].sum(0)
        mask = torch.maximum(mask, (tissue * 1.5).clamp(0, 1))
    return Surroundings(mask, _layers(away, white, generator))


def _distance(fractions: Tensor) -> Tensor:
    """Distance (mm) from the brain's outline, positive outside."""
    share = 1 - fractions[0].numpy()
    inside = share > 0.5
    out, within = ndi.distance_transform_edt(~inside), ndi.distance_transform_edt(inside)
    distance = np.where(inside, 0.5 - within, out - 0.5)
    # At the border the share says more than the distance to voxel centres.
    distance = np.where(np.abs(distance) <= 0.5, 0.5 - share, distance)
    return torch.from_numpy((VOXEL_MM * distance).astype(np.float32))


def _layers(away: Tensor, white: Tensor, generator: torch.Generator) -> Tensor:
    """Dura, skull, and what lies outside it, in patches."""
    dura, skull = (float(uniform(generator, *r, 1)[0]) for r in ((0.5, 2.5), (3.0, 8.0)))
    levels = [white * uniform(generator, *r, 1)[0] for r in ((0.15, 0.8), (0.03, 0.3), (0.4, 1.4))]
    image = torch.where(away < dura, levels[0], torch.where(away < skull, levels[1], levels[2]))
    return image * torch.exp(0.5 * _smooth_noise(away.shape, generator))


def _smooth_noise(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """A random field of about unit s.d. that changes over 15 mm."""
    coarse = torch.randn(1, 1, *(max(n // 5, 2) for n in shape), generator=generator)
    return functional.interpolate(coarse, size=tuple(shape), mode="trilinear")[0, 0] * 1.5


def _low(shape: torch.Size) -> Tensor:
    """1 in the lowest quarter of the window, near its axis; 0 elsewhere."""
    x, y, z = (torch.linspace(-1, 1, n) for n in shape)
    near = (x[:, None] ** 2 + (y[None] + 0.1) ** 2) < 0.2
    return (near[..., None] & (z < -0.5)).float()
