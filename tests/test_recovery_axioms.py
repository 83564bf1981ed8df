"""Interventions in a row: a known drift is measured, chains resume and are shared, and who stands still is flagged."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import fakes
import fakes_regions
import numpy as np
import pandas as pd
import pytest

from pcgm_bench import registry
from pcgm_bench.contracts import Context
from pcgm_bench.methods.pcgm.generator import PCGM
from pcgm_bench.runner import CohortRequest
from pcgm_bench.runner import Given
from pcgm_bench.runner import Request
from pcgm_bench.runner import Scored
from pcgm_bench.runner import build
from pcgm_bench.runner import run
from pcgm_bench.runner.generate import make_row
from pcgm_bench.runner.generate import plan
from pcgm_bench.runner.generate import plan_study
from pcgm_bench.runner.helpers import Share
from pcgm_bench.runner.readings import read_cohort
from pcgm_bench.runner.request import silent
from pcgm_bench.runner.work import possible
from pcgm_bench.store import Stage
from pcgm_bench.store import Unit
from pcgm_bench.studies.recovery import RecoveryStudy

TIMES = ("manifest.json", "lock")
STUDY = RecoveryStudy()
CONTROLS = {
    "oracle": ":Oracle",
    "copy-input": ":CopyInput",
    "random-other": ":RandomOther",
    "blurred-copy": ".blind:BlurredCopy",
    "training-mean": ".blind:TrainingMean",
}
METRICS = {
    "own-nearest": "own_nearest:OwnNearest",
    "composition": "composition:Composition",
    "composition-voxels": "composition:CompositionVoxels",
    "reversibility": "reversibility:Reversibility",
    "reversibility-voxels": "reversibility:ReversibilityVoxels",
}
PLUGINS: dict[str, dict[str, str]] = {
    "methods": {"drifter": "fakes_regions:Drifter"}
    | {name: f"pcgm_bench.methods.controls{target}" for name, target in CONTROLS.items()},
    "metrics": {name: f"pcgm_bench.metrics.{target}" for name, target in METRICS.items()},
    "cohorts": {"toy": "fakes_regions:RegionCohort"},
    "segmenters": {"toy": "fakes_regions:RegionSegmenter"},
    "studies": {"recovery": "pcgm_bench.studies.recovery:RecoveryStudy"},
    "features": {},
}


@pytest.fixture
def regions(toys: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The recovery study, its controls and metrics, on toy people with regions."""

    def found(kind: registry.Kind) -> list[registry.Plugin]:
        return [registry.Plugin(kind, name, target, "toys", "1") for name, target in PLUGINS[kind].items()]

    monkeypatch.setattr(registry, "_found", found)
    monkeypatch.setattr(build, "GIVEN", {})
    return toys


def request(home: Path, **changes: Any) -> Request:
    base = Request("drifter", "recovery", home, CohortRequest("toy"), segmenter="toy", threads=1, quick=True)
    return dataclasses.replace(base, **changes)


def axioms(scored: Scored) -> dict[str, Any]:
    return scored.folder.scores["scores"]["axioms"]  # type: ignore[index]


def axiom_table(scored: Scored) -> Any:
    return next(table for table in scored.tables if table.name == "axioms")


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """One control is enough where bytes are compared."""
    monkeypatch.setattr(RecoveryStudy, "rows", lambda _self, _method: ["copy-input"])


