"""PCGM as a plugin: trains, resumes, saves and loads, and answers with images and volumes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mgd_tiny import SCHEDULE
from mgd_tiny import TINY
from mgd_tiny import TinyPCGM
from mgd_tiny import TinyPeople
from mgd_tiny import tiny_people
from mgd_tiny import tiny_scan

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Scan
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


def with_ventricles(scan: Scan) -> Scan:
    """Ventricles that grow by 2 % a year, with a spread of their own, in a head of any size."""
    assert scan.segmentation is not None
    rng = np.random.default_rng(int(scan.subject))
    size = 20.0 * np.exp(0.02 * (scan.age - 30) + 0.01 * rng.standard_normal())
    volumes = {**scan.segmentation.volumes, "ventricles": float(size)}
    segmentation = replace(scan.segmentation, volumes=volumes)
    return replace(scan, head_size=float(rng.uniform(1200, 1600)), segmentation=segmentation)


def test_age_moves_the_ventricles_and_a_diagnosis_does_not() -> None:
    pcgm, people = TinyPCGM(), TinyPeople([with_ventricles(tiny_scan(k)) for k in range(24)])
    pcgm.adapt(people, Context())
    scan = people[3]
    assert scan.segmentation is not None
    older = pcgm.counterfactual_volumes(scan, {"age": scan.age + 10}, 0)
    assert older["ventricles"] / scan.segmentation.volumes["ventricles"] == pytest.approx(np.exp(0.2), rel=0.05)
    mask = pcgm.counterfactual_mask(scan, {"age": scan.age + 10}, 0)
    assert mask.changes["ventricles"].achieved > 0
    assert "ventricles" not in pcgm.counterfactual_volumes(scan, {"diagnosis": "control"}, 0)
    assert "ventricles" not in pcgm.counterfactual_mask(scan, {"diagnosis": "control"}, 0).changes


def test_ventricles_and_lobes_are_set_without_a_pgm() -> None:
    scan = with_ventricles(tiny_scan(2))
    assert scan.segmentation is not None
    volumes, factual = TinyPCGM().counterfactual_volumes(scan, {"ventricles": 1.3}, 0), scan.segmentation.volumes
    assert volumes == {**{lobe: factual[lobe] for lobe in LOBE_NAMES}, "ventricles": 1.3 * factual["ventricles"]}
    with pytest.raises(UserError, match=r"ventricles by a factor from 0.5 to 1.5"):
        TinyPCGM().counterfactual_volumes(scan, {"ventricles": 1.6}, 0)
    with pytest.raises(UserError, match=r"frontal by a factor from 0.85 to 1.15"):
        TinyPCGM().counterfactual_volumes(scan, {"frontal": "half"}, 0)


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
