"""Training all of MGD on a segmented cohort: what `pcgm-bench fit --method pcgm` does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.config import MGDConfig
from pcgm_bench.methods.pcgm.controlnet import ControlNet
from pcgm_bench.methods.pcgm.controlnet import control_mask
from pcgm_bench.methods.pcgm.mgd import MGD
from pcgm_bench.methods.pcgm.mgd import encode_condition
from pcgm_bench.methods.pcgm.train import UINT8_PER_UNIT
from pcgm_bench.methods.pcgm.train import TrainingData
from pcgm_bench.methods.pcgm.train import train_controlnet
from pcgm_bench.methods.pcgm.train import train_decoder
from pcgm_bench.methods.pcgm.train import train_encoder
from pcgm_bench.methods.pcgm.train import train_unet
from pcgm_bench.methods.pcgm.training_loop import TrainSettings
from pcgm_bench.methods.pcgm.weights import save_weights

SCHEDULE: dict[str, TrainSettings] = {
    "encoder": TrainSettings(steps=1500, minutes=12, batch=2, crop=48, lr=8e-4),
    "decoder": TrainSettings(steps=3000, minutes=18, batch=3, crop=40, lr=8e-4),
    "unet": TrainSettings(steps=3000, minutes=20, batch=4, lr=6e-4),
    "controlnet": TrainSettings(steps=3000, minutes=35, batch=4, lr=6e-4),
}
"""Steps and minutes of the ``phantom`` configuration on two cores: whichever ends first, 85 minutes at most."""


def condition_of(scan: Scan, config: MGDConfig) -> np.ndarray:
    """Metadata of a scan as the networks see them, ``(4,)``."""
    return encode_condition(scan.age, scan.sex, scan.diagnosis, scan.head_size, config)


def mask_of(scan: Scan) -> np.ndarray:
    """The ControlNet's channels ``(8, X, Y, Z)`` of a segmented scan.

    Raises:
        UserError: the scan has not been segmented.
    """
    if scan.segmentation is None:
        msg = f"{scan.key}: pcgm needs the scan's segmentation: segment it first"
        raise UserError(msg)
    return control_mask(scan.segmentation.fractions)


def training_data(cohort: Cohort, config: MGDConfig, progress: Callable[[str, int, int], None]) -> TrainingData:
    """Images, metadata and masks of every scan as small integers, in memory (2 MB a scan at 3 mm).

    Raises:
        UserError: an empty cohort, or a scan on another grid than the configuration's (named).
    """
    images, conditions, masks = [], [], []
    for index in range(len(cohort)):
        scan = cohort[index]
        if scan.image.shape != config.shape:
            msg = f"{scan.key}: grid {scan.image.shape}, configuration {config.name!r} needs {config.shape}"
            raise UserError(msg)
        images.append(np.round(np.clip(scan.image[None] * UINT8_PER_UNIT, 0, 255)).astype(np.uint8))
        conditions.append(condition_of(scan, config))
        masks.append(np.round(mask_of(scan) * 255).astype(np.uint8))
        progress("read training scans", index + 1, len(cohort))
    if not images:
        msg = "pcgm: nobody to train on"
        raise UserError(msg)
    return TrainingData(np.stack(images), np.stack(conditions), np.stack(masks))


def train_mgd(
    cohort: Cohort,
    config: MGDConfig,
    folder: Path,
    progress: Callable[[str, int, int], None],
    schedule: dict[str, TrainSettings] = SCHEDULE,
    report: Callable[[str], None] = lambda _line: None,
) -> MGD:
    """Encoder, decoder, UNet and (if scheduled) ControlNet, in this order; goes on from the folder's checkpoints.

    Args:
        cohort: segmented training scans.
        config: of the networks.
        folder: existing folder for checkpoints, weights and loss logs.
        progress: told (what, networks done, networks).
        schedule: settings of the four networks; without ``controlnet``, that one stays as it starts: without effect.
        report: told about the loss, line by line.

    Raises:
        UserError: scans that do not fit, or checkpoints of another training.
    """
    data = training_data(cohort, config, progress)
    count = len(schedule)
    progress("train MGD", 0, count)
    encoder = train_encoder(data, config, schedule["encoder"], folder, report)
    progress("train MGD", 1, count)
    train_decoder(data, encoder, config, schedule["decoder"], folder, report)
    progress("train MGD", 2, count)
    unet = train_unet(data, encoder, config, schedule["unet"], folder, report)
    progress("train MGD", 3, count)
    if "controlnet" in schedule:
        train_controlnet(data, encoder, unet, config, schedule["controlnet"], folder, report)
    else:
        save_weights(ControlNet(config, unet), folder, "controlnet", config)
    progress("train MGD", count, count)
    return MGD.load(folder, config)
