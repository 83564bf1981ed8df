"""The runner on toys: complete, from the store, and what changes a key."""

from __future__ import annotations

import csv
import dataclasses
import json
import time
from pathlib import Path

import fakes
import fakes_studies
import nibabel as nib
import numpy as np
import pytest
from toy_runs import IMAGES
from toy_runs import records_of
from toy_runs import request

from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.runner.run import run
from pcgm_bench.store import RunFolder

ROWS = ["real", "shifter", "truth", "shifter (volumes)", "shifter (volumes, labels permuted)", "labels permuted"]


def test_complete_run(home: Path, toys: list[str]) -> None:
    result = run(request(home))
    frontal = records_of(result, "frontal")
    assert list(frontal) == ROWS
    assert all(record.n == IMAGES for record in frontal.values())
    assert result.made == 2 * IMAGES
    assert result.failure == ""
    assert toys.count("score") == 1
    assert sum(call.startswith("segment") for call in toys) == 3 * IMAGES
    assert "sampler has no weights yet" in result.scores.skipped["sampler"]
    assert [table.name for table in result.tables] == ["means", "skipped"]
    assert result.scores.warnings == ["only 12 people"]
    assert records_of(result, "replicates")[""].estimate == 3
    assert len(records_of(result, "refitted")[""].by_unit) == 14
    # Half are AUD, 10 % darker, and everybody becomes the other: the means of both kinds of image agree.
    brightness = records_of(result, "brightness")
    assert list(brightness) == ["shifter", "truth"]
    assert all(abs(record.estimate or 1.0) < 0.05 for record in brightness.values())


def test_a_method_without_weights_says_what_to_do_and_one_of_another_job_what_it_does(
    home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fakes.Sampler, "card", dataclasses.replace(fakes.Sampler.card, needs_weights=False))
    skipped = run(request(home)).scores.skipped
    assert skipped["sampler"] == "sampler does not make counterfactual images (it does: sample)"


def test_files_of_an_image(home: Path, toys: list[str]) -> None:
    folder = run(request(home)).folder
    anat = folder.root / "derivatives" / "shifter" / "sub-000" / "ses-02" / "anat"
    assert sorted(path.name for path in anat.iterdir()) == [
        "sub-000_ses-02_desc-cfAUD_T1w.json",
        "sub-000_ses-02_desc-cfAUD_T1w.nii.gz",
        "sub-000_ses-02_desc-cfAUD_dseg.nii.gz",
        "sub-000_ses-02_desc-cfAUD_volumes.tsv",
    ]
    image = nib.load(anat / "sub-000_ses-02_desc-cfAUD_T1w.nii.gz")
    assert image.get_data_dtype() == np.float32
    np.testing.assert_array_equal(image.affine, fakes.AFFINE)
    with (anat / "sub-000_ses-02_desc-cfAUD_volumes.tsv").open() as file:
        lines = {line["name"]: line for line in csv.DictReader(file, delimiter="\t")}
    mean = float(100 * np.asarray(image.dataobj)[0].mean())
    assert float(lines["frontal"]["value"]) == pytest.approx(mean, rel=1e-6)
    assert float(lines["frontal"]["asked"]) == pytest.approx(mean, rel=0.01)
    assert lines["head_size"]["asked"] == "n/a"
    about = json.loads((folder.root / "derivatives" / "shifter" / "dataset_description.json").read_text())
    assert about["DatasetType"] == "derivative"


def test_measurements_say_whose_and_what(home: Path, toys: list[str]) -> None:
    with run(request(home)).folder.measurements_file.open() as file:
        lines = list(csv.DictReader(file, delimiter="\t"))
    real = {(line["subject"], line["session"]): line for line in lines if line["row"] == "real"}
    for line in (line for line in lines if line["row"] == "shifter"):
        factual = real[line["subject"], line["session"]]
        assert line["diagnosis"] != line["factual_diagnosis"] == factual["diagnosis"]
        assert line["head_size"] == factual["head_size"]
        ratio = float(line["frontal"]) / float(factual["frontal"])
        assert ratio == pytest.approx(0.9 if line["diagnosis"] == "AUD" else 1 / 0.9, abs=0.02)
    permuted = [line for line in lines if line["row"] == "labels permuted"]
    assert any(line["factual_diagnosis"] != real[line["subject"], line["session"]]["diagnosis"] for line in permuted)


