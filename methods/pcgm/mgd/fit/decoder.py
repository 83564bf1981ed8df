"""Training of the diffusion decoder."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pcgm_bench.methods.pcgm.mgd.causal_encoder import CausalEncoder
from pcgm_bench.methods.pcgm.mgd.decoder import DiffusionDecoder
from pcgm_bench.methods.pcgm.mgd.decoder import upsample_latent
from pcgm_bench.methods.pcgm.mgd.fit.job import Job
from pcgm_bench.methods.pcgm.mgd.losses import decoder_loss
from pcgm_bench.training.batches import build_network
from pcgm_bench.training.batches import crop
from pcgm_bench.training.batches import draw_times
from pcgm_bench.training.batches import mirror
from pcgm_bench.training.batches import noise_like
from pcgm_bench.training.batches import pick
from pcgm_bench.training.batches import stack
from pcgm_bench.training.optimise import Step
from pcgm_bench.training.settings import Settings
from pcgm_bench.training.settings import Shape


def train_decoder(job: Job, encoder: CausalEncoder, settings: Settings) -> DiffusionDecoder:
    """Diffusion decoder on crops (or whole volumes); the latent gets noise of s.d. up to ``latent_noise``.

    Crops begin where the decoder's coarsest voxels do: which of the voxels of a patch is which, it can know by nothing
    but their place in its own strides.

    Raises:
        UserError: data that do not fit.
    """
    job.check()
    latents = job.latents(encoder, settings)
    decoder = job.begin("decoder", build_network(lambda: DiffusionDecoder(job.config), settings))

    def loss(step: Step) -> dict[str, Tensor]:
        batch = _draw(step.generator, latents, job, settings)
        x0, latent = batch[:, :1].contiguous(memory_format=torch.channels_last_3d), batch[:, 1:]
        t = draw_times(step.generator, len(batch), settings.device)
        noise = noise_like(step.generator, x0)
        return {"loss": decoder_loss(decoder, *step.mine(x0, latent, noise, t))}

    job.train("decoder", decoder, loss, settings)
    job.finish("decoder", decoder, settings)
    return decoder


def _draw(generator: torch.Generator, latents: Tensor, job: Job, settings: Settings) -> Tensor:
    """Crops of images and, in the channels behind, of their upsampled noisy latents."""
    steps: Shape = tuple(np.prod(job.config.decoder.strides, axis=0).tolist())
    crops = []
    for i, flip in pick(generator, len(job.bank), settings):
        z = latents[i + len(job.bank) * flip].float()
        strength = job.config.decoder.latent_noise * float(torch.rand(1, generator=generator))
        z = z + strength * torch.randn(z.shape, generator=generator)
        pair = torch.cat([mirror(job.image(i), flip), upsample_latent(z[None], job.config)[0]])
        crops.append(crop(generator, pair, settings.crop, steps))
    return stack(crops, settings)
