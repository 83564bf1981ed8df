"""Training of the denoising UNet, and of the ControlNet on it, on latents."""

from __future__ import annotations

import torch
from torch import Tensor

from pcgm_bench.methods.pcgm.mgd.causal_encoder import CausalEncoder
from pcgm_bench.methods.pcgm.mgd.controlnet import ControlNet
from pcgm_bench.methods.pcgm.mgd.fit.job import Job
from pcgm_bench.methods.pcgm.mgd.fit.job import LatentBatch
from pcgm_bench.methods.pcgm.mgd.losses import denoiser_loss
from pcgm_bench.methods.pcgm.mgd.unet import DenoisingUNet
from pcgm_bench.training.batches import build_network
from pcgm_bench.training.batches import mirror
from pcgm_bench.training.batches import stack
from pcgm_bench.training.optimise import Step
from pcgm_bench.training.settings import Settings


def train_unet(job: Job, encoder: CausalEncoder, settings: Settings) -> DenoisingUNet:
    """Denoising UNet on the latents, metadata dropped for classifier-free guidance.

    Raises:
        UserError: data that do not fit.
    """
    job.check()
    latents = job.latents(encoder, settings)
    unet = job.begin("unet", build_network(lambda: DenoisingUNet(job.config), settings))

    def loss(step: Step) -> dict[str, Tensor]:
        batch = LatentBatch.draw(step, latents, job, settings)
        mine = step.mine(batch.z, batch.noise, batch.t, batch.condition, batch.drop)
        return {"loss": denoiser_loss(unet, None, *mine)}

    job.train("unet", unet, loss, settings)
    job.finish("unet", unet, settings)
    return unet


def train_controlnet(job: Job, encoder: CausalEncoder, unet: DenoisingUNet, settings: Settings) -> ControlNet:
    """ControlNet from the UNet's weights; the UNet stays frozen. Masks are zeroed in ``drop_mask`` of the items.

    Raises:
        UserError: data that do not fit, or no masks.
    """
    job.check()
    job.bank.mask(0)
    latents = job.latents(encoder, settings)
    unet.requires_grad_(False)
    controlnet = job.begin("controlnet", build_network(lambda: ControlNet(job.config, unet), settings))

    def loss(step: Step) -> dict[str, Tensor]:
        batch = LatentBatch.draw(step, latents, job, settings)
        masks = stack([mirror(job.bank.mask(i), flip) for i, flip in batch.items], settings)
        kept = torch.rand(len(batch.items), generator=step.generator) >= job.config.control.drop_mask
        masks = masks * kept.to(masks)[:, None, None, None, None]
        mine = step.mine(batch.z, batch.noise, batch.t, batch.condition, batch.drop, masks)
        return {"loss": denoiser_loss(unet, controlnet, *mine)}

    job.train("controlnet", controlnet, loss, settings)
    job.finish("controlnet", controlnet, settings)
    return controlnet