def test_the_second_run_comes_from_the_store_and_looks_the_same(home: Path, toys: list[str]) -> None:
    first = run(request(home))
    before = fakes.tree_digest(home)
    toys.clear()
    started = time.monotonic()
    second = run(request(home))
    assert time.monotonic() - started < 10
    assert toys == []
    assert second.made == 0
    assert fakes.tree_digest(home) == before
    assert [table.csv() for table in second.tables] == [table.csv() for table in first.tables]
    assert [record.row for record in second.scores.records] == [record.row for record in first.scores.records]


def test_rows_keep_the_protocols_order(home: Path, toys: list[str]) -> None:
    for _ in range(2):
        (means, *_rest) = run(request(home)).tables
        assert [row[0] for row in means.rows] == ROWS


def test_a_finished_run_is_read_where_nothing_can_be_written(
    home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pcgm_bench.store import atomic

    first = run(request(home))

    def refuse(path: Path, _data: bytes) -> None:
        raise OSError(30, f"read-only: {path}")

    monkeypatch.setattr(atomic, "write_bytes", refuse)
    assert run(request(home)).scores == first.scores


@pytest.mark.parametrize("change", [{"seed": 1}, {"quick": True}, {"threads": 2}])
def test_what_changes_a_number_changes_the_key(home: Path, toys: list[str], change: dict[str, object]) -> None:
    assert run(request(home)).folder.root != run(request(home, **change)).folder.root


def test_a_new_version_of_a_metric_scores_again_and_makes_no_image(
    home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(request(home))
    assert first.scores.metrics == {"brightness": "brightness-1"}
    record = dataclasses.replace(fakes_studies.Brightness.record, version="2")
    monkeypatch.setattr(fakes_studies.Brightness, "record", record)
    second = run(request(home))
    assert (second.folder.root, second.made, toys.count("score")) == (first.folder.root, 0, 2)
    assert second.scores.metrics == {"brightness": "brightness-2"}


def test_a_control_that_needs_the_truth_is_skipped_without_one(home: Path, toys: list[str]) -> None:
    result = run(request(home, cohort=CohortRequest("labelled")))
    assert "needs the truth" in result.scores.skipped["truth"]
    assert "truth" not in records_of(result, "frontal")


def test_a_method_of_volumes_alone_runs_without_images(home: Path, toys: list[str]) -> None:
    result = run(request(home, method="planner"))
    assert "planner does not make counterfactual images" in result.scores.skipped["planner"]
    rows = [row.replace("shifter", "planner") for row in ROWS if row != "shifter"]
    assert list(records_of(result, "frontal")) == rows
    lobes = np.linspace(80, 100, 12)
    refitted = list(records_of(result, "refitted")[""].by_unit.values())
    np.testing.assert_allclose(refitted, 2 * lobes[[0, 0, *range(12)]])


def test_refitting_keeps_copies_of_a_person_together(home: Path, toys: list[str]) -> None:
    refitted = list(records_of(run(request(home)), "refitted")[""].by_unit.values())
    assert refitted[0] == refitted[1] == refitted[2] != refitted[3]
    assert len(refitted) == 14


def test_a_run_is_found_by_its_key(home: Path, toys: list[str]) -> None:
    folder = run(request(home)).folder
    assert RunFolder.find(home, folder.identity.key[:5]) == folder
    assert RunFolder.find(home, str(folder.root)) == folder


def test_no_number_is_no_estimate(home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def score(_self: fakes_studies.ToyStudy, _evidence: Evidence) -> list[Record]:
        return [Record("shifter", RowKind.METHOD, "frontal", float("nan"), reason="none")]

    monkeypatch.setattr(fakes_studies.ToyStudy, "score", score)
    result = run(request(home))
    assert records_of(result, "frontal")["shifter"].estimate is None
    assert "NaN" not in result.folder.scores_file.read_text()


def test_packages_and_versions_stand_in_the_manifest(home: Path, toys: list[str]) -> None:
    packages = run(request(home)).folder.manifest.packages
    assert packages == dict.fromkeys([row for row in ROWS if row != "real"], "toys 1")
