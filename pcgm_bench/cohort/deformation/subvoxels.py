"""Where in a voxel its tissues lie: fractions on the grid brought to fine voxels, by the fine image's intensities."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.deformation.box import Box

ROUNDS = 20
"""Of proportional fitting; what is left over then is below .1 % of a voxel."""
PURE = 0.999
"""A voxel with this much of one tissue has it everywhere."""
SPREAD = 0.12
"""s.d. of a tissue's intensities in fine voxels, where white matter is 1: noise, partial volume, the tissue's own."""
KINDS: tuple[tuple[str, ...], ...] = (
    ("background",), ("csf", "ventricles"), ("white_matter",), ("deep_grey",), ("cerebellum_brainstem",), LOBE_NAMES,
)  # fmt: skip
"""Channels of one intensity."""


def tissue_means(image: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """Intensity of every channel ``(12,)``: least squares of the image on the fractions of its kinds.

    Args:
        image: ``(X, Y, Z)`` on the grid.
        fractions: ``(12, X, Y, Z)``.
    """
    kinds = np.stack([fractions[[CHANNELS.index(name) for name in kind]].sum(0).ravel() for kind in KINDS])
    seen = kinds[0] < 1
    found = np.linalg.lstsq(kinds[:, seen].T, image.ravel()[seen], rcond=None)[0]
    means = np.zeros(len(CHANNELS))
    for kind, mean in zip(KINDS, found, strict=True):
        means[[CHANNELS.index(name) for name in kind]] = np.clip(mean, 0, 1.3)
    return means


def fine_fractions(fractions: np.ndarray, image: np.ndarray, means: np.ndarray, box: Box) -> np.ndarray:
    """Fractions of the fine voxels of a box, whose means over every grid voxel are the grid's fractions.

    The neighbours say where in a voxel a tissue is likely (linear interpolation), the fine image's intensities say it
    better; iterative proportional fitting (Deming & Stephan 1940, doi 10.1214/aoms/1177731829) keeps every grid
    voxel's fractions as they are.

    Args:
        fractions: ``(12, X, Y, Z)`` on the grid.
        image: ``(x, y, z)`` intensities of the box's fine voxels.
        means: ``(12,)`` intensity of every channel.
        box: the part of the grid.

    Returns:
        ``(12, x, y, z)`` float32, in [0, 1], adding up to 1.
    """
    coarse = np.ascontiguousarray(fractions[(slice(None), *box.slices)], np.float32)
    fine = box.repeated(coarse)
    x, y, z = np.nonzero(coarse.max(0) < PURE)
    if not len(x) or box.step == 1:
        return fine
    share = coarse[:, x, y, z].T[:, None]  # (voxels, 1, channels)
    between = functional.interpolate(torch.from_numpy(coarse)[None], scale_factor=float(box.step), mode="trilinear")
    blocks = _blocks(between[0].numpy(), box)[x, y, z]
    seen = _blocks(image[None], box)[x, y, z]
    blocks *= np.exp(-0.5 * ((seen - means.astype(np.float32)) / SPREAD) ** 2)
    blocks = np.where(share > 0, np.maximum(blocks, 1e-6), 0)
    for _ in range(ROUNDS):
        blocks *= share / np.maximum(blocks.mean(1, keepdims=True), 1e-12)
        blocks /= np.maximum(blocks.sum(2, keepdims=True), 1e-12)
    step = box.step
    whole = _blocks(fine, box)
    whole[x, y, z] = blocks
    whole = whole.reshape(*box.size, step, step, step, -1)
    return np.ascontiguousarray(whole.transpose(6, 0, 3, 1, 4, 2, 5).reshape(fine.shape))


def _blocks(fine: np.ndarray, box: Box) -> np.ndarray:
    """``(channels, x, y, z)`` as ``(X, Y, Z, fine voxels of one, channels)``."""
    (width, depth, height), step = box.size, box.step
    blocks = fine.reshape(len(fine), width, step, depth, step, height, step).transpose(1, 3, 5, 2, 4, 6, 0)
    return np.ascontiguousarray(blocks).reshape(width, depth, height, step**3, len(fine))
