"""Losses of the segmenter's training: tissue, volumes and their changes, and the place in the atlas.

Two states of one person, thinned differently, sit in a batch together, and the loss counts the *difference* of their
volumes: a network that regresses to the average brain gets that wrong however good its overlap is.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES

MEASURED = ("ventricles", "white_matter", *CHANNELS[6:])
"""Channels whose volume enters the loss."""
FINAL = 5.0
"""Weight of the volume terms at the end of the training."""
_MEASURED = [CHANNELS.index(name) for name in MEASURED]
_LOBES = CHANNELS.index(LOBE_NAMES[0])
PLACE = 0.5
"""Weight of a millimetre of misplacement."""


def volume_loss(probabilities: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Error of log volumes, and of their difference between the pair's two states: mean Huber loss, in per cent."""
    measured = torch.log(probabilities[:, _MEASURED].sum((2, 3, 4)) + 1.0)
    true = torch.log(truth[:, _MEASURED].sum((2, 3, 4)) + 1.0)
    error = 100 * (measured - true)
    absolute = functional.smooth_l1_loss(error, torch.zeros_like(error))
    change = functional.smooth_l1_loss(error[0] - error[1], torch.zeros_like(error[0]))
    return absolute, change


def place_loss(told: Tensor, place: Tensor, fractions: Tensor) -> Tensor:
    """Mean Huber loss (mm, an axis) of the place ``(2, 3, X, Y, Z)``, where it is known; cortex counts most."""
    known = torch.isfinite(place).all(0)
    weight = known * (0.2 + fractions[:, _LOBES:].sum(1).mean(0))
    true = torch.where(known, place, 0.0).expand_as(told)
    error = functional.smooth_l1_loss(told, true, reduction="none", beta=0.5)
    return (error.mean(1) * weight).sum() / (len(told) * weight.sum())


def loss_of(
    logits: Tensor, predicted: Tensor, told: Tensor, truth: tuple[Tensor, Tensor], volumes: float
) -> tuple[Tensor, list[float]]:
    """Soft cross-entropy of the tissues, volumes, differences of volumes, and the place.

    Args:
        logits: of six tissues and cortex, ``(2, 7, X, Y, Z)``.
        predicted: shares ``(2, 12, X, Y, Z)``.
        told: place of every voxel (mm), ``(2, 3, X, Y, Z)``.
        truth: shares and place; NaN where it is not known.
        volumes: weighs the volume terms: they say nothing of where, and drown the rest if they come early.
    """
    fractions, place = truth
    tissue = torch.cat([fractions[:, :_LOBES], fractions[:, _LOBES:].sum(1, keepdim=True)], 1)
    voxel = -(tissue * torch.log_softmax(logits.float(), 1)).sum(1).mean()
    absolute, change = volume_loss(predicted, fractions)
    away = place_loss(told, place, fractions)
    total = voxel + volumes * (0.02 * absolute + 0.05 * change) + PLACE * away
    return total, [float(v.detach()) for v in (voxel, absolute, change, away)]


def volume_weight(progress: float) -> float:
    """Weight of the volume terms at a share of the training: none, then one, then `FINAL` for the last third.

    The cross-entropy alone is least at every voxel's expected fraction, and that moves less than the truth where a
    voxel is ambiguous: summed over a lobe, a true loss of 10 % reads as 8 % however well the two correlate.
    """
    return float(np.clip((progress - 0.25) / 0.25, 0, 1) + (FINAL - 1) * np.clip((progress - 0.6) / 0.1, 0, 1))
