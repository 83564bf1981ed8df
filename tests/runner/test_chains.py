"""Interventions in a row: a known drift is measured, chains resume and are shared, and who stands still is flagged."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fakes
import fakes_regions
import numpy as np
import pandas as pd
import pytest
from toy_registry import register
from toy_runs import TIMES

from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import silent
from pcgm_bench.methods.pcgm.generator import PCGM
from pcgm_bench.registry import Plugin
from pcgm_bench.runner.counterfactuals import make_counterfactuals
from pcgm_bench.runner.fold_plan import for_row
from pcgm_bench.runner.fold_plan import plan_folds
from pcgm_bench.runner.fold_plan import plan_study
from pcgm_bench.runner.generators import find_generator
from pcgm_bench.runner.request import ImageFolder
from pcgm_bench.runner.request import RunRequest
from pcgm_bench.runner.request import Share
from pcgm_bench.runner.row_work import RowWork
from pcgm_bench.runner.run import RunResult
from pcgm_bench.runner.run import run
from pcgm_bench.runner.segmentation import Ruler
from pcgm_bench.runner.segmentation import segment_cohort
from pcgm_bench.runner.segmented_cohort import SegmentedCohort
from pcgm_bench.store import DerivativeFolder
from pcgm_bench.store import ImageKey
from pcgm_bench.studies.recovery import RecoveryStudy
from pcgm_bench.tables import Table

STUDY = RecoveryStudy()
CONTROLS = {
    "oracle": ":Oracle",
    "copy-input": ":CopyInput",
    "random-other": ":RandomOther",
    "blurred-copy": ".unconditional:BlurredCopy",
    "training-mean": ".unconditional:TrainingMean",
}
METRICS = {
    "own-nearest": "own_nearest:OwnNearest",
    "composition": "composition:Composition",
    "composition-voxels": "composition:CompositionVoxels",
    "reversibility": "reversibility:Reversibility",
    "reversibility-voxels": "reversibility:ReversibilityVoxels",
    "effectiveness": "effectiveness:Effectiveness",
    "minimality": "minimality:Minimality",
    "minimality-voxels": "minimality:MinimalityVoxels",
    "dose-response": "dose_response:DoseResponse",
    "change-correlation": "change_map:ChangeCorrelation",
    "change-error": "change_map:ChangeError",
    "band-share": "band_share:BandShare",
    "parcel-recovery": "parcel_recovery:ParcelRecovery",
    "grey-level-drift": "grey_level_drift:GreyLevelDrift",
    "patch-distance": "patch_distance:PatchDistance",
}
DRIFTED = "composition x 10, %"
TOY_SEGMENTER = Plugin("segmenters", "toy", "fakes_regions:RegionSegmenter", "toys", "1")


@pytest.fixture
def regions(toys: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The recovery study, its controls and metrics, on toy people with regions."""
    controls = {name: f"pcgm_bench.methods.controls{target}" for name, target in CONTROLS.items()}
    register(
        monkeypatch,
        {
            "methods": {"drifter": "fakes_regions:Drifter", **controls},
            "metrics": {name: f"pcgm_bench.metrics.{target}" for name, target in METRICS.items()},
            "cohorts": {"toy": "fakes_regions:RegionSource"},
            "segmenters": {"toy": "fakes_regions:RegionSegmenter"},
            "studies": {"recovery": "pcgm_bench.studies.recovery:RecoveryStudy"},
        },
    )
    return toys


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """One control is enough where bytes are compared."""

    def rows(_study: RecoveryStudy, method: str) -> list[Row]:
        copy = Row("copy-input", RowKind.CONTROL, "copy-input")
        return [Row("real", RowKind.REAL), Row(method, RowKind.METHOD, method), copy]

    monkeypatch.setattr(RecoveryStudy, "rows", rows)


def recovery(home: Path, **changes: Any) -> RunRequest:
    base = RunRequest(
        method="drifter", study="recovery", home=home, cohort=CohortRequest("toy"), segmenter="toy", quick=True
    )
    return dataclasses.replace(base, **changes)


def axioms(result: RunResult) -> dict[tuple[str, str], Record]:
    """Row and line of the table -> record."""
    names = ("composition", "reversibility")
    records = [record for record in result.scores.records if record.metric.startswith(names)]
    return {(record.row, record.contrast): record for record in records}


def axiom_table(result: RunResult) -> Table:
    return next(table for table in result.tables if table.name == "axioms")


