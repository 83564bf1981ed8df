"""Fine-tuning CDM's UNet on a fold, so that it learns what a diagnosis looks like.

The paper gives the label as a global condition and does not say how it was learnt; the released code has no label.
Here: a few hundred steps from the controls' weights, on the fold's own people, every field dropped one time in ten.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch

from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.methods.pcgm.config import MGDConfig
from pcgm_bench.methods.pcgm.controlnet import denoiser_loss
from pcgm_bench.methods.pcgm.controlnet import random_drop
from pcgm_bench.methods.pcgm.fitting import condition_of
from pcgm_bench.methods.pcgm.mgd import MGD
from pcgm_bench.methods.pcgm.training_loop import step_generator

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
    """
    latents = torch.cat([mgd.encode(fold[index].image) for index in range(len(fold))]).clone()
    conditions = torch.from_numpy(np.stack([condition_of(fold[index], config) for index in range(len(fold))]))
    unet = copy.deepcopy(mgd.unet).requires_grad_(True).train()
    optimizer = torch.optim.AdamW(unet.parameters(), lr=RATE, weight_decay=0.01, betas=(0.9, 0.99))
    with torch.enable_grad():
        for step in range(STEPS):
            for group in optimizer.param_groups:
                group["lr"] = RATE * min(1.0, (step + 1) / WARMUP, 2 * (1 - step / STEPS))
            generator = step_generator(context.seed, step)
            chosen = torch.randint(len(latents), (BATCH,), generator=generator)
            z = latents[chosen].contiguous(memory_format=torch.channels_last_3d)
            noise = torch.randn(z.shape, generator=generator).to(z).contiguous(memory_format=torch.channels_last_3d)
            t = (torch.arange(BATCH) + torch.rand(BATCH, generator=generator)) / BATCH
            t = (0.005 + 0.995 * t).to(z)
            drop = random_drop(generator, config, BATCH).to(z.device)
            loss = denoiser_loss(unet, None, z, noise, t, conditions[chosen].float().to(z.device), drop)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
            optimizer.step()
            context.progress("fine-tune cdm", step + 1, STEPS)
    parts: dict[str, Any] = {name: getattr(mgd, name) for name in ("encoder", "controlnet", "decoder")}
    return MGD(config, parts["encoder"], unet, parts["controlnet"], parts["decoder"], mgd.device)