def test_a_known_drift_is_measured_and_a_copy_is_flagged(home: Path, regions: list[str]) -> None:
    scored = run(request(home, quick=False))
    found = axioms(scored)["rows"]
    assert found.keys() == {"drifter", *CONTROLS}
    drifted = found["drifter"]
    for cycles in (1, 10):
        cell = drifted["composition"][str(cycles)]
        assert cell["value"] == pytest.approx(100 * cycles * np.log(1.01), rel=1e-3)
        assert cell["n"] == 8
        grown = 1.01**cycles - 1
        assert cell["ml"] == pytest.approx(95 * grown, rel=0.06)  # half the people are at 90, half at 100
        assert drifted["composition-voxels"][str(cycles)]["value"] == pytest.approx(0.95 * grown, rel=0.06)
    assert drifted["composition"].keys() == {"1", "10"}
    # Twice 1 % is left of 11.1 % there, or of 9.1 %.
    assert drifted["reversibility"]["value"] == pytest.approx(0.0201 / 0.101, rel=0.05)
    assert drifted["reversibility-voxels"]["value"] > 0.5  # every voxel drifts, an eighth was asked to change
    # The oracle goes back all the way: it is asked for the person as a whole, not for 1/1.1 of the factual person.
    assert found["oracle"]["reversibility"]["value"] == found["oracle"]["composition"]["10"]["value"] == 0
    assert found["copy-input"]["composition"]["10"]["value"] == 0
    assert found["copy-input"]["reversibility"]["value"] is None
    assert found["random-other"]["composition"]["1"]["value"] > 0.1
    assert "copy-input" in axioms(scored)["beaten"]["composition x 10, %"]
    assert not any("oracle" in better for better in axioms(scored)["beaten"].values())
    text = axiom_table(scored).markdown()
    assert "composition x 10, % (!)" in text
    assert "ranks a useless control above the method" in text
    assert "does not move" in text
    board = {(one.row, one.column): one for one in STUDY.board(scored.folder.scores["scores"])}  # type: ignore[index]
    entry = board["drifter", "composition x 10, %"]
    assert (entry.metric, entry.direction, entry.n) == ("composition-1 x 10", "lower", 8)
    assert board["copy-input", "composition x 10, %"].is_control
    regions.clear()
    assert run(request(home, quick=False)).made == 0
    assert regions == []


def test_who_does_not_drift_is_not_flagged(home: Path, regions: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fakes_regions.Drifter, "drift", 1.0)
    scored = run(request(home))
    assert axioms(scored)["beaten"] == {}
    assert "(!)" not in axiom_table(scored).markdown()
    assert axioms(scored)["rows"]["drifter"]["reversibility"]["value"] == pytest.approx(0, abs=1e-6)