def segmented(home: Path) -> SegmentedCohort:
    ruler = Ruler(fakes_regions.RegionSegmenter(), TOY_SEGMENTER, "toy-1", "", home)
    return segment_cohort(fakes_regions.RegionCohort(0), ruler, silent)


def test_a_known_drift_is_measured_and_a_copy_is_flagged(home: Path, regions: list[str]) -> None:
    result = run(recovery(home, quick=False))
    lines = axioms(result)
    assert {row for row, _ in lines} >= {"drifter", *CONTROLS}
    for cycles in (1, 10):
        drift = lines["drifter", f"composition x {cycles}, %"]
        assert drift.estimate == pytest.approx(100 * cycles * np.log(1.01), rel=1e-3)
        assert drift.n == 8
        grown = 1.01**cycles - 1
        # Half the people are at 90 mL, half at 100.
        assert lines["drifter", f"composition x {cycles}, mL"].estimate == pytest.approx(95 * grown, rel=0.06)
        voxels = lines["drifter", f"composition-voxels x {cycles}"]
        assert voxels.estimate == pytest.approx(0.95 * grown, rel=0.06)
    assert {line.split()[2] for _row, line in lines if line.startswith("composition x ")} == {"1,", "10,"}
    # Twice 1 % is left of 11.1 % there, or of 9.1 %.
    back = "reversibility, share left"
    assert lines["drifter", back].estimate == pytest.approx(0.0201 / 0.101, rel=0.05)
    # Every voxel drifts; an eighth was asked to change.
    assert lines["drifter", "reversibility-voxels"].estimate > 0.5
    # The oracle goes back all the way: it is asked for the person as a whole, not for 1/1.1 of the factual person.
    assert lines["oracle", back].estimate == lines["oracle", DRIFTED].estimate == 0
    assert lines["copy-input", DRIFTED].estimate == 0
    assert lines["copy-input", back].estimate is None
    assert lines["copy-input", back].reason == "does not move"
    assert lines["random-other", "composition x 1, %"].estimate > 0.1
    text = axiom_table(result).markdown()
    assert f"{DRIFTED} (!)" in text
    assert "does not move" in text
    drift = lines["drifter", DRIFTED]
    assert (drift.metric, drift.direction, drift.n) == ("composition-1 x 10", "lower", 8)
    assert lines["copy-input", DRIFTED].is_control
    regions.clear()
    assert run(recovery(home, quick=False)).made == 0
    assert regions == []


def test_who_does_not_drift_is_not_flagged(home: Path, regions: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fakes_regions.Drifter, "drift", 1.0)
    result = run(recovery(home))
    assert "(!)" not in axiom_table(result).markdown()
    assert axioms(result)["drifter", "reversibility, share left"].estimate == pytest.approx(0, abs=1e-6)


