"""Cheats: each does what it says, with PCGM's own volumes and masks."""

from __future__ import annotations

import dataclasses

import fakes
import fakes_heads
import numpy as np
import pandas as pd
import pytest

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.cheats.edit import channel_means
from pcgm_bench.methods.cheats.patch import from_one_place
from pcgm_bench.methods.cheats.planted import PlantedEdit
from pcgm_bench.methods.cheats.tissue import DoNothing
from pcgm_bench.methods.cheats.tissue import DoubleDose
from pcgm_bench.methods.cheats.tissue import HalfDose
from pcgm_bench.methods.cheats.tissue import OnePatch
from pcgm_bench.methods.cheats.tissue import TissueEdit

FRONTAL, CSF = CHANNELS.index("frontal"), CHANNELS.index("csf")
LESS = {"frontal": 0.95}


@pytest.fixture(scope="module")
def scan() -> Scan:
    """A head with its true segmentation."""
    segmentation = fakes_heads.anatomy(0.0, 1)
    image = fakes_heads.image(segmentation.fractions, 5)
    return Scan("001", "", image, fakes.AFFINE, 40.0, "F", "control", 300.0, segmentation)


def change(generator: Generator, scan: Scan) -> np.ndarray:
    return generator.counterfactual(scan, LESS, 0) - scan.image


def test_the_tissue_edit_is_a_share_of_the_mask_times_channel_means(scan: Scan) -> None:
    assert scan.segmentation is not None
    model = TissueEdit()
    mask = model.counterfactual_mask(scan, LESS, 0).fractions
    moved = np.tensordot(channel_means(scan.image, scan.segmentation.fractions), mask - scan.segmentation.fractions, 1)
    assert np.abs(moved).max() > 0.02
    inside = scan.image + 0.85 * moved > 0
    np.testing.assert_allclose(change(model, scan)[inside], 0.85 * moved[inside], atol=1e-5)


def test_channel_means_are_those_that_the_image_was_mixed_from(scan: Scan) -> None:
    assert scan.segmentation is not None
    means = channel_means(scan.image, scan.segmentation.fractions)
    there = [1, 3, *range(6, 12)]
    np.testing.assert_allclose(means[there], fakes_heads.LEVELS[there], atol=0.02)
    assert not means[[0, 2, 4, 5]].any()


def test_doses_are_of_the_log_change(scan: Scan) -> None:
    assert scan.segmentation is not None
    before = scan.segmentation.volumes["frontal"]
    for model, dose in ((TissueEdit(), 1.0), (HalfDose(), 0.5), (DoubleDose(), 2.0)):
        volumes = model.counterfactual_volumes(scan, LESS, 0)
        assert volumes["frontal"] == pytest.approx(before * 0.95**dose)
        assert volumes["insula"] == pytest.approx(scan.segmentation.volumes["insula"])
    whole = change(TissueEdit(), scan).sum()
    assert change(HalfDose(), scan).sum() == pytest.approx(0.5 * whole, rel=0.05)
    assert change(DoubleDose(), scan).sum() == pytest.approx(2 * whole, rel=0.05)


def test_one_patch_takes_as_much_from_one_place(scan: Scan) -> None:
    everywhere, here = change(TissueEdit(), scan), change(OnePatch(), scan)
    assert here.sum() == pytest.approx(everywhere.sum(), rel=0.05)
    touched = [int((np.abs(values) > 1e-4).sum()) for values in (everywhere, here)]
    assert touched[1] < 0.2 * touched[0]
    at = np.argwhere((np.abs(here) > 1e-4) & (scan.image > 0))  # below 0 the edit cuts the noise off
    assert (at.max(axis=0) - at.min(axis=0)).max() < 12
    assert not np.array_equal(here, OnePatch().counterfactual(scan, LESS, 1) - scan.image)


@pytest.mark.parametrize("quota", [-40.0, 40.0])
def test_a_patch_has_the_whole_quota_and_keeps_the_sum(scan: Scan, quota: float) -> None:
    assert scan.segmentation is not None
    before = scan.segmentation.fractions
    after = from_one_place(before, {"frontal": quota}, 3)
    moved = (after.astype(float) - before).sum(axis=(1, 2, 3))
    assert moved[FRONTAL] == pytest.approx(quota, abs=0.01)
    assert moved[CSF] == pytest.approx(-quota, abs=0.01)
    assert after.min() >= 0
    np.testing.assert_allclose(after.sum(axis=0), before.sum(axis=0), atol=1e-5)


def test_do_nothing_says_the_volumes_and_draws_the_scan_with_fresh_noise(scan: Scan) -> None:
    model = DoNothing()
    assert scan.segmentation is not None
    volumes = model.counterfactual_volumes(scan, LESS, 0)
    assert volumes["frontal"] == pytest.approx(0.95 * scan.segmentation.volumes["frontal"])
    inside = scan.segmentation.fractions[0] < 0.02
    noise = change(model, scan)[inside]
    assert noise.std() == pytest.approx(0.025, rel=0.25)
    assert abs(noise.mean()) < 0.002
    assert np.array_equal(model.counterfactual(scan, LESS, 4), model.counterfactual(scan, LESS, 4))


class PlantedCohort:
    """All that the planted edit asks of a cohort."""

    def __init__(self) -> None:
        self.planted = {"frontal": 5.0, "occipital": 0.0}
        self.table = pd.DataFrame({"diagnosis": ["control", "AUD"]})


def test_the_planted_edit_takes_and_gives_back_what_was_planted(scan: Scan) -> None:
    assert scan.segmentation is not None
    model = PlantedEdit()
    model.adapt(PlantedCohort(), Context())  # type: ignore[arg-type]
    before = scan.segmentation.volumes
    lost = model.counterfactual_volumes(scan, {"diagnosis": "AUD"}, 0)
    assert lost["frontal"] == pytest.approx(0.95 * before["frontal"])
    assert lost["occipital"] == pytest.approx(before["occipital"])
    patient = dataclasses.replace(scan, diagnosis="AUD")
    found = model.counterfactual_volumes(patient, {"diagnosis": "control"}, 0)
    assert found["frontal"] == pytest.approx(before["frontal"] / 0.95)
    assert model.counterfactual_volumes(scan, {}, 0) == pytest.approx({lobe: before[lobe] for lobe in LOBE_NAMES})
    with pytest.raises(UserError, match="knows no effect of age"):
        model.counterfactual_volumes(scan, {"age": 70.0}, 0)


def test_the_planted_edit_needs_a_planted_effect(scan: Scan) -> None:
    with pytest.raises(UserError, match="planted effect"):
        PlantedEdit().counterfactual_volumes(dataclasses.replace(scan, diagnosis="AUD"), {"diagnosis": "control"}, 0)


def test_every_cheat_is_a_control_without_networks() -> None:
    for cheat in (TissueEdit, HalfDose, DoubleDose, OnePatch, DoNothing, PlantedEdit):
        assert cheat.card.is_control
        assert not cheat.card.needs_weights
        assert cheat.weights_folder is None
