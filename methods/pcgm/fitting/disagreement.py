"""Training of `pcgm-aligned`: a scan in one state, noised; the change of the mask to another; the other's latent.

Along the sampler's way back the state is a mixture of both anatomies, the old one fading: training draws the mixture
too, at the noise of that way. A quarter of the items ask for no change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch import nn
from torch.nn import functional as nnf

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.methods.pcgm.aligned.change import GAIN
from pcgm_bench.methods.pcgm.aligned.change import told
from pcgm_bench.methods.pcgm.cmg.fractional import counterfactual_fractions
from pcgm_bench.methods.pcgm.fitting.pairs import PairBank
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.controlnet import ControlNet
from pcgm_bench.methods.pcgm.mgd.controlnet import control_mask
from pcgm_bench.methods.pcgm.mgd.fit.job import Job
from pcgm_bench.methods.pcgm.mgd.unet import DenoisingUNet
from pcgm_bench.training.batches import noise_like
from pcgm_bench.training.batches import stack
from pcgm_bench.training.diffusion import add_noise
from pcgm_bench.training.diffusion import ddim_grid
from pcgm_bench.training.diffusion import start_index
from pcgm_bench.training.optimise import Step
from pcgm_bench.training.people import random_drop
from pcgm_bench.training.settings import Settings
from pcgm_bench.training.settings import Shape

UNCHANGED, WHOLE = 0.25, 0.5
"""Shares of the items that ask for no change, and for the whole way to the other state; the rest goes part of it."""
FRESH = 0.5
"""Share of the items that show the old anatomy alone; the rest is on its way."""
ALLOCATIONS = ("proportional", "proportional", "ranked", "true")
"""How the mask moves: by one of the CMG's rules, or as the anatomy did."""
STILL = 0.004
"""A region whose volume differs by a smaller share stands still."""
LIMIT = 0.4
"""Largest change of a lobe that the CMG is asked for."""
MARGIN = 0.04
"""Times a little beyond those of sampling."""
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
        rest: share of the change that is not yet drawn in the noisy state.
    """

    mask: Tensor
    first: int
    second: int
    share: float
    rest: float


def draw(bank: PairBank, generator: torch.Generator) -> Asked:
    """A random item of the pairs."""
    first = int(torch.randint(2 * bank.pairs, (), generator=generator))
    kind, part, fresh, rest, rule = torch.rand(5, generator=generator).tolist()
    share = 0.0 if kind < UNCHANGED else 1.0 if kind < UNCHANGED + WHOLE else part
    allocation = ALLOCATIONS[int(rule * len(ALLOCATIONS))]
    mask = torch.from_numpy(changed(bank, first, share, allocation))
    return Asked(mask, first, first ^ 1, share, 1.0 if fresh < FRESH else rest)


def changed(bank: PairBank, i: int, share: float, allocation: str) -> np.ndarray:
    """`told` for ``share`` of the way from scan ``i`` to the other of its pair, ``(16, X, Y, Z)``.

    Args:
        bank: the scans.
        i: the scan that is shown.
        share: 0 to 1.
        allocation: the CMG's, or ``true``. Ventricles, which it does not move, always go the true way.
    """
    read = bank.read(i)
    before = control_mask(read)
    if share == 0:
        return told(before, before)
    ratios = bank.ratios_from(i)
    if allocation == "true" or abs(ratios[-1] - 1) > STILL:
        return told(before, np.clip(before + share * bank.true_change(i), 0, 1))
    asked = {
        lobe: 1 + share * (float(ratio) - 1)
        for lobe, ratio in zip(LOBE_NAMES, ratios, strict=False)
        if abs(ratio - 1) > STILL
    }
    after = counterfactual_fractions(read, asked, allocation=allocation, limit=LIMIT).fractions
    return told(before, control_mask(after))


def times(generator: torch.Generator, batch: int, config: MGDConfig) -> Tensor:
    """Times ``(batch,)`` of the way back, stratified."""
    s = config.sampler
    end = ddim_grid(s.steps, s.t_min)[start_index(s.strength, s.steps)]
    low, high = s.t_min / 2, end + MARGIN
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
        share, rest = (
            torch.tensor(values)[:, None, None, None, None].to(old)
            for values in ([item.share for item in items], [item.rest for item in items])
        )
        new = torch.lerp(old, other, share)
        mask = stack([item.mask for item in items], settings)
        t, noise = times(generator, len(items), job.config).to(settings.device), noise_like(generator, old)
        drop = random_drop(generator, len(items), job.config.unet.drop_all, job.config.unet.drop_field)
        condition, drop = conditions[[item.first for item in items]].to(settings.device), drop.to(settings.device)
        x = add_noise(torch.lerp(new, old, rest), noise, t)
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
