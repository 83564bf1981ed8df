"""Training all of MGD on a segmented cohort."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.mgd.conditions import mask_of
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.config import weights_stamp
from pcgm_bench.methods.pcgm.mgd.controlnet import ControlNet
from pcgm_bench.methods.pcgm.mgd.fit.decoder import train_decoder
from pcgm_bench.methods.pcgm.mgd.fit.denoiser import train_controlnet
from pcgm_bench.methods.pcgm.mgd.fit.denoiser import train_unet
from pcgm_bench.methods.pcgm.mgd.fit.encoder import train_encoder
from pcgm_bench.methods.pcgm.mgd.fit.job import Job
from pcgm_bench.training.batches import build_network
from pcgm_bench.training.data import UINT8_PER_UNIT
from pcgm_bench.training.data import ScanBank
from pcgm_bench.training.distributed import launch
from pcgm_bench.training.distributed import world
from pcgm_bench.training.people import condition_of
from pcgm_bench.training.settings import Settings
from pcgm_bench.training.weights import save_weights

Schedule = Mapping[str, Settings]
"""Settings of ``encoder``, ``decoder``, ``unet`` and, where there is one to train, ``controlnet``."""

SCHEDULE: Schedule = {
    "encoder": Settings(steps=1500, minutes=12, batch=2, crop=48, lr=8e-4),
    "decoder": Settings(steps=3000, minutes=18, batch=3, crop=40, lr=8e-4),
    "unet": Settings(steps=3000, minutes=20, batch=4, lr=6e-4),
    "controlnet": Settings(steps=3000, minutes=35, batch=4, lr=6e-4),
}
"""Steps and minutes of the ``phantom`` configuration on two cores: whichever ends first, 85 minutes at most."""


def schedule_for(context: Context, networks: tuple[str, ...]) -> Schedule:
    """The settings of these networks with the seed, device and threads of the context."""

    def here(settings: Settings) -> Settings:
        return dataclasses.replace(settings, seed=context.seed, device=context.device, threads=context.threads)

    return {name: here(SCHEDULE[name]) for name in networks}


def scan_bank(cohort: Cohort, config: MGDConfig, progress: Progress) -> ScanBank:
    """Images, metadata and masks of every scan as small integers, in memory (2 MB a scan at 3 mm).

    Raises:
        UserError: an empty cohort, or a scan on another grid than the configuration's (named).
    """
    images, conditions, masks, subjects = [], [], [], []
    for index in range(len(cohort)):
        scan = cohort[index]
        if scan.image.shape != config.shape:
            msg = f"{scan.key}: grid {scan.image.shape}, configuration {config.name!r} needs {config.shape}"
            raise UserError(msg)
        images.append(np.round(np.clip(scan.image[None] * UINT8_PER_UNIT, 0, 255)).astype(np.uint8))
        conditions.append(condition_of(scan, config.metadata))
        masks.append(np.round(mask_of(scan) * 255).astype(np.uint8))
        subjects.append(scan.subject)
        progress("read training scans", index + 1, len(cohort))
    if not images:
        msg = "pcgm: nobody to train on"
        raise UserError(msg)
    return ScanBank(np.stack(images), np.stack(conditions), np.stack(masks), tuple(subjects))


def train_networks(job: Job, schedule: Schedule) -> None:
    """Encoder, decoder, UNet and (if scheduled) ControlNet, in this order; goes on from the folder's checkpoints.

    Without ``controlnet`` in the schedule, that network stays as it starts: without effect.

    Raises:
        UserError: scans that do not fit, or checkpoints of another training.
    """
    processes = world(schedule["encoder"].device)
    here = {
        name: dataclasses.replace(settings, device=processes.device(settings.device))
        for name, settings in schedule.items()
    }
    encoder = train_encoder(job, here["encoder"])
    train_decoder(job, encoder, here["decoder"])
    unet = train_unet(job, encoder, here["unet"])
    if "controlnet" in here:
        train_controlnet(job, encoder, unet, here["controlnet"])
    elif processes.is_main:
        controlnet = build_network(lambda: ControlNet(job.config, unet), here["unet"])
        save_weights(controlnet, job.folder, "controlnet", weights_stamp(job.config))
    processes.wait()


def _train_from_files(config: MGDConfig, folder: Path, schedule: Schedule) -> None:
    """What each of several processes does: `train_networks` on the bank that the first one left in the folder."""
    train_networks(Job(ScanBank.open(folder), config, folder), schedule)


def train_in_processes(job: Job, schedule: Schedule, processes: int) -> None:
    """`train_networks` here, or in several processes, one GPU each, that read the scans from files in the folder.

    Raises:
        UserError: as `train_networks`; more processes than GPUs; a batch that they cannot share evenly.
    """
    for name, settings in schedule.items():
        if settings.batch % processes:
            raise UserError(f"a batch of {settings.batch} ({name}) cannot be shared by {processes} processes")
    if processes == 1:
        train_networks(job, schedule)
        return
    job.bank.save(job.folder)
    launch(_train_from_files, (job.config, job.folder, dict(schedule)), processes, schedule["encoder"].device)
