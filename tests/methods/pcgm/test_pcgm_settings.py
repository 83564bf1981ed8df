"""PCGM's settings: each reaches the part that it names, and the networks are told what it says."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mgd_tiny import TINY
from mgd_tiny import TinyPCGM
from mgd_tiny import tiny_scan

from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.contracts.settings import read_settings
from pcgm_bench.methods.cheats.tissue import TissueEdit
from pcgm_bench.methods.pcgm.generator import PCGM
from pcgm_bench.methods.pcgm.mgd.conditions import mask_of
from pcgm_bench.methods.pcgm.mgd.controlnet import control_mask
from pcgm_bench.methods.pcgm.mgd.paper import PAPER
from pcgm_bench.methods.pcgm.settings import PCGMSettings

DO = {"frontal": 0.9, "age": 60.0}


@dataclass
class Recorder:
    """Stands in for the networks: keeps what it is told and gives the scan back."""

    told: tuple[np.ndarray | None, ...] = ()

    def counterfactual(
        self,
        image: np.ndarray,
        old: np.ndarray,
        old_mask: np.ndarray | None,
        new: np.ndarray,
        new_mask: np.ndarray | None,
        seed: int,
    ) -> np.ndarray:
        self.told = (old, old_mask, new, new_mask)
        return image

    def to(self, device: str) -> None:
        """Nowhere."""

    def save(self, folder: Path) -> None:
        """Nothing."""

    def sample(self, condition: np.ndarray, mask: np.ndarray | None, seed: int) -> np.ndarray:
        return np.zeros(TINY.shape)


def configured(**given: str) -> PCGM:
    pcgm = TinyPCGM()
    pcgm.configure(read_settings(PCGMSettings, given, "pcgm"))
    return pcgm


def wanted(scan: Scan) -> dict[str, float]:
    """In place of a PGM's answer: a tenth of the frontal lobe is lost."""
    assert scan.segmentation is not None
    return {"frontal": 0.9 * scan.segmentation.volumes["frontal"]}


def told(monkeypatch: pytest.MonkeyPatch, scan: Scan, **given: str) -> tuple[np.ndarray | None, ...]:
    """What the networks are told under these settings."""
    recorder, pcgm = Recorder(), configured(**given)
    monkeypatch.setattr(pcgm, "_networks", recorder)
    monkeypatch.setattr(pcgm, "counterfactual_volumes", lambda *_: wanted(scan))
    pcgm.counterfactual(scan, DO, 0)
    return recorder.told


def test_the_networks_are_told_old_and_new_and_in_this_order(monkeypatch: pytest.MonkeyPatch) -> None:
    scan = tiny_scan(4)
    old, old_mask, new, new_mask = told(monkeypatch, scan)
    assert old is not None
    assert new is not None
    np.testing.assert_array_equal(old_mask, mask_of(scan))
    again = TinyPCGM()
    monkeypatch.setattr(again, "counterfactual_volumes", lambda *_: wanted(scan))
    np.testing.assert_array_equal(new_mask, control_mask(again.counterfactual_mask(scan, DO, 0).fractions))
    assert np.abs(np.asarray(new_mask) - np.asarray(old_mask)).max() > 0.01
    assert old[0] == pytest.approx((scan.age - 49) / 27)
    assert new[0] == pytest.approx((60 - 49) / 27)
    np.testing.assert_array_equal(old[1:], new[1:])


def test_a_diagnosis_that_the_weights_do_not_know_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A control made a patient: both are told as unknown, or the step to the null token would show."""
    monkeypatch.setitem(DO, "diagnosis", "AUD")
    old, _, new, _ = told(monkeypatch, tiny_scan(4))
    assert old is not None
    assert new is not None
    assert np.isnan([old[2], new[2]]).all()
    assert not np.isnan(np.delete([old, new], 2, axis=1)).any()


def test_ablations_take_away_what_they_name_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    scan = tiny_scan(4)
    plain = told(monkeypatch, scan)
    old, old_mask, new, new_mask = told(monkeypatch, scan, controlnet="off")
    assert old_mask is None
    assert new_mask is None
    np.testing.assert_array_equal([old, new], [plain[0], plain[2]])
    old, old_mask, new, new_mask = told(monkeypatch, scan, metadata="off")
    assert np.isnan([old, new]).all()
    np.testing.assert_array_equal([old_mask, new_mask], [plain[1], plain[3]])
    old, old_mask, new, new_mask = told(monkeypatch, scan, mask="factual")
    np.testing.assert_array_equal(new_mask, old_mask)
    for one, other in zip((old, old_mask, new), plain[:3], strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_mask_rule_reaches_the_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    scan = tiny_scan(4)
    masks = {rule: np.asarray(told(monkeypatch, scan, cmg=rule)[3]) for rule in ("ranked", "proportional")}
    np.testing.assert_array_equal(masks["ranked"], told(monkeypatch, scan)[3])
    before = mask_of(scan)
    moved = {rule: np.abs(mask - before)[0] for rule, mask in masks.items()}
    assert moved["ranked"].sum() == pytest.approx(moved["proportional"].sum(), rel=1e-3)
    assert (moved["ranked"] > 1e-6).sum() < 0.7 * (moved["proportional"] > 1e-6).sum()
    edit = TissueEdit()
    assert edit.allocation == "proportional"
    edit.configure(read_settings(TissueEdit.settings_type, {"cmg": "ranked", "pgm": "linear"}, "tissue-edit"))
    assert (edit.allocation, edit.kind) == ("ranked", "linear")


def test_sampling_is_set_without_other_weights() -> None:
    sampler = configured(guidance="1", strength="0.4").config.sampler
    assert (sampler.guidance, sampler.strength) == (1.0, 0.4)
    own = PCGM.config.sampler
    assert configured().config.sampler == TinyPCGM.config.sampler
    assert own.strength >= 0.3
    assert own.guidance > 1
    pcgm = PCGM()
    pcgm.configure(PCGMSettings(guidance=1.0))
    assert pcgm.config == replace(PCGM.config, sampler=replace(own, guidance=1.0))
    assert configured(pgm="linear").kind == "linear"


def test_a_configuration_is_chosen_by_name() -> None:
    assert configured(config="paper").config == PAPER
    assert configured(config="paper").shape == PAPER.shape
    with pytest.raises(UserError, match="choose one of paper, phantom"):
        configured(config="huge")
