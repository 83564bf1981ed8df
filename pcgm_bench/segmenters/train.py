"""Train the segmenter on the phantom's training controls; `pcgm_bench.segmenters.make` is the command.

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
from pcgm_bench.anatomy import DK_NUMBERS
from pcgm_bench.anatomy import DK_REGIONS
from pcgm_bench.precision import bf16_pays
from pcgm_bench.segmenters.network import build
from pcgm_bench.segmenters.network import window
from pcgm_bench.segmenters.pairs import Pair
from pcgm_bench.segmenters.synthesis import normalise
from pcgm_bench.segmenters.synthesis import picture
from pcgm_bench.segmenters.synthesis import tissue_means

MEASURED = ("ventricles", "white_matter", *CHANNELS[6:])
"""Channels whose volume enters the loss."""
FINAL = 5.0
"""Weight of the volume terms at the end of the training."""
_MEASURED = [CHANNELS.index(name) for name in MEASURED]
_REGION_OF_NUMBER = torch.full((1000,), -1, dtype=torch.long)
for _k, _region in enumerate(DK_REGIONS):
    _REGION_OF_NUMBER[DK_NUMBERS[_region]] = _k


def volume_loss(probabilities: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Error of log volumes, and of their difference between the pair's two states: mean Huber loss, in per cent."""
    measured = torch.log(probabilities[:, _MEASURED].sum((2, 3, 4)) + 1.0)
    true = torch.log(truth[:, _MEASURED].sum((2, 3, 4)) + 1.0)
    error = 100 * (measured - true)
    absolute = functional.smooth_l1_loss(error, torch.zeros_like(error))
    change = functional.smooth_l1_loss(error[0] - error[1], torch.zeros_like(error[0]))
    return absolute, change


def loss_of(logits: Tensor, fractions: Tensor, labels: Tensor, volumes: float) -> tuple[Tensor, list[float]]:
    """Soft cross-entropy of fractions, volumes, differences, and the parcels inside cortex.

    ``volumes`` weighs the volume terms: they say nothing of where, and drown the rest if they come early.
    """
    tissue = logits[:, : len(CHANNELS)].float()
    log_probabilities = torch.log_softmax(tissue, 1)
    voxel = -(fractions * log_probabilities).sum(1).mean()
    absolute, change = volume_loss(log_probabilities.exp(), fractions)
    cortex = labels > 1000
    number = torch.where(cortex, labels % 1000, 0).long()
    region_logits = logits[:, len(CHANNELS) : -1].float().permute(0, 2, 3, 4, 1)[cortex]
    region = functional.cross_entropy(region_logits, _REGION_OF_NUMBER[number[cortex]])
    side = functional.binary_cross_entropy_with_logits(logits[:, -1].float()[cortex], (labels[cortex] > 2000).float())
    total = voxel + volumes * (0.02 * absolute + 0.05 * change) + 0.1 * region + 0.05 * side
    return total, [float(v.detach()) for v in (voxel, absolute, change, region, side)]


def volume_weight(progress: float) -> float:
    """Weight of the volume terms at a share of the training: none, then one, then `FINAL` for the last third.

    The cross-entropy alone is least at every voxel's expected fraction, and that moves less than the truth where a
    voxel is ambiguous: summed over a lobe, a true loss of 10 % reads as 8 % however well the two correlate.
    """
    return float(np.clip((progress - 0.25) / 0.25, 0, 1) + (FINAL - 1) * np.clip((progress - 0.6) / 0.1, 0, 1))


def batch(pair: Pair, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Images ``(2, 1, X, Y, Z)``, fractions and labels of a pair; flipped left-right half of the time."""
    fractions = torch.from_numpy(pair.fractions).float() / 255
    labels = torch.from_numpy(pair.labels.astype(np.int64))
    texture = torch.from_numpy(pair.texture.astype(np.float32))
    if torch.rand((), generator=generator) < 0.5:
        fractions, texture, labels = fractions.flip(2), texture.flip(1), labels.flip(1)
        labels = torch.where(labels > 2000, labels - 1000, torch.where(labels > 1000, labels + 1000, labels))
    box = window(1 - fractions[:, 0].amin(0), 0.02)
    jitter = torch.randint(-2, 3, (3,), generator=generator).tolist()
    crop: list[slice] = []
    for cut, move, side in zip(box, jitter, texture.shape[1:], strict=True):
        size = cut.stop - cut.start
        start = min(max(cut.start + move, 0), side - size)
        crop.append(slice(start, start + size))
    x, y, z = crop
    fractions, texture, labels = (v[..., x, y, z] for v in (fractions, texture, labels))
    means = tissue_means(generator)
    bias = 0.12 * torch.randn(6, 6, 6, generator=generator) * torch.rand((), generator=generator)
    images = torch.stack(
        [normalise(picture(f, t, generator, means, bias)) for f, t in zip(fractions, texture, strict=True)]
    )
    return images[:, None], fractions, labels


def train(
    pairs: list[Pair],
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
        pairs: from `pcgm_bench.segmenters.pairs.make_pairs`.
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
    net = build()
    average = {k: v.clone() for k, v in net.state_dict().items()}
    optimiser = torch.optim.AdamW(net.parameters(), peak, weight_decay=1e-4)
    done, spent = 0, 0.0
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(state["net"])
        average = state["average"]
        optimiser.load_state_dict(state["optimiser"])
        done, spent = state["done"], state["spent"]
    started, log = time.monotonic() - spent, (folder / "loss.tsv").open("a")
    sums = np.zeros(5)
    for step in range(done, steps):
        # The schedule follows the clock, so that any machine ends on a small rate.
        elapsed = (time.monotonic() - started) / 60 / minutes
        progress = min(max(elapsed, step / steps), 1.0)
        rate = float(peak * min(1.0, (step + 1) / 100) * (0.5 * (1 + np.cos(np.pi * progress)) + 0.003))
        for group in optimiser.param_groups:
            group["lr"] = rate
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        pair = pairs[int(torch.randint(len(pairs), (), generator=generator))]
        images, fractions, labels = batch(pair, generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16_pays("cpu")):
            logits = net(images.to(memory_format=torch.channels_last_3d))
        loss, parts = loss_of(logits, fractions, labels, volume_weight(progress))
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
