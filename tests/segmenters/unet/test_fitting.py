"""Training of the segmenter: losses, checkpoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Scan
from pcgm_bench.segmenters.unet.atlas import ATLAS
from pcgm_bench.segmenters.unet.fitting.average_atlas import make_atlas
from pcgm_bench.segmenters.unet.fitting.average_atlas import save_atlas
from pcgm_bench.segmenters.unet.fitting.losses import volume_loss
from pcgm_bench.segmenters.unet.fitting.make import export
from pcgm_bench.segmenters.unet.fitting.train import Settings
from pcgm_bench.segmenters.unet.fitting.train import train
from pcgm_bench.segmenters.unet.fitting.training_pairs import Pair
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter

AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])


def scan(image: np.ndarray, subject: str = "01") -> Scan:
    return Scan(subject, "", image.astype(np.float32), AFFINE, 40.0, "F", "control")


def test_volume_loss_sees_a_missed_change() -> None:
    truth = torch.full((2, len(CHANNELS), 4, 4, 4), 1 / 12)
    truth[1, 6] *= 0.8
    truth[1, 1] += 0.2 / 12
    blind = truth[:1].repeat(2, 1, 1, 1, 1)
    assert float(volume_loss(truth, truth)[1]) == 0
    assert float(volume_loss(blind, truth)[1]) > 1


@pytest.fixture(scope="module")
def pair() -> Pair:
    rng = np.random.default_rng(0)
    fractions = np.zeros((2, len(CHANNELS), 24, 24, 24), np.uint8)
    owner = rng.integers(1, len(CHANNELS), (24, 24, 24))
    owner[:3] = owner[-3:] = 0
    for channel in range(len(CHANNELS)):
        fractions[:, channel] = 255 * (owner == channel)
    labels = np.where(owner >= 6, 1035, 0).astype(np.int16)
    labels[12:] += np.where(labels[12:] > 0, 1000, 0).astype(np.int16)
    place = (3.0 * (np.indices((24, 24, 24)) - 12)).astype(np.float16)
    return Pair(fractions, np.stack([labels] * 2), np.zeros((2, 24, 24, 24), np.float16), place)


def test_training_resumes_where_it_stopped(pair: Pair, tmp_path: Path) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    # The clock never binds here: steps end the training, so both runs see the same schedule.
    atlas, brief = make_atlas([pair]), Settings(minutes=1e9, steps=4, save_every=2)
    train([pair], atlas, whole, brief)
    train([pair], atlas, halves, brief, stop_after=2)
    train([pair], atlas, halves, brief)
    states = [torch.load(f / "checkpoint.pt", weights_only=True) for f in (whole, halves)]
    assert states[0]["done"] == states[1]["done"] == 4
    for key, value in states[0]["net"].items():
        assert torch.equal(value, states[1]["net"][key]), key
    save_atlas(atlas, whole / ATLAS)
    export(whole, tmp_path / "out")
    assert (tmp_path / "out" / "segmenter.safetensors").stat().st_size < 4 * 2**20
    image = np.pad(np.ones((16, 16, 16)), 4)
    reading = UNetSegmenter(tmp_path / "out").segment(scan(image))
    assert np.allclose(reading.fractions.sum(0), 1, atol=1e-4)
    lobes = sum(reading.volumes[k] for k in LOBE_NAMES)
    parcels = sum(v for k, v in reading.volumes.items() if k.startswith(("lh-", "rh-")))
    assert parcels == pytest.approx(lobes, rel=1e-4)
