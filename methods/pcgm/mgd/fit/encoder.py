"""Training of the causal encoder."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch import nn

from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.mgd.causal_encoder import PLANE_ORDERS
from pcgm_bench.methods.pcgm.mgd.causal_encoder import CausalEncoder
from pcgm_bench.methods.pcgm.mgd.causal_encoder import permute_planes
from pcgm_bench.methods.pcgm.mgd.fit.job import Job
from pcgm_bench.methods.pcgm.mgd.losses import adversarial_losses
from pcgm_bench.methods.pcgm.mgd.losses import encoder_loss
from pcgm_bench.training.batches import build_network
from pcgm_bench.training.batches import crop
from pcgm_bench.training.batches import mirror
from pcgm_bench.training.batches import pick
from pcgm_bench.training.batches import stack
from pcgm_bench.training.optimise import Step
from pcgm_bench.training.settings import Settings

CALIBRATION_SCANS = 32


def train_encoder(job: Job, settings: Settings) -> CausalEncoder:
    """Causal VAE, on items whose plane order is permuted at random (and cropped to boxes of ``settings.crop``).

    Batches of more than one need a crop, as permuted volumes differ in shape. With ``adversarial_weight`` > 0 a 2-D
    PatchGAN joins from step ``adversarial_start``, with a fixed weight (the released code adapts it).

    Raises:
        UserError: data that do not fit, or a batch without a crop.
    """
    job.check()
    if settings.crop is None and settings.batch > 1:
        raise UserError("train_encoder: plane orders differ within a batch; set crop, or batch to 1")
    e = job.config.encoder
    encoder = job.begin("encoder", build_network(lambda: CausalEncoder(job.config), settings))
    networks = nn.ModuleDict({"encoder": encoder})
    discriminator = _discriminator(job, settings)
    if discriminator is not None:
        networks["discriminator"] = discriminator

    def loss(step: Step) -> dict[str, Tensor]:
        x, noise = step.mine(*encoder_batch(step.generator, job, settings))
        terms, reconstruction = encoder_loss(encoder, job.config, x, noise)
        if discriminator is not None and step.number + 1 >= e.adversarial_start:
            terms["generator"], terms["discriminator"] = adversarial_losses(discriminator, reconstruction, x)
            terms["loss"] = terms["loss"] + e.adversarial_weight * terms["generator"] + terms["discriminator"]
        return terms

    job.train("encoder", networks, loss, settings)
    if job.start is None:  # else the networks after it start from weights that know the latent as it was
        _calibrate(encoder, job, settings)
    job.finish("encoder", encoder, settings)
    return encoder


def _discriminator(job: Job, settings: Settings) -> nn.Module | None:
    """The PatchGAN, where the configuration has one."""
    e = job.config.encoder
    if e.adversarial_weight <= 0:
        return None
    from monai.networks.nets import PatchDiscriminator

    return build_network(
        lambda: PatchDiscriminator(
            spatial_dims=2, channels=e.discriminator_width, in_channels=1, num_layers_d=3, norm="INSTANCE"
        ),
        settings,
    )


def encoder_batch(generator: torch.Generator, job: Job, settings: Settings) -> tuple[Tensor, Tensor]:
    """Images ``(B, 1, X, Y, Z)`` of one batch, permuted and cropped, and noise for their latents."""
    items = []
    for i, flip in pick(generator, len(job.bank), settings):
        order = PLANE_ORDERS[int(torch.randint(len(PLANE_ORDERS), (1,), generator=generator))]
        volume = permute_planes(mirror(job.image(i), flip), order)
        items.append(crop(generator, volume, settings.crop))
    x = stack(items, settings)
    latent = (-(-n // s) for n, s in zip(x.shape[2:], job.config.patch, strict=True))
    noise = torch.randn(len(items), job.config.encoder.latent_channels, *latent, generator=generator)
    return x, noise.to(settings.device)


@torch.inference_mode()
def _calibrate(encoder: CausalEncoder, job: Job, settings: Settings) -> None:
    """Standardise the latent by its moments over some training scans."""
    chosen = np.linspace(0, len(job.bank) - 1, min(CALIBRATION_SCANS, len(job.bank))).astype(int)
    raw = [encoder.posterior(stack([job.image(int(i))], settings))[0] for i in chosen]
    encoder.calibrate(torch.cat(raw))
