"""Poor scans of a run: left out before anything is made, named, pictured, counted; kept where that is asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from pathlib import Path

import fakes
import pytest
from toy_runs import IMAGES
from toy_runs import request

from pcgm_bench.contracts import PoorScanError
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import UserError
from pcgm_bench.runner.run import run

POOR = "sub-003_ses-01"


def blurred(monkeypatch: pytest.MonkeyPatch, poor: Collection[str]) -> None:
    """Toy scans whose quality score is low; everybody else's is .9."""
    segment = fakes.ToySegmenter.segment

    def scored(self: fakes.ToySegmenter, scan: Scan) -> Segmentation:
        found = segment(self, scan)
        is_poor = scan.key in poor and not scan.description
        return dataclasses.replace(found, qc=0.12) if is_poor else found

    monkeypatch.setattr(fakes.ToySegmenter, "segment", scored)


def images_of(home: Path) -> set[str]:
    (folder,) = (home / "runs").glob("shifter--*/derivatives/shifter")
    return {path.name.split("_desc")[0] for path in folder.rglob("*_T1w.nii.gz")}


def test_a_poor_scan_is_left_out_named_and_pictured(
    home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    blurred(monkeypatch, {POOR})
    result = run(request(home))
    assert result.made == 2 * (IMAGES - 1)
    assert POOR not in images_of(home)
    summary, named = [line for line in result.scores.warnings if "people" not in line]
    assert summary.startswith("below the quality bars: 1 of 13 scans are left out (--keep-poor-scans keeps them)")
    assert named.startswith(f"{POOR}: poor scan, left out: quality score 0.12 is below 0.6")
    assert list(result.scores.poor_scans) == [POOR]
    (table,) = [table for table in result.tables if table.name == "poor-scans"]
    assert "1 left out" in table.title
    picture = result.folder.root / "quality" / f"{POOR}.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    # Nobody learnt from the scan: adapt saw the others only.
    assert not any("003" in call for call in toys if call.startswith("counterfactual"))
    assert max(int(call.split()[1]) for call in toys if call.startswith("adapt")) <= IMAGES - 1
    assert run(request(home)).made == 0


def test_poor_scans_stay_where_that_is_asked(home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    blurred(monkeypatch, {POOR})
    left_out = run(request(home))
    kept = run(request(home, keep_poor_scans=True))
    assert kept.folder.root != left_out.folder.root
    assert {record.n for record in kept.scores.records if record.metric == "frontal"} == {IMAGES}
    assert {record.n for record in left_out.scores.records if record.metric == "frontal"} == {IMAGES - 1}
    assert any(line.startswith(f"{POOR}: poor scan, kept") for line in kept.scores.warnings)
    assert kept.scores.poor_scans == left_out.scores.poor_scans


def test_good_scans_alone_leave_no_word_and_no_folder(home: Path, toys: list[str]) -> None:
    result = run(request(home))
    assert result.scores.poor_scans == {}
    assert not (result.folder.root / "quality").exists()
    assert result.scores.warnings == ["only 12 people"]


def test_a_scan_that_cannot_be_brought_to_the_grid_costs_that_scan_alone(
    home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = fakes.LabelledToyCohort.__getitem__

    def refused(self: fakes.LabelledToyCohort, index: int) -> Scan:
        if self.table.iloc[index]["subject"] == "005":
            raise PoorScanError("sub-005: could not be aligned")
        return load(self, index)

    monkeypatch.setattr(fakes.LabelledToyCohort, "__getitem__", refused)
    for keep in (False, True):
        result = run(request(home, keep_poor_scans=keep))
        assert "could not be brought to the grid" in result.scores.poor_scans["sub-005_ses-01"]
        assert {record.n for record in result.scores.records if record.metric == "frontal"} == {IMAGES - 1}


def test_nobody_is_left(home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    everybody = {f"sub-{row.subject}_ses-{row.session}" for row in fakes.person_table(12).itertuples()}
    blurred(monkeypatch, everybody)
    with pytest.raises(UserError, match=r"all 13 scans are below the quality bars .*--keep-poor-scans"):
        run(request(home))
    assert not any(call.startswith(("adapt", "counterfactual")) for call in toys)


def test_too_few_people_are_left(home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    table = fakes.person_table(12)
    patients = table[table["diagnosis"] == "AUD"]
    blurred(monkeypatch, {f"sub-{row.subject}_ses-{row.session}" for row in patients.itertuples()})
    with pytest.raises(
        UserError, match=r"nobody is left of the group AUD \(6 scans are below the quality bars, such as sub-001_ses-01"
    ):
        run(request(home))
    assert not any(call.startswith(("adapt", "counterfactual")) for call in toys)
