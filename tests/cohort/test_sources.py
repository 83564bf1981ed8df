"""Sources of people: what each honours of a request, and that the rest is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pcgm_bench.cohort.bids_source import BidsSource
from pcgm_bench.cohort.phantom import source as phantom
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.cohort.phantom.source import PhantomSource
from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import UserError
from pcgm_bench.contracts import silent


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """What the phantom is asked to be, instead of people."""
    asked: list[Recipe] = []
    monkeypatch.setattr(phantom, "ensure", lambda recipe, _home, _progress: asked.append(recipe))
    monkeypatch.setattr(phantom, "make", lambda _out, recipe, _home, _progress: asked.append(recipe))
    return asked


def test_a_phantom_has_defaults_and_takes_every_choice(recipes: list[Recipe], tmp_path: Path) -> None:
    source = PhantomSource()
    source.open(CohortRequest(), tmp_path, 3, False, silent)
    source.open(CohortRequest(population="aging"), tmp_path, 3, True, silent)
    source.open(CohortRequest(effect="null", mechanism="mixed", grid="2mm"), tmp_path, 3, False, silent)
    source.open(CohortRequest(scanner="mix", per_group=50), tmp_path, 3, True, silent)
    source.write(CohortRequest(population="training", scanner="B"), tmp_path, 3, False, silent)
    source.write(CohortRequest(per_group=7), tmp_path, 3, True, silent)
    source.open_training(CohortRequest(grid="2mm"), tmp_path, silent)
    assert recipes == [
        Recipe("aud", "demo", "pial", 3),
        Recipe("aging", "demo", "pial", 3, per_group=20),
        Recipe("aud", "null", "mixed", 3, "2mm"),
        Recipe("aud", "demo", "pial", 3, per_group=50, scanner="mix"),
        Recipe.training(scanner="B"),
        Recipe("aud", "demo", "pial", 3, per_group=7, longitudinal=True),
        Recipe.training("2mm"),
    ]
    assert Recipe.training().seed == 1000


def test_the_people_of_a_phantom_are_known_before_it_is_drawn(recipes: list[Recipe], tmp_path: Path) -> None:
    for request, quick in ((CohortRequest(), True), (CohortRequest(per_group=6, anatomies="nowhere"), False)):
        table = PhantomSource().planned(request, 3, quick)
        PhantomSource().open(replace(request, anatomies=None), tmp_path, 3, quick, silent)
        people = [(visit.person.subject, visit.session, visit.person.diagnosis) for visit in recipes[-1].visits()]
        assert list(zip(table["subject"], table["session"], table["diagnosis"], strict=True)) == people
    assert len(table) == 12
    with pytest.raises(UserError, match="unknown effect"):
        PhantomSource().planned(CohortRequest(effect="huge"), 3, True)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (CohortRequest(population="ageing"), "unknown population 'ageing'"),
        (CohortRequest(effect="huge"), "unknown effect 'huge'"),
        (CohortRequest(scanner="D"), "unknown scanner 'D'"),
        (CohortRequest(population="aging", per_group=9), "--per-group 9: the population aging has a size of its own"),
        (CohortRequest(maps=("sex=gender",)), "--map sex=gender: phantom has no such choice"),
    ],
)
def test_a_phantom_refuses_what_it_cannot_be(request_: CohortRequest, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        PhantomSource().open(request_, tmp_path, 0, True, silent)


@pytest.mark.parametrize("option", ["effect", "mechanism", "scanner"])
def test_a_folder_of_scans_refuses_what_only_a_phantom_can_be(option: str, tmp_path: Path) -> None:
    request = replace(CohortRequest(str(tmp_path), population="aud"), **{option: "null"})
    with pytest.raises(UserError, match=f"--{option} null"):
        BidsSource().open(request, tmp_path, 0, True, silent)
    with pytest.raises(UserError, match=r"participants\.tsv: missing"):
        BidsSource().open(replace(request, **{option: None}), tmp_path, 0, True, silent)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere: no such folder"):
        BidsSource().open(CohortRequest(str(tmp_path / "nowhere")), tmp_path, 0, True, silent)