def test_chains_change_no_other_image(
    tmp_path: Path, regions: list[str], few_rows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def images(home: Path) -> tuple[dict[str, str], int]:
        run(recovery(home))
        files = fakes.tree_digest(home, but=TIMES)
        stored = {
            name.partition("/anat/")[2]: content
            for name, content in files.items()
            if "_desc-cf" in name and not name.endswith(".json")
        }
        kept = {name: content for name, content in stored.items() if "Link" not in name}
        return kept, len(stored) - len(kept)

    whole, links = images(tmp_path / "whole")
    # The names of the two rows' images are the same: image, label map and volumes of 3 chains of 10 and 7 of 2.
    assert links == 3 * (3 * 9 + 7)
    monkeypatch.setattr(RecoveryStudy, "chains", lambda *_: [])
    assert images(tmp_path / "plain") == (whole, 0)


def test_a_chain_resumes_with_the_same_bytes(
    tmp_path: Path, regions: list[str], few_rows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(recovery(tmp_path / "whole"))
    original = DerivativeFolder.write_segmentation

    def crash(folder: DerivativeFolder, key: ImageKey, *arguments: Any, **more: Any) -> None:
        if key.description == "cfNullLink6":  # its image is there, its segmentation is not
            raise KeyboardInterrupt
        original(folder, key, *arguments, **more)

    monkeypatch.setattr(DerivativeFolder, "write_segmentation", crash)
    with pytest.raises(KeyboardInterrupt):
        run(recovery(tmp_path / "broken"))
    assert len(list((tmp_path / "broken").rglob("*cfNullLink6_T1w.nii.gz"))) == 1
    assert not list((tmp_path / "broken").rglob("*cfNullLink6_volumes.tsv"))
    monkeypatch.setattr(DerivativeFolder, "write_segmentation", original)
    run(recovery(tmp_path / "broken"))
    assert fakes.tree_digest(tmp_path / "whole", but=TIMES) == fakes.tree_digest(tmp_path / "broken", but=TIMES)


@pytest.mark.parametrize("slow", [False, True])
def test_shares_make_every_link_once(
    tmp_path: Path, regions: list[str], slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fakes_regions.Drifter, "adapts_slowly", slow)
    cohort = segmented(tmp_path)
    spec = find_generator("drifter", tmp_path)
    folds = for_row(plan_study(cohort, STUDY, 0, True), "basis", spec.card, STUDY)
    ruler = Ruler(fakes_regions.RegionSegmenter(), TOY_SEGMENTER, "toy-1", "", tmp_path)

    def made(name: str, *shares: Share) -> dict[str, str]:
        folder = DerivativeFolder(tmp_path / name)
        for share in shares:
            make_counterfactuals(RowWork("drifter", spec, cohort, folds, ruler, folder, Context(), share))
        return fakes.tree_digest(folder.root)

    whole = made("whole", Share())
    regions.clear()
    assert made("shared", Share(1, 2), Share(0, 2)) == whole
    images = sum(len(fold.all_tasks) for fold in folds)
    assert sum(call.startswith("changed") for call in regions) == images


def test_an_image_folder_has_no_chains(tmp_path: Path, regions: list[str], few_rows: None) -> None:
    source = run(recovery(tmp_path / "a")).folder.derivative("drifter").root
    result = run(recovery(tmp_path / "b", method="mine", image_folder=ImageFolder(source, allow_missing=True)))
    mine = [record for (row, _line), record in axioms(result).items() if row == "mine"]
    assert all(record.estimate is None for record in mine)
    assert not list((tmp_path / "b").glob("runs/**/*Link*"))
    assert "not possible" in axiom_table(result).markdown()


def test_a_region_that_goes_is_said(
    home: Path, regions: list[str], few_rows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = fakes_regions.Drifter.counterfactual

    def swallow(self: fakes_regions.Drifter, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        return original(self, scan, {**do, "insula": 0.0} if scan.description else do, seed)

    monkeypatch.setattr(fakes_regions.Drifter, "counterfactual", swallow)
    result = run(recovery(home))
    lines = axioms(result)
    assert lines["drifter", "composition x 1, %"].estimate == pytest.approx(100 * np.log(1.01), rel=1e-3)
    assert lines["drifter", DRIFTED].estimate is None
    assert lines["drifter", DRIFTED].reason == "insula reads 0 mL in 3 of 3 images"
    assert "insula reads 0 mL in 3 of 3 images" in axiom_table(result).markdown()


def test_what_is_asked_again(home: Path, regions: list[str]) -> None:
    table = pd.concat([fakes.person_table(12)] * 12).reset_index(drop=True)
    table["subject"] = [f"{i:03d}" for i in range(len(table))]
    for quick, nulls, trips in ((False, 8, 14), (True, 3, 7)):
        chains = STUDY.chains(table, quick)
        assert [len(dos) for _, dos in chains] == [10] * nulls + [2] * trips
        assert len({row for row, _ in chains}) == nulls + trips
    cohort = segmented(home)
    mine = for_row(plan_study(cohort, STUDY, 0, False), "basis", PCGM.card, STUDY)
    assert sum(len(fold.chains) for fold in mine) == 8 + 14
    assert all(chain[0] in fold.tasks for fold in mine for chain in fold.chains)


@pytest.mark.parametrize(
    ("chains", "message"),
    [
        ([(0, [{"frontal": 1.1}, {}])], "does not ask of that scan"),
        ([(0, [{}, {}]), (0, [{}, {}])], "two chains"),
        ([(0, [{}, {"age": 70.0}])], "only regions"),
    ],
)
def test_chains_that_cannot_be(
    home: Path, regions: list[str], chains: Sequence[tuple[int, Sequence[Intervention]]], message: str
) -> None:
    cohort = segmented(home)
    with pytest.raises(ValueError, match=message):
        plan_folds(cohort, [(0, {})], STUDY.folds(cohort.table, 0), chains)
