"""The runner on toys: complete, from the store, resumed after a crash, skipping with a reason, refusing."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fakes
import nibabel as nib
import numpy as np
import pytest

from pcgm_bench.board.collect import result_of
from pcgm_bench.contracts import BoardEntry
from pcgm_bench.contracts import UserError
from pcgm_bench.runner import CohortRequest
from pcgm_bench.runner import Request
from pcgm_bench.runner import Settings
from pcgm_bench.runner import fit
from pcgm_bench.runner import run
from pcgm_bench.runner import sample
from pcgm_bench.runner.generate import plan
from pcgm_bench.runner.request import silent
from pcgm_bench.store import RunFolder
from pcgm_bench.store.parts import host

TIMES = ("manifest.json", "lock")
"""Files that hold wall times and process state, not results."""


def request(home: Path, **changes: object) -> Request:
    """The toy run."""
    base = Request("shifter", "toy", home, CohortRequest("toy"), segmenter="toy", threads=1)
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def test_complete_run(home: Path, toys: list[str]) -> None:
    scored = run(request(home))
    rows = scored.folder.scores["scores"]["rows"]
    images = 13  # 12 people, one of them with two visits
    assert rows.keys() == {"real", "shifter", "truth", *fakes.ToyStudy().volume_rows("shifter")}
    assert all(n == images for _mean, n in rows.values())
    assert scored.made == 2 * images
    assert toys.count("score") == 1
    assert sum(call.startswith("segment") for call in toys) == 3 * images
    assert "sampler does not make counterfactual images" in scored.skipped["sampler"]
    assert [table.name for table in scored.tables] == ["means", "skipped"]
    assert scored.warnings == ["only 12 people"]
    assert scored.folder.scores["scores"]["nan"] is None
    assert scored.folder.scores["scores"]["replicates"] == 3
    assert len(scored.folder.scores["scores"]["refitted"]) == 14
    # Half are AUD, 10 % darker, and everybody becomes the other: the means of both kinds of image agree.
    brightness = scored.folder.scores["scores"]["images"]
    assert brightness.keys() == {"shifter", "truth"}
    assert all(abs(one["brightness"][0] - one["brightness"][1]) < 0.05 for one in brightness.values())


def test_files_of_a_unit(home: Path, toys: list[str]) -> None:
    folder = run(request(home)).folder
    anat = folder.root / "derivatives" / "shifter" / "sub-000" / "ses-02" / "anat"
    assert sorted(path.name for path in anat.iterdir()) == [
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
    assert (
        json.loads((folder.root / "derivatives" / "shifter" / "dataset_description.json").read_text())["DatasetType"]
        == "derivative"
    )


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


def test_second_run_comes_from_the_store(home: Path, toys: list[str]) -> None:
    first = run(request(home))
    manifest = first.folder.manifest_file.read_bytes()
    before = fakes.tree_digest(home)
    toys.clear()
    started = time.monotonic()
    second = run(request(home))
    assert time.monotonic() - started < 10
    assert toys == []
    assert second.made == 0
    assert fakes.tree_digest(home) == before
    assert second.folder.manifest_file.read_bytes() == manifest
    assert [table.csv() for table in second.tables] == [table.csv() for table in first.tables]


@pytest.mark.parametrize("crash_at", [1, 9, 20, 33])
def test_resume_after_a_crash_gives_the_same_bytes(
    tmp_path: Path, toys: list[str], crash_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(request(tmp_path / "whole"))
    original = fakes.ToySegmenter.segment
    calls = 0

    def crash(self: fakes.ToySegmenter, scan: fakes.Scan) -> fakes.Segmentation:
        nonlocal calls
        calls += 1
        if calls == crash_at:
            raise KeyboardInterrupt
        return original(self, scan)

    monkeypatch.setattr(fakes.ToySegmenter, "segment", crash)
    with pytest.raises(KeyboardInterrupt):
        run(request(tmp_path / "broken"))
    monkeypatch.setattr(fakes.ToySegmenter, "segment", original)
    toys.clear()
    resumed = run(request(tmp_path / "broken"))
    assert sum(call.startswith("segment") for call in toys) == 39 - (crash_at - 1)
    assert fakes.tree_digest(tmp_path / "whole", but=TIMES) == fakes.tree_digest(tmp_path / "broken", but=TIMES)
    sessions = resumed.folder.manifest.sessions
    assert [session.complete for session in sessions] == [False, True]
    assert sum(session.made for session in sessions) == whole.made


KILLED = """
import sys, time
import conftest, fakes
from pathlib import Path
from pcgm_bench import registry
registry._found = conftest.toy_plugins
slow = fakes.ToySegmenter.segment
def segment(self, scan):
    time.sleep(0.03)
    return slow(self, scan)
