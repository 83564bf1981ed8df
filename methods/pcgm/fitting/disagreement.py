"""Training of `pcgm-aligned`: a scan in one state, noised; the change of the mask to another; the other's latent.

The mask changes exactly as the anatomy did. Where it changes by another rule than the image, the network cannot know
which voxels change, learns the mean of what may be true, and draws a blurred change (docs/concepts/pcgm-aligned.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch import nn
from torch.nn import functional as nnf

from pcgm_bench.methods.pcgm.aligned.change import GAIN
from pcgm_bench.methods.pcgm.aligned.change import told
from pcgm_bench.methods.pcgm.fitting.pairs import PairBank
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.controlnet import ControlNet
from pcgm_bench.methods.pcgm.mgd.controlnet import control_mask
from pcgm_bench.methods.pcgm.mgd.fit.job import Job
from pcgm_bench.methods.pcgm.mgd.unet import DenoisingUNet
from pcgm_bench.training.batches import noise_like
from pcgm_bench.training.batches import stack
from pcgm_bench.training.diffusion import add_noise
from pcgm_bench.training.optimise import Step
from pcgm_bench.training.people import random_drop
from pcgm_bench.training.settings import Settings
from pcgm_bench.training.settings import Shape

UNCHANGED, WHOLE = 0.1, 0.5
"""Shares of the items that ask for no change, and for the whole way to the other state; the rest goes part of it."""
TIMES = (0.015, 0.36)
"""Noise levels: somewhat more than those that `MGD.shift` is used at."""
WEIGHT, HALF = 4.0, 0.02
"""Voxels where the mask changes count up to so many times more; what a change of shares has three quarters of it."""


@dataclass(frozen=True)
class Asked:
    """Of one item: what is told, which scan shows it, and what is to be drawn.

    Attributes:
        mask: `told`, ``(16, X, Y, Z)``.
        first: scan that shows the old anatomy.
        second: the other of its pair.
        share: of the way from the first to the second that is asked for.
    """

    mask: Tensor
    first: int
    second: int
    share: float


def draw(bank: PairBank, generator: torch.Generator) -> Asked:
    """A random item of the pairs."""
    first = int(torch.randint(2 * bank.pairs, (), generator=generator))
    kind, part = torch.rand(2, generator=generator).tolist()
    share = 0.0 if kind < UNCHANGED else 1.0 if kind < UNCHANGED + WHOLE else part
    return Asked(torch.from_numpy(changed(bank, first, share)), first, first ^ 1, share)


def changed(bank: PairBank, i: int, share: float) -> np.ndarray:
    """`told` for ``share`` (0 to 1) of the way from scan ``i`` to the other of its pair, ``(16, X, Y, Z)``."""
    before = control_mask(bank.read(i))
    return told(before, np.clip(before + share * bank.true_change(i), 0, 1))


def times(generator: torch.Generator, batch: int) -> Tensor:
    """Noise levels ``(batch,)``, stratified over `TIMES`."""
    low, high = TIMES
    return low + (high - low) * (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch


def weights(mask: Tensor, latent: Shape) -> Tensor:
    """How much each latent voxel counts ``(B, 1, D, H, W)``: more where the mask changes.

    This depends on what the network is told alone, so that the best answer stays the mean of what may be true.
    """
    channels = mask.shape[1] // 2
    moved = mask[:, channels:].abs().sum(1, keepdim=True) / (2 * GAIN)
    return 1 + WEIGHT * torch.tanh(nnf.adaptive_avg_pool3d(moved, latent) / HALF)


def widened(controlnet: ControlNet, config: MGDConfig, unet: DenoisingUNet) -> ControlNet:
    """A copy of `pcgm`'s ControlNet that also reads the mask's change, and makes nothing of it yet."""
    wide = ControlNet(config, unet)
    state = controlnet.state_dict()
    first = "hint.layers.0.weight"
    narrow = state[first]
    kernel = torch.zeros_like(wide.state_dict()[first])
    kernel[:, : narrow.shape[1]] = narrow
    wide.load_state_dict({**state, first: kernel})
    return wide


def train_aligned(
    job: Job, bank: PairBank, latents: Tensor, start: tuple[DenoisingUNet, ControlNet], settings: Settings
) -> tuple[DenoisingUNet, ControlNet]:
    """UNet and ControlNet together, from `pcgm`'s; leaves both in the job's folder.

    Args:
        job: with the configuration of `pcgm-aligned`, in a folder of its own.
        bank: the pairs; the job's bank.
        latents: of its scans, by `pcgm`'s encoder.
        start: `pcgm`'s trained networks; the UNet is trained in place.
        settings: of the training.

    Returns:
        The two networks.

    Raises:
        UserError: data that do not fit.
    """
    unet, narrow = start
    controlnet = widened(narrow, job.config, unet)
    networks = nn.ModuleDict({"unet": unet, "controlnet": controlnet}).requires_grad_(True)
    conditions = torch.from_numpy(bank.conditions.astype(np.float32))

    def loss(step: Step) -> dict[str, Tensor]:
        generator = step.generator
        items = [draw(bank, generator) for _ in range(settings.batch)]
        old = stack([latents[item.first].float() for item in items], settings)
        other = stack([latents[item.second].float() for item in items], settings)
        share = torch.tensor([item.share for item in items])[:, None, None, None, None].to(old)
        new = torch.lerp(old, other, share)
        mask = stack([item.mask for item in items], settings)
        t, noise = times(generator, len(items)).to(settings.device), noise_like(generator, old)
        drop = random_drop(generator, len(items), job.config.unet.drop_all, job.config.unet.drop_field)
        condition, drop = conditions[[item.first for item in items]].to(settings.device), drop.to(settings.device)
        x = add_noise(old, noise, t)
        control = controlnet(x, t, condition, controlnet.hint(mask), drop)
        made = unet.to_x0(unet(x, t, condition, drop, control).float(), x, t)
        counts = weights(mask, job.config.latent_shape)
        error = (counts * (made - new).square()).sum() / (counts.sum() * new.shape[1])
        return {"loss": error} | _gain(made.detach() - old, new - old)

    job.train("aligned", networks, loss, settings)
    job.finish("unet", unet, settings)
    job.finish("controlnet", controlnet, settings)
    return unet, controlnet


def _gain(made: Tensor, asked: Tensor) -> dict[str, Tensor]:
    """Slope of the change that was made on the change that was asked for; nothing where nothing was asked."""
    size = asked.square().sum()
    return {"gain": (made * asked).sum() / size} if float(size) > 0 else {}
