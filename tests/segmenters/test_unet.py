"""The rulers: contrast normalisation, resumable training, calibration, foreign label maps, the phantom's truth."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import LOBE_OF
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.segmenters.external.folder import FolderSegmenter
from pcgm_bench.segmenters.external.qc_scores import GROUPS
from pcgm_bench.segmenters.truth import TruthSegmenter
from pcgm_bench.segmenters.unet.atlas import ATLAS
from pcgm_bench.segmenters.unet.atlas import CELL_MM
from pcgm_bench.segmenters.unet.atlas import load_atlas
from pcgm_bench.segmenters.unet.calibration import calibrated
from pcgm_bench.segmenters.unet.fitting.average_atlas import make_atlas
from pcgm_bench.segmenters.unet.fitting.average_atlas import save_atlas
from pcgm_bench.segmenters.unet.fitting.fit_calibration import fit_calibration
from pcgm_bench.segmenters.unet.fitting.losses import volume_loss
from pcgm_bench.segmenters.unet.fitting.make import export
from pcgm_bench.segmenters.unet.fitting.train import Settings
from pcgm_bench.segmenters.unet.fitting.train import train
from pcgm_bench.segmenters.unet.fitting.training_pairs import Pair
from pcgm_bench.segmenters.unet.network import build
from pcgm_bench.segmenters.unet.network import window
from pcgm_bench.segmenters.unet.normalisation import OUTSIDE
from pcgm_bench.segmenters.unet.normalisation import normalise
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter
from pcgm_bench.segmenters.unet.weight_files import WEIGHTS

AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])


def scan(image: np.ndarray, subject: str = "01") -> Scan:
    return Scan(subject, "", image.astype(np.float32), AFFINE, 40.0, "F", "control")


def three_tissues() -> torch.Tensor:
    image = torch.zeros(16, 16, 16)
    image[2:14, 2:14, 2:14] = 0.2
    image[3:13, 3:13, 3:13] = 0.65
    image[5:11, 5:11, 5:11] = 1.0
    return image


@settings(max_examples=20, deadline=None)
@given(gain=st.floats(0.01, 1000.0))
def test_normalisation_does_not_see_the_units(gain: float) -> None:
    image = three_tissues()
    one, other = normalise(image), normalise(image * gain)
    assert torch.allclose(one, other, atol=0.02)
    assert float(one[0, 0, 0]) == OUTSIDE
    assert float(one[2, 2, 2]) == pytest.approx(0.0, abs=0.05)
    assert float(one[4, 4, 4]) == pytest.approx(1.0, abs=0.05)
    assert float(one[8, 8, 8]) == pytest.approx(2.0, abs=0.05)


def test_window_holds_the_head() -> None:
    image = torch.full((56, 64, 56), -0.5)
    image[5:50, 4:60, 6:50] = 1.0
    box = window(image > 0)
    assert [b.stop - b.start for b in box] == [48, 56, 48]
    assert all(b.start <= low and b.stop >= high for b, low, high in zip(box, (5, 4, 6), (50, 60, 50), strict=True))
    image[2:54] = 1.0
    assert window(image > 0)[0] == slice(0, 56)


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


@pytest.fixture(scope="module")
def average_head() -> np.ndarray:
    """The shipped average brain as a T1w image on the 3 mm grid."""
    tissue = load_atlas(WEIGHTS / ATLAS).tissue
    levels = torch.tensor([0.2, 1.0, 0.8, 0.8, 0.65])
    image = torch.tensordot(levels, tissue, 1)[None, None]
    sides = [round(side * CELL_MM / 3) for side in image.shape[2:]]
    small = torch.nn.functional.interpolate(image, sides, mode="trilinear", antialias=False)[0, 0].numpy()
    grid = np.zeros((56, 64, 56), np.float32)
    grid[2:54, :, :] = small[:52, :64, :56]
    return grid


@pytest.mark.parametrize("haze", [0.01, 0.03])
def test_noise_around_the_head_does_not_move_it(average_head: np.ndarray, haze: float) -> None:
    rng = np.random.default_rng(5)
    one, other = (haze * rng.standard_normal(average_head.shape) for _ in range(2))
    segmenter = UNetSegmenter()
    clean, noisy = (segmenter.segment(scan(image)) for image in (average_head, np.hypot(average_head + one, other)))
    for lobe in LOBE_NAMES:
        assert noisy.volumes[lobe] == pytest.approx(clean.volumes[lobe], rel=0.06), lobe
    assert noisy.qc > 0.65


def test_quality_knows_a_brain_from_what_is_none(average_head: np.ndarray) -> None:
    segmenter = UNetSegmenter()
    noise = np.abs(np.random.default_rng(6).standard_normal(average_head.shape))
    assert segmenter.segment(scan(average_head)).qc > 0.9
    assert segmenter.segment(scan(average_head[:, :, ::-1].copy())).qc < 0.3
    assert segmenter.segment(scan(noise)).qc < 0.3
    assert segmenter.segment(scan((noise > 3.5).astype(float))).qc == 0, "no voxel belongs to a head"


def test_unet_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no weights"):
        UNetSegmenter(tmp_path)
    segmenter = UNetSegmenter()
    with pytest.raises(UserError, match="sides dividing by 8"):
        segmenter.segment(scan(np.ones((20, 24, 24))))
    with pytest.raises(UserError, match="sides dividing by 8"):
        segmenter.segment(scan(np.ones((24, 8, 24))))
    with pytest.raises(UserError, match="reads voxels of 3 mm, not 2 x 2 x 2 mm"):
        segmenter.segment(replace(scan(np.ones((24, 24, 24))), affine=np.diag([2.0, 2.0, 2.0, 1.0])))
    with pytest.raises(UserError, match="empty or has values"):
        segmenter.segment(scan(np.full((24, 24, 24), np.nan)))


def test_shipped_weights_fit_the_code() -> None:
    segmenter = UNetSegmenter()
    assert segmenter.identity.startswith("unet-")
    assert segmenter.identity != UNetSegmenter(raw=True).identity
    assert sum(p.numel() for p in build(load_atlas(WEIGHTS / ATLAS)).parameters()) < 2**21


LOBES = list(LOBE_NAMES)


def test_calibration_undoes_what_one_lobe_takes_of_the_others() -> None:
    rng = np.random.default_rng(1)
    logs = 4 + 0.1 * rng.standard_normal((40, 2, len(LOBES)))
    mixing = 0.9 * np.eye(len(LOBES)) + 0.1 * rng.uniform(-1, 1, (len(LOBES), len(LOBES)))
    squeezed = 3.9 + (logs - 4) @ mixing.T
    true, measured = ([[dict(zip(LOBES, np.exp(s), strict=True)) for s in p] for p in v] for v in (logs, squeezed))
    fit = fit_calibration(measured, true)
    for name in LOBES:
        assert fit["raw"][name]["slope"] == pytest.approx(0.9, abs=0.15)
        assert fit["raw"][name]["bias"] == pytest.approx(-10, abs=2)
    read = calibrated(measured[3][1], fit)
    assert read == pytest.approx(true[3][1], rel=2e-3)
    assert set(read) == set(LOBES)


def test_calibration_is_fair_to_changes_whatever_the_levels_say() -> None:
    """Where white matter betrays an error between people it is taken back; changes of lobes stay what they are."""
    rng = np.random.default_rng(2)
    names = [*LOBES, "white_matter"]
    logs = 4 + 0.1 * rng.standard_normal((200, 1, 7)) + 0.05 * rng.standard_normal((200, 2, 7)) * (np.arange(7) < 6)
    found = logs + 0.02 * rng.standard_normal(logs.shape) * (np.arange(7) < 6)
    found[..., :6] += 0.3 * (logs[..., 6:] - 4)
    true, measured = ([[dict(zip(names, np.exp(s), strict=True)) for s in p] for p in v] for v in (logs, found))
    fit = fit_calibration(measured, true)
    read = np.log([[list(calibrated(state, fit).values()) for state in p] for p in measured])
    truly, moved = ((v[:, 1] - v[:, 0])[:, :6] for v in (logs, read))
    assert np.linalg.lstsq(truly, moved, rcond=None)[0] == pytest.approx(np.eye(6), abs=1e-6)
    assert np.std((read - logs)[..., :6]) < 0.7 * np.std((found - logs)[..., :6])


def test_calibration_of_an_impossible_reading_stays_finite() -> None:
    fit = json.loads((WEIGHTS / "calibration.json").read_text())
    read = calibrated(dict.fromkeys(fit["names"], 0.0), fit)
    assert all(np.isfinite(v) and v >= 0 for v in read.values())


def test_stored_calibration_shows_its_raw_slopes() -> None:
    stored = json.loads((WEIGHTS / "calibration.json").read_text())
    assert set(LOBE_NAMES) < set(stored["raw"])
    assert all(0.3 < fit["slope"] < 1.5 for fit in stored["raw"].values())


def test_folder_segmenter(tmp_path: Path) -> None:
    labels = np.zeros((8, 8, 8), np.int16)
    labels[1:7, 1:7, 1:7] = 2
    labels[1], labels[6] = 1035, 2028
    nib.save(nib.Nifti1Image(labels, AFFINE), tmp_path / "sub-01_desc-aparcaseg_dseg.nii.gz")
    segmenter = FolderSegmenter(tmp_path)
    reading = segmenter.segment(scan(np.ones((8, 8, 8))))
    assert np.isnan(reading.qc), "nobody has judged it"
    assert segmenter.qc_score == ""
    assert reading.volumes["insula"] == pytest.approx(64 * 0.027)
    assert reading.volumes["rh-superiorfrontal"] == pytest.approx(64 * 0.027)
    assert reading.volumes[LOBE_OF["superiorfrontal"]] == pytest.approx(64 * 0.027)
    assert reading.volumes["white_matter"] == pytest.approx((labels == 2).sum() * 0.027)
    with pytest.raises(UserError, match="no label map for sub-02"):
        segmenter.segment(scan(np.ones((8, 8, 8)), "02"))
    with pytest.raises(UserError, match="is not that of sub-01"):
        segmenter.segment(scan(np.ones((8, 8, 16))))
    nib.save(nib.Nifti1Image(np.minimum(labels, 2), AFFINE), tmp_path / "sub-03_dseg.nii.gz")
    with pytest.raises(UserError, match="no Desikan-Killiany labels"):
        segmenter.segment(scan(np.ones((8, 8, 8)), "03"))
    with pytest.raises(UserError, match="--segmentations"):
        FolderSegmenter(tmp_path / "nothing")


def test_a_folder_of_label_maps_may_hold_synthsegs_scores(tmp_path: Path) -> None:
    labels = np.full((8, 8, 8), 1035, np.int16)
    for name in ("sub-01_dseg.nii.gz", "sub-02_dseg.nii.gz"):
        nib.save(nib.Nifti1Image(labels, AFFINE), tmp_path / name)
    before = FolderSegmenter(tmp_path).identity
    heading = ",".join(["subject", *GROUPS])
    (tmp_path / "qc.csv").write_text(f"{heading}\nsub-01_T1w,0.9,0.9,0.9,0.9,0.9,0.55,0.9,0.9\n")
    segmenter = FolderSegmenter(tmp_path)
    assert segmenter.identity != before
    assert segmenter.qc_score == "SynthSeg QC"
    reading = segmenter.segment(scan(np.ones((8, 8, 8))))
    assert (reading.qc, reading.qc_parts["thalamus"], len(reading.qc_parts)) == (0.55, 0.55, 8)
    with pytest.raises(UserError, match=r"qc.csv: no row for sub-02 among 1"):
        segmenter.segment(scan(np.ones((8, 8, 8)), "02"))
    (tmp_path / "qc.csv").write_text("subject,score\nsub-01,0.9\n")
    with pytest.raises(UserError, match=r"qc.csv: unknown column 'score'"):
        FolderSegmenter(tmp_path)


def test_truth_needs_a_phantom() -> None:
    with pytest.raises(UserError, match="is not a phantom"):
        TruthSegmenter(SimpleNamespace(name="real"))  # type: ignore[arg-type]
