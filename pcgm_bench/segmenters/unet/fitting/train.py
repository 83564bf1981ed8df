"""Train the segmenter on the phantom's training controls; `pcgm_bench.segmenters.unet.fitting.make` is the command.

Two states of one person, thinned differently, sit in a batch together, and the loss counts the *difference* of their
volumes: a network that regresses to the average brain gets that wrong however good its overlap is.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.precision import bf16_pays
from pcgm_bench.segmenters.unet.atlas import Atlas
from pcgm_bench.segmenters.unet.fitting.synthesis import picture
from pcgm_bench.segmenters.unet.fitting.synthesis import tissue_means
from pcgm_bench.segmenters.unet.fitting.training_pairs import Pair
from pcgm_bench.segmenters.unet.network import build
from pcgm_bench.segmenters.unet.network import window
from pcgm_bench.segmenters.unet.normalisation import normalise

MEASURED = ("ventricles", "white_matter", *CHANNELS[6:])
"""Channels whose volume enters the loss."""
FINAL = 5.0
"""Weight of the volume terms at the end of the training."""
_MEASURED = [CHANNELS.index(name) for name in MEASURED]
_LOBES = CHANNELS.index(LOBE_NAMES[0])
PLACE = 0.5
"""Weight of a millimetre of misplacement."""
MOVE_RATE = 0.25
"""Learning rate of the network's last move, which has no norms, as a share of the others'."""


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


def batch(pair: Pair, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Images ``(2, 1, X, Y, Z)``, fractions, and place of a pair, cut to the head."""
    fractions = torch.from_numpy(pair.fractions).float() / 255
    texture = torch.from_numpy(pair.texture.astype(np.float32))
    place = torch.from_numpy(pair.place.astype(np.float32))
    box = window(fractions[:, 0].amin(0) < 0.98)
    jitter = torch.randint(-2, 3, (3,), generator=generator).tolist()
    crop: list[slice] = []
    for cut, move, side in zip(box, jitter, texture.shape[1:], strict=True):
        size = cut.stop - cut.start
        start = min(max(cut.start + move, 0), side - size)
        crop.append(slice(start, start + size))
    x, y, z = crop
    fractions, texture, place = (v[..., x, y, z] for v in (fractions, texture, place))
    means = tissue_means(generator)
    bias = 0.12 * torch.randn(6, 6, 6, generator=generator) * torch.rand((), generator=generator)
    images = torch.stack(
        [normalise(picture(f, t, generator, means, bias)) for f, t in zip(fractions, texture, strict=True)]
    )
    return images[:, None], fractions, place


def train(
    pairs: list[Pair],
    atlas: Atlas,
    folder: Path,
    minutes: float,
    seed: int = 0,
    peak: float = 4e-3,
    steps: int = 6000,
    save_every: int = 250,
    stop_after: int | None = None,
) -> None:
    """Train for ``minutes`` or ``steps``, whichever ends first; resumes from ``folder/checkpoint.pt``.

    Args:
        pairs: from `pcgm_bench.segmenters.unet.fitting.training_pairs.make_pairs`.
        atlas: from `pcgm_bench.segmenters.unet.atlas.make_atlas`.
        folder: for the checkpoint and ``loss.tsv``.
        minutes: wall time over all restarts; the learning rate falls with it.
        seed: of the first weights, the pictures and their order.
        peak: largest learning rate.
        steps: optimiser steps at most.
        save_every: steps between checkpoints.
        stop_after: leave at this step as if interrupted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    net = build(atlas)
    average = {k: v.clone() for k, v in net.state_dict().items()}
    moving = list(net.refinement.parameters())
    others = [value for key, value in net.named_parameters() if not key.startswith("refinement.")]
    groups = [{"params": others, "share": 1.0}, {"params": moving, "share": MOVE_RATE}]
    optimiser = torch.optim.AdamW(groups, peak, weight_decay=1e-4)
    done, spent = 0, 0.0
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(state["net"])
        average = state["average"]
        optimiser.load_state_dict(state["optimiser"])
        done, spent = state["done"], state["spent"]
    if spent >= 60 * minutes:
        return
    started, log = time.monotonic() - spent, (folder / "loss.tsv").open("a")
    sums = np.zeros(4)
    for step in range(done, steps):
        # The schedule follows the clock, so that any machine ends on a small rate.
        elapsed = (time.monotonic() - started) / 60 / minutes
        progress = min(max(elapsed, step / steps), 1.0)
        rate = float(peak * min(1.0, (step + 1) / 100) * (0.5 * (1 + np.cos(np.pi * progress)) + 0.003))
        for group in optimiser.param_groups:
            group["lr"] = rate * group["share"]
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        pair = pairs[int(torch.randint(len(pairs), (), generator=generator))]
        images, fractions, place = batch(pair, generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16_pays("cpu")):
            logits, told = net(images.to(memory_format=torch.channels_last_3d))
        predicted = net.fractions(logits, told)
        loss, parts = loss_of(logits, predicted, told, (fractions, place), volume_weight(progress))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        decay = min(0.995, (step + 1) / (step + 10))
        for key, value in net.state_dict().items():
            average[key].lerp_(value, 1 - decay)
        sums += parts
        if step % 50 == 49:
            line = "\t".join(
                [str(step + 1), *(f"{v:.4f}" for v in sums / 50), f"{(time.monotonic() - started) / 60:.1f}"]
            )
            print(line, flush=True)
            print(line, file=log, flush=True)
            sums[:] = 0
        if step % save_every == save_every - 1 or step + 1 == steps or progress >= 1:
            state = {"net": net.state_dict(), "average": average, "optimiser": optimiser.state_dict(),
                     "done": step + 1, "spent": time.monotonic() - started}  # fmt: skip
            torch.save(state, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)
        if progress >= 1 or step + 1 == stop_after:
            break
