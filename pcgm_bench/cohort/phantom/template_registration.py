"""Where in the built-in template each point of another brain lies: a smooth invertible map, found from tissues.

The map is the exponential of a velocity field (`velocity`): that whose template, carried along, has the brain's
tissues. Smoothness is held by the bending energy.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from monai.losses import BendingEnergyLoss
from torch import Tensor
from torch.nn import functional

from pcgm_bench.block_means import block_means
from pcgm_bench.cohort.phantom.template_fields import FIELDS
from pcgm_bench.cohort.phantom.template_fields import Masks
from pcgm_bench.cohort.phantom.template_fields import Template
from pcgm_bench.cohort.phantom.velocity import KNOT_MM
from pcgm_bench.cohort.phantom.velocity import displacement_of
from pcgm_bench.cohort.velocity_field import read_at

CELL_MM = 3.0
"""Voxels at which tissues are compared."""
BLURS = ((4, 40), (2, 30), (1, 60))
"""Blur (voxels, boxes applied twice) of both sides, and steps, coarse to fine."""
WEIGHTS = (1.0, 1.0, 3.0, 4.0, 1.0, 1.0)
"""Of the tissues of `tissues_of_masks` in the comparison."""
BENDING = 0.3
RATE = 0.15


def tissues_of_masks(masks: Masks) -> np.ndarray:
    """Shares of a voxel: white matter, cortex, deep grey, ventricles, fluid, cerebellum: ``(6, 56, 64, 56)``."""
    inner = masks.tissue & ~masks.below
    white = inner & masks.white & ~masks.deep
    fluid = masks.hull & ~masks.tissue & ~masks.ventricle
    cortex = inner & ~masks.white & ~masks.deep
    return np.stack([_blocks(m) for m in (white, cortex, masks.deep & inner, masks.ventricle, fluid, masks.below)])


def tissues_of_template(template: Template) -> np.ndarray:
    """The same of a template."""
    fields = dict(zip(FIELDS, template.fields, strict=True))
    inside = {name: np.clip(fields[name] + 0.5, 0, 1) for name in ("pial", "white", "deep", "hull", "ventricle")}
    above = 1 - np.clip(fields["below"], 0, 1)
    room = above * (1 - inside["ventricle"])
    deep = inside["deep"] * room
    tissue = inside["pial"] * room * (1 - inside["deep"])
    white = np.minimum(inside["white"] * room * (1 - inside["deep"]), tissue)
    below = inside["pial"] * (1 - above)
    ventricle = inside["ventricle"] * above
    fluid = np.clip(inside["hull"] - tissue - deep - below - ventricle, 0, 1)
    return np.stack([_blocks(v) for v in (white, tissue - white, deep, ventricle, fluid, below)])


def _blocks(volume: np.ndarray) -> np.ndarray:
    return block_means(np.asarray(volume, np.float32), round(CELL_MM))


def velocity_between(template: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """The velocity (mm) whose exponential maps points of ``brain`` to points of ``template``.

    Args:
        template: from `tissues_of_template`.
        brain: from `tissues_of_masks`, turned and scaled to the template already.

    Returns:
        ``(3, 28, 32, 28)`` float32 on knots 6 mm apart.
    """
    weights = torch.tensor(WEIGHTS).reshape(1, -1, 1, 1, 1)
    moving, fixed = (torch.from_numpy(t)[None] for t in (template, brain))
    knots = [round(n * CELL_MM / KNOT_MM) for n in brain.shape[1:]]
    velocity = torch.zeros(1, 3, *knots, requires_grad=True)
    with warnings.catch_warnings():  # MONAI's, at every call: how it indexes
        warnings.simplefilter("ignore")
        _fit(velocity, moving, fixed, weights)
    return velocity.detach()[0].numpy()


def _fit(velocity: Tensor, moving: Tensor, fixed: Tensor, weights: Tensor) -> None:
    """Adam on the velocity, from coarse to fine."""
    optimiser = torch.optim.Adam([velocity], lr=RATE)
    bending = BendingEnergyLoss()
    for side, steps in BLURS:
        there, here = (_blurred(t, side) for t in (moving, fixed))
        for _ in range(steps):
            moved = read_at(there, _fine(displacement_of(velocity)) / CELL_MM)
            loss = (weights * (moved - here) ** 2).mean() * 100 + BENDING * bending(velocity)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


def _fine(displacement: Tensor) -> Tensor:
    factor = KNOT_MM / CELL_MM
    return functional.interpolate(displacement, scale_factor=factor, mode="trilinear", align_corners=False)


def _blurred(x: Tensor, side: int) -> Tensor:
    for _ in range(2 if side > 1 else 0):
        x = functional.avg_pool3d(x, 2 * (side // 2) + 1, 1, side // 2, count_include_pad=False)
    return x
