"""PCGM as a plugin: trains, resumes, saves and loads, and answers with images and volumes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mgd_tiny import SCHEDULE
from mgd_tiny import TINY
from mgd_tiny import TinyPCGM
from mgd_tiny import tiny_people

from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.mgd.fit import train


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[TinyPCGM, Cohort, Path]:
    """A tiny PCGM after two steps, its people, and its work folder."""

    monkeypatch.setattr(train, "SCHEDULE", SCHEDULE)
    work = tmp_path / "work"
    work.mkdir()
    people, pcgm = tiny_people(), TinyPCGM()
    pcgm.fit(people, Context(work=work))
    return pcgm, people, work


def test_what_is_saved_answers_alike(trained: tuple[TinyPCGM, Cohort, Path], tmp_path: Path) -> None:
    pcgm, people, _ = trained
    folder = tmp_path / "weights"
    folder.mkdir()
    pcgm.save(folder)
    again = TinyPCGM()
    again.load(folder)
    answers = []
    for one in (pcgm, again):
        one.adapt(people, Context(seed=3))
        answers.append(one.counterfactual(people[0], {"diagnosis": "AUD"}, 5))
    assert answers[0].shape == TINY.shape
    assert (answers[0] >= 0).all()
    np.testing.assert_array_equal(*answers)
    np.testing.assert_array_equal(next(iter(pcgm.sample(1, 4))), next(iter(again.sample(1, 4))))


def test_a_sample_depends_on_its_number_alone(trained: tuple[TinyPCGM, Cohort, Path]) -> None:
    pcgm = trained[0]
    three = list(pcgm.sample(3, 1))
    np.testing.assert_array_equal(three[0], next(iter(pcgm.sample(1, 1))))
    assert not np.array_equal(three[0], three[1])


def test_training_again_finds_everything_done(trained: tuple[TinyPCGM, Cohort, Path]) -> None:
    _, people, work = trained
    before = {path.name: path.read_bytes() for path in work.glob("*_state.pt")}
    TinyPCGM().fit(people, Context(work=work))
    assert len(before) == 4
    assert {path.name: path.read_bytes() for path in work.glob("*_state.pt")} == before


def test_the_mask_has_the_volumes_that_the_pgm_asks_for(trained: tuple[TinyPCGM, Cohort, Path]) -> None:
    pcgm, people, _ = trained
    pcgm.adapt(people, Context())
    scan = people[0]
    assert scan.segmentation is not None
    wanted = pcgm.counterfactual_volumes(scan, {"diagnosis": "AUD"}, 0)
    changes = pcgm.counterfactual_mask(scan, {"diagnosis": "AUD"}, 0).changes
    for lobe, change in changes.items():
        assert change.ratio == pytest.approx(wanted[lobe] / scan.segmentation.volumes[lobe])
    assert any(change.asked < 0 for change in changes.values())


def test_what_is_missing_is_said(trained: tuple[TinyPCGM, Cohort, Path]) -> None:
    pcgm, people, _ = trained
    with pytest.raises(UserError, match="no PGM yet"):
        pcgm.counterfactual(people[0], {}, 0)
    pcgm.adapt(people, Context())
    with pytest.raises(UserError, match="sub-00: pcgm's weights are for"):
        pcgm.counterfactual(replace(people[0], image=np.zeros((4, 4, 4), np.float32)), {}, 0)
    with pytest.raises(UserError, match="segment it first"):
        pcgm.counterfactual(replace(people[0], segmentation=None), {}, 0)
    with pytest.raises(UserError, match="no weights"):
        next(iter(TinyPCGM().sample(1, 0)))
    with pytest.raises(UserError, match="work folder"):
        TinyPCGM().fit(people, Context())