def test_chains_change_no_request(
    tmp_path: Path, regions: list[str], few_rows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def requests(home: Path) -> tuple[dict[str, str], dict[str, Any], int]:
        scored = run(request(home))
        images = fakes.tree_digest(scored.folder.root / "derivatives")
        kept = {name: one for name, one in images.items() if "Link" not in name}
        return kept, scored.folder.scores["scores"]["rows"], len(images) - len(kept)  # type: ignore[index]

    *whole, links = requests(tmp_path / "whole")
    assert links == 2 * 3 * (3 * 9 + 7)  # rows, files of an image, images
    monkeypatch.setattr(RecoveryStudy, "chains", lambda *_: [])
    assert requests(tmp_path / "plain") == (*whole, 0)


def test_a_chain_resumes_with_the_same_bytes(
    tmp_path: Path, regions: list[str], few_rows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(request(tmp_path / "whole"))
    original = Stage.write_reading

    def crash(stage: Stage, unit: Unit, *arguments: Any, **more: Any) -> None:
        if unit.description == "cfNullLink6":  # its image is there, its reading is not
            raise KeyboardInterrupt
        original(stage, unit, *arguments, **more)

    monkeypatch.setattr(Stage, "write_reading", crash)
    with pytest.raises(KeyboardInterrupt):
        run(request(tmp_path / "broken"))
    assert len(list((tmp_path / "broken").rglob("*cfNullLink6*"))) == 1
    monkeypatch.setattr(Stage, "write_reading", original)
    run(request(tmp_path / "broken"))
    assert fakes.tree_digest(tmp_path / "whole", but=TIMES) == fakes.tree_digest(tmp_path / "broken", but=TIMES)


@pytest.mark.parametrize("slow", [False, True])
def test_shares_make_every_link_once(
    tmp_path: Path, regions: list[str], slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fakes_regions.Drifter, "adapts_slowly", slow, raising=False)
    cohort = read_cohort(tmp_path, fakes_regions.RegionCohort(0), fakes_regions.RegionSegmenter(), silent)
    folds = plan_study(cohort, STUDY, 0, True)

    def made(name: str, *shares: Share) -> dict[str, str]:
        stage = Stage(tmp_path / name)
        for share in shares:
            generator, ruler = fakes_regions.Drifter(), fakes_regions.RegionSegmenter()
            make_row("drifter", generator, cohort, folds, ruler, stage, Context(), lambda: None, share)
        return fakes.tree_digest(stage.root)

    whole = made("whole", Share())
    regions.clear()
    assert made("shared", Share(1, 2), Share(0, 2)) == whole
    units = sum(len(fold.units) for fold in folds)
    assert sum(call.startswith("changed") for call in regions) == units


def test_given_images_have_no_chains(home: Path, regions: list[str], few_rows: None) -> None:
    folder = run(request(home)).folder.root / "derivatives" / "drifter"
    scored = run(request(home, method="mine", given=Given(folder, "mine", allow_missing=True)))
    assert axioms(scored) is None
    assert not list(scored.folder.root.rglob("*Link*"))
    text = axiom_table(scored).markdown()
    assert "not possible" in text
    assert "chains need the plugin" in text


def test_a_region_that_goes_is_said(
    home: Path, regions: list[str], few_rows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = fakes_regions.Drifter.counterfactual

    def swallow(self: fakes_regions.Drifter, scan: fakes.Scan, do: fakes.Do, seed: int) -> np.ndarray:
        return original(self, scan, {**do, "insula": 0.0} if scan.description else do, seed)

    monkeypatch.setattr(fakes_regions.Drifter, "counterfactual", swallow)
    scored = run(request(home))
    cells = axioms(scored)["rows"]["drifter"]["composition"]
    assert cells["1"]["value"] == pytest.approx(100 * np.log(1.01), rel=1e-3)
    assert cells["10"]["value"] is None
    assert "insula reads 0 mL in 3 of 3 images" in axiom_table(scored).markdown()


def test_what_is_asked_again(home: Path, regions: list[str]) -> None:
    table = pd.concat([fakes.person_table(12)] * 12).reset_index(drop=True)
    table["subject"] = [f"{i:03d}" for i in range(len(table))]
    for quick, nulls, trips in ((False, 8, 14), (True, 3, 7)):
        chains = STUDY.chains(table, quick)
        assert [len(dos) for _, dos in chains] == [10] * nulls + [2] * trips
        assert len({row for row, _ in chains}) == nulls + trips
    cohort = read_cohort(home, fakes_regions.RegionCohort(0), fakes_regions.RegionSegmenter(), silent)
    mine = possible(PCGM.card, STUDY, plan_study(cohort, STUDY, 0, False))
    assert sum(len(fold.chains) for fold in mine) == 8 + 12  # no ventricles
    assert all(chain[0] in fold.asks for fold in mine for chain in fold.chains)


@pytest.mark.parametrize(
    ("chains", "message"),
    [
        ([(0, [{"frontal": 1.1}, {}])], "does not ask of that scan"),
        ([(0, [{}, {}]), (0, [{}, {}])], "two chains"),
        ([(0, [{}, {"age": 70.0}])], "only regions"),
    ],
)
def test_chains_that_cannot_be(home: Path, regions: list[str], chains: Any, message: str) -> None:
    cohort = read_cohort(home, fakes_regions.RegionCohort(0), fakes_regions.RegionSegmenter(), silent)
    with pytest.raises(ValueError, match=message):
        plan(cohort, [(0, {})], STUDY.folds(cohort.table, 0), chains)