fakes.ToySegmenter.segment = segment
import test_runner
print("ready", flush=True)
test_runner.run(test_runner.request(Path(sys.argv[1])))
"""


def test_kill_9_and_resume_gives_the_same_bytes(tmp_path: Path, toys: list[str]) -> None:
    run(request(tmp_path / "whole"))
    for moment in (0.15, 0.5, 0.8):
        command = [sys.executable, "-c", KILLED, str(tmp_path / "killed")]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=tmp_path) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(moment)
            process.send_signal(signal.SIGKILL)
    run(request(tmp_path / "killed"))
    assert fakes.tree_digest(tmp_path / "whole", but=TIMES) == fakes.tree_digest(tmp_path / "killed", but=TIMES)


def test_half_written_files_are_swept_away(home: Path, toys: list[str]) -> None:
    folder = run(request(home)).folder
    part = folder.root / "derivatives" / "shifter" / f".sub-000_T1w.nii.gz.{host()}-4194999.part"
    part.write_bytes(b"half")
    run(request(home))
    assert not part.exists()


def test_editing_the_study_scores_again_without_images(
    home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(request(home))
    toys.clear()
    monkeypatch.setattr("pcgm_bench.runner.scoring.source_digest", lambda *_a, **_k: "edited")
    assert run(request(home)).made == 0
    assert "score" in toys
    assert not any(call.startswith(("counterfactual", "segment")) for call in toys)


def test_a_new_version_of_a_metric_scores_again_and_makes_no_image(
    home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = BoardEntry("shifter", "brightness", "brightness", "higher", 1.0)
    monkeypatch.setattr(fakes.ToyStudy, "board", lambda _self, _scores: [entry], raising=False)
    first = run(request(home))
    assert first.folder.scores["metrics"] == {"brightness": "1"}
    assert result_of(first.folder).entries[0].metric == "brightness 1"
    monkeypatch.setattr(fakes.Brightness, "record", dataclasses.replace(fakes.Brightness.record, version="2"))
    second = run(request(home))
    assert (second.folder.root, second.made, toys.count("score")) == (first.folder.root, 0, 2)
    assert result_of(second.folder).entries[0].metric == "brightness 2"


def test_workers_change_no_byte(tmp_path: Path, toys: list[str]) -> None:
    # Toy plugins do not reach other processes: the helpers fail, and everything is made all the same.
    trees = []
    for workers in (1, 2):
        folder = run(request(tmp_path / str(workers), workers=workers)).folder
        trees.append(fakes.tree_digest(folder.root, but=TIMES))
    assert trees[0] == trees[1]


@pytest.mark.parametrize("change", [{"seed": 1}, {"quick": True}, {"threads": 2}])
def test_what_changes_a_number_changes_the_key(home: Path, toys: list[str], change: dict[str, object]) -> None:
    assert run(request(home)).folder.root != run(request(home, **change)).folder.root


def test_control_that_needs_truth_is_skipped_without_one(home: Path, toys: list[str]) -> None:
    scored = run(request(home, cohort=CohortRequest("labelled")))
    assert "needs the truth" in scored.skipped["truth"]
    assert "truth" not in scored.folder.scores["scores"]["rows"]


def test_method_that_cannot_do_the_job(home: Path, toys: list[str]) -> None:
    with pytest.raises(UserError, match="sampler does not make counterfactual images"):
        run(request(home, method="sampler", study="toy"), silent)


def test_method_of_volumes_alone_runs_without_images(home: Path, toys: list[str]) -> None:
    scored = run(request(home, method="planner"))
    rows = scored.folder.scores["scores"]["rows"]
    assert "planner does not make counterfactual images" in scored.skipped["planner"]
    assert rows.keys() == {"real", "truth", *fakes.ToyStudy().volume_rows("planner")}
    assert "planner" in scored.folder.identity.generators
    lobes = np.linspace(80, 100, 12)
    np.testing.assert_allclose(scored.folder.scores["scores"]["refitted"], 2 * lobes[[0, 0, *range(12)]])


def test_refitting_keeps_copies_of_a_person_together(home: Path, toys: list[str]) -> None:
    refitted = run(request(home)).folder.scores["scores"]["refitted"]
    assert refitted[0] == refitted[1] == refitted[2] != refitted[3]
    assert len(refitted) == 14


def test_unknown_names(home: Path, toys: list[str]) -> None:
    with pytest.raises(UserError, match="did you mean shifter"):
        run(request(home, method="shiftr"))
    with pytest.raises(UserError, match="did you mean toy"):
        run(request(home, cohort=CohortRequest("toyy")))
    assert not (home / "runs").exists()


def test_bad_image_names_the_subject(home: Path, toys: list[str]) -> None:
    with pytest.raises(UserError, match=r"spoiler, sub-000_ses-01_desc-cfAUD: made an image with NaN"):
        run(request(home, method="spoiler"))


def test_home_that_cannot_be_written_to(tmp_path: Path, toys: list[str]) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(UserError, match=r"cannot write .*--home"):
        run(request(blocked / "home"))


def test_two_processes_do_not_share_a_run(home: Path, toys: list[str]) -> None:
    folder = run(request(home)).folder
    with folder.working(), pytest.raises(UserError, match=f"process {os.getpid()} on .* is at work"):
        run(request(home))


def test_folds_must_hold_everybody_out_once(home: Path, toys: list[str]) -> None:
    from pcgm_bench.runner.readings import read_cohort

    cohort = read_cohort(home, fakes.ToyCohort(0), fakes.ToySegmenter(), silent)
    asks = fakes.ToyStudy().interventions(cohort.table)
    with pytest.raises(ValueError, match="same people"):
        plan(cohort, asks, [(["000"], ["000"])])
    with pytest.raises(ValueError, match="exactly one fold"):
        plan(cohort, asks, [(["001"], ["000"])])
    with pytest.raises(ValueError, match="one file name"):
        plan(cohort, [*asks, asks[0]], fakes.ToyStudy().folds(cohort.table, 0))


def test_adapting_reads_no_image(home: Path, toys: list[str]) -> None:
    from pcgm_bench.contracts import Context
    from pcgm_bench.runner.readings import read_cohort

    cohort = read_cohort(home, fakes.ToyCohort(0), fakes.ToySegmenter(), silent)
    toys.clear()
    fakes.Shifter().adapt(cohort.subset(["001", "002", "003"]), Context())
    assert toys == ["adapt 3"]
    changed = dataclasses.replace(cohort[0], age=1.0)
    assert toys == ["adapt 3", "load"]
    np.testing.assert_array_equal(changed.image, fakes.ToyCohort(0)[0].image)
    assert changed.age == 1.0


def test_fit_then_sample(home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings("sampler", home, segmenter="toy", threads=1)
    with pytest.raises(UserError, match="pcgm-bench fit --method sampler"):
        sample(settings, 2, "3mm", tmp_path / "out")
    monkeypatch.setattr(
        fakes.ToyCohort, "ensure_training", staticmethod(lambda home: fakes.ToyCohort(1000)), raising=False
    )
    assert fit(settings, CohortRequest("toy")) == home / "weights" / "sampler"
    one, two = sample(settings, 2, "3mm", tmp_path / "out")
    only = sample(settings, 1, "3mm", tmp_path / "other")[0]
    assert one.read_bytes() == only.read_bytes() != two.read_bytes()
    with pytest.raises(UserError, match="nothing to train"):
        fit(dataclasses.replace(settings, method="shifter"), CohortRequest("toy"))


def test_run_is_found_by_its_key(home: Path, toys: list[str]) -> None:
    folder = run(request(home)).folder
    assert RunFolder.find(home, folder.identity.key[:5]) == folder
    assert RunFolder.find(home, str(folder.root)) == folder
    with pytest.raises(UserError, match="no such run"):
        RunFolder.find(home, "zzz")


def test_scores_of_another_version_say_so(home: Path, toys: list[str]) -> None:
    from pcgm_bench.runner.scoring import study_tables

    stored = dict(run(request(home)).folder.scores)
    stored["scores"] = {"lines": []}
    with pytest.raises(UserError, match="another version made them"):
        study_tables(fakes.ToyStudy(), stored)
