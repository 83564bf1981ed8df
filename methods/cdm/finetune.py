"""Fine-tuning CDM's UNet on a fold, so that it learns what a diagnosis looks like.

The paper gives the label as a global condition and does not say how it was learnt; the released code has no label.
Here: a few hundred steps from the controls' weights, on the fold's own people, every field dropped one time in ten.
The learning rate rises, then falls to zero; there is no weight average and no checkpoint, so the loop is its own.
"""

from __future__ import annotations

import copy

import numpy as np
import torch

from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.losses import denoiser_loss
from pcgm_bench.methods.pcgm.mgd.model import MGD
from pcgm_bench.training.batches import draw_times
from pcgm_bench.training.batches import noise_like
from pcgm_bench.training.optimise import Descent
from pcgm_bench.training.people import condition_of
from pcgm_bench.training.people import random_drop
from pcgm_bench.training.settings import step_generator

STEPS = 300
BATCH = 4
RATE = 2e-4
WARMUP = 30


def finetuned(mgd: MGD, fold: Cohort, config: MGDConfig, context: Context) -> MGD:
    """A copy of the networks whose UNet has seen the fold's people with their diagnoses.

    Args:
        mgd: trained networks; left as they are.
        fold: the people to learn from.
        config: names their diagnoses.
        context: seed and progress.

    Raises:
        FloatingPointError: the loss is not finite.
    """
    latents = torch.cat([mgd.encode(fold[index].image) for index in range(len(fold))]).clone()
    conditions = np.stack([condition_of(fold[index], config.metadata) for index in range(len(fold))])
    known = torch.from_numpy(conditions).to(latents)
    unet = copy.deepcopy(mgd.unet).requires_grad_(True).train()
    descent = Descent.adamw("unet", tuple(unet.parameters()), RATE)
    with torch.enable_grad():
        for step in range(STEPS):
            generator = step_generator(context.seed, step)
            chosen = torch.randint(len(latents), (BATCH,), generator=generator)
            z = latents[chosen].contiguous(memory_format=torch.channels_last_3d)
            noise = noise_like(generator, z)
            t = draw_times(generator, BATCH, z.device)
            drop = random_drop(generator, BATCH, config.unet.drop_all, config.unet.drop_field).to(z.device)
            loss = denoiser_loss(unet, None, z, noise, t, known[chosen], drop)
            descent.step(loss, RATE * min(1.0, (step + 1) / WARMUP, 2 * (1 - step / STEPS)))
            context.progress("fine-tune cdm", step + 1, STEPS)
    return MGD(config, mgd.encoder, unet, mgd.controlnet, mgd.decoder, mgd.device)
