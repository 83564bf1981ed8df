"""A run that was killed goes on where it stopped; nothing that is stored is used where it is not what was stored."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import fakes
import fakes_studies
import pandas as pd
import pytest
from toy_runs import IMAGES
from toy_runs import TIMES
from toy_runs import derivatives
from toy_runs import records_of
from toy_runs import request

from pcgm_bench.contracts import UserError
from pcgm_bench.runner.run import RunResult
from pcgm_bench.runner.run import run
from pcgm_bench.store.parts import host
from pcgm_bench.store.run_folder import SCHEMA
from pcgm_bench.store.schema import read_versioned
from pcgm_bench.store.schema import write_versioned

TESTS = Path(__file__).parent
PATIENCE = 60.0
KILLED = """
import sys, time
import fakes, toy_plugins, toy_runs
from pathlib import Path
from pcgm_bench import registry
registry._found = toy_plugins.toy_plugins
quick = fakes.ToySegmenter.segment
def segment(self, scan):
    time.sleep(0.03)
    return quick(self, scan)
fakes.ToySegmenter.segment = segment
from pcgm_bench.runner.run import run
run(toy_runs.request(Path(sys.argv[1])))
"""


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
    assert sum(call.startswith("segment") for call in toys) == 3 * IMAGES - (crash_at - 1)
    assert fakes.tree_digest(tmp_path / "whole", but=TIMES) == fakes.tree_digest(tmp_path / "broken", but=TIMES)
    sessions = resumed.folder.manifest.sessions
    assert [session.complete for session in sessions] == [False, True]
    assert sum(session.made for session in sessions) == whole.made


def test_kill_9_and_resume_gives_the_same_bytes(tmp_path: Path, toys: list[str]) -> None:
    """Killed twice, whenever so many images have been segmented."""
    run(request(tmp_path / "whole"))
    killed = tmp_path / "killed"
    for enough in (3, 2 * IMAGES + 5):
        command = [sys.executable, "-c", KILLED, str(killed)]
        environment = {**os.environ, "PYTHONPATH": f"{TESTS}:{TESTS.parent}:{os.environ.get('PYTHONPATH', '')}"}
        with subprocess.Popen(command, env=environment, cwd=tmp_path) as process:
            until(lambda enough=enough: count(killed) >= enough or process.poll() is not None)
            assert process.poll() is None, "it ended before it could be killed"
            process.send_signal(signal.SIGKILL)
        assert enough <= count(killed) < 3 * IMAGES
    toys.clear()
    run(request(killed))
    assert any(call.startswith("segment") for call in toys)
    assert fakes.tree_digest(tmp_path / "whole", but=TIMES) == fakes.tree_digest(killed, but=TIMES)


def count(home: Path) -> int:
    """Images and scans that are done."""
    return len(list(home.rglob("*_volumes.tsv")))


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.005)


def test_half_written_files_are_swept_away(home: Path, toys: list[str]) -> None:
    folder = run(request(home)).folder
    part = folder.root / "derivatives" / "shifter" / f".sub-000_T1w.nii.gz.{host()}-4194999.part"
    part.write_bytes(b"half")
    run(request(home))
    assert not part.exists()


def test_half_written_features_and_segmentations_are_swept_away(home: Path, toys: list[str]) -> None:
    asked = request(home, method="copier", study="toy-privacy", segmenter="content")
    scores = run(asked).folder.scores_file
    features = sorted((home / "features").glob("*/*/*.npy"))
    stored = next((home / "segmentations" / "by-content").glob("*/*/*.npz"))
    parts = [path.parent / f".{path.name}.{host()}-4194999.part" for path in (features[0], stored)]
    for part in parts:
        part.write_bytes(b"half")
    features[0].unlink()
    scores.unlink()
    next((home / "runs").rglob("*_volumes.tsv")).unlink()
    run(asked)
    assert not any(part.exists() for part in parts)


# Folds.


def test_changed_folds_make_exactly_the_affected_images_again(
    home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(request(home))
    original = fakes_studies.ToyStudy.folds

    def swapped(self: fakes_studies.ToyStudy, table: pd.DataFrame, seed: int) -> list[tuple[list[str], list[str]]]:
        """Two people of the first two folds change places; the third fold stays."""
        folds = [(set(train), set(test)) for train, test in original(self, table, seed)]
        for (train, test), leaves, comes in ((folds[0], "003", "004"), (folds[1], "004", "003")):
            train.symmetric_difference_update({leaves, comes})
            test.symmetric_difference_update({leaves, comes})
        return [(sorted(train), sorted(test)) for train, test in folds]

    monkeypatch.setattr(fakes_studies.ToyStudy, "folds", swapped)
    toys.clear()
    second = run(request(home))
    # The people of the first two folds: 000 (two visits), 001, 003, 004, 006, 007, 009, 010.
    again = {call.split()[1].split("_")[0] for call in toys if call.startswith("counterfactual")}
    assert again == {f"sub-{number:03d}" for number in (0, 1, 3, 4, 6, 7, 9, 10)}
    assert second.folder == first.folder
    assert records_of(second, "frontal")["shifter"] != records_of(first, "frontal")["shifter"]
    toys.clear()
    assert run(request(home)).scores == second.scores
    assert toys == []


# Shared between runs.


def test_a_second_method_makes_its_own_images_alone(home: Path, toys: list[str]) -> None:
    first = run(request(home))
    toys.clear()
    second = run(request(home, method="second"))
    assert second.made == IMAGES
    assert sum(call.startswith("counterfactual") for call in toys) == IMAGES
    assert sum(call.startswith("segment") for call in toys) == IMAGES
    assert not [call for call in toys if call.startswith("oracle")]
    assert records_of(second, "frontal")["truth"] == records_of(first, "frontal")["truth"]
    assert second.folder.manifest.folders["truth"] == first.folder.manifest.folders["truth"]


def test_an_image_that_was_segmented_is_not_segmented_again(home: Path, toys: list[str]) -> None:
    result = run(request(home, study="toy-copy", segmenter="content"))
    assert sum(call.startswith("copy") for call in toys) == IMAGES
    # The factual scans, the method's images and the truth's; a copy of a scan is the scan.
    assert sum(call.startswith("segment") for call in toys) == 3 * IMAGES
    means = records_of(result, "frontal")
    assert means["copy"].estimate == means["real"].estimate
    toys.clear()
    run(request(home, method="second", study="toy-copy", segmenter="content"))
    assert sum(call.startswith("segment") for call in toys) == IMAGES


# What is stored and is not what was stored.


def damaged(path: Path, how: str) -> None:
    """A changed byte in the middle, half a file, a table without its last line but one, another person's file."""
    content = bytearray(path.read_bytes())
    if how == "cut":
        content = content[: len(content) // 2]
    elif how == "line":
        lines = content.splitlines(keepends=True)
        content = bytearray(b"".join([*lines[:-2], lines[-1]]))
    elif how == "swap":
        (other,) = path.parents[3].rglob(path.name.replace("sub-003", "sub-005"))
        content = bytearray(other.read_bytes())
    else:
        content[len(content) // 2] ^= 1
    assert bytes(content) != path.read_bytes()
    path.write_bytes(bytes(content))


def again(home: Path, monkeypatch: pytest.MonkeyPatch) -> RunResult:
    """The same command, by a new version of the study: everything is scored again."""
    monkeypatch.setattr("pcgm_bench.runner.scoring.code_digest", lambda *_objects: "edited")
    return run(request(home))


@pytest.mark.parametrize(
    ("suffix", "how", "made"),
    [
        ("T1w.nii.gz", "flip", 1),
        ("T1w.nii.gz", "cut", 1),
        ("T1w.nii.gz", "swap", 1),
        ("T1w.json", "cut", 1),
        ("volumes.tsv", "swap", 1),
        ("volumes.tsv", "line", 1),
    ],
)
def test_a_damaged_piece_of_an_image_is_made_again(
    home: Path,
    toys: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    suffix: str,
    how: str,
    made: int,
) -> None:
    whole = again(home, monkeypatch)
    before = fakes.tree_digest(home, but=TIMES)
    (path,) = derivatives(home, "shifter").rglob(f"sub-003*_{suffix}")
    damaged(path, how)
    whole.folder.scores_file.unlink()
    toys.clear()
    result = again(home, monkeypatch)
    assert (result.scores, result.made) == (whole.scores, made)
    assert fakes.tree_digest(home, but=TIMES) == before
    assert sum(call.startswith("counterfactual") for call in toys) == (suffix != "volumes.tsv")
    # Without its note an image counts as not made.
    said = [] if suffix == "T1w.json" else [path.name]
    assert [record.getMessage().split(": ")[0].rpartition("/")[2] for record in caplog.records] == said


def test_all_damaged_pieces_are_found_when_one_is_met(
    home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = again(home, monkeypatch)
    before = fakes.tree_digest(home, but=TIMES)
    folder = derivatives(home, "shifter")
    for name in ("sub-001*_volumes.tsv", "sub-003*_T1w.nii.gz", "sub-005*_dseg.nii.gz"):
        (path,) = folder.rglob(name)
        damaged(path, "flip")
    (fractions,) = (home / "segmentations").rglob("sub-007*_probseg.npz")
    damaged(fractions, "flip")
    whole.folder.scores_file.unlink()
    assert again(home, monkeypatch).scores == whole.scores
    assert fakes.tree_digest(home, but=TIMES) == before
    assert len(caplog.records) == 4


def test_a_table_of_another_run_is_not_used(home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same person, the same name, the same segmenter: another seed of the cohort."""
    run(request(home, seed=1))
    whole = again(home, monkeypatch)
    before = fakes.tree_digest(home, but=TIMES)
    mine, other = sorted(
        (home / "segmentations").rglob("sub-003*_volumes.tsv"),
        key=lambda path: path.parents[3] != segmented(home, seed=0),
    )
    assert mine.name == other.name
    mine.write_bytes(other.read_bytes())
    whole.folder.scores_file.unlink()
    assert again(home, monkeypatch).scores == whole.scores
    assert fakes.tree_digest(home, but=TIMES) == before


def segmented(home: Path, seed: int) -> Path:
    """The folder of the factual scans of a seed's cohort: the one whose first table says their volumes."""
    scan = fakes.ToyCohort(seed)[0]
    volume = repr(fakes.ToySegmenter().segment(scan).volumes["frontal"])
    (table,) = (
        path
        for path in (home / "segmentations").rglob("sub-000_ses-01_volumes.tsv")
        if f"frontal\t{volume}" in path.read_text()
    )
    return table.parents[3]


def test_a_piece_that_cannot_be_made_again_is_named(
    home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(request(home))
    (path,) = derivatives(home, "shifter").rglob("sub-003*_T1w.nii.gz")
    damaged(path, "flip")
    whole.folder.scores_file.unlink()

    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(UserError, match=rf"{path.name}: changed .*remove this file and give the same command"):
            run(request(home))


@pytest.mark.parametrize("how", ["flip", "cut"])
def test_damaged_scores_are_computed_again(home: Path, toys: list[str], how: str) -> None:
    scores = run(request(home)).folder.scores_file
    before = scores.read_bytes()
    damaged(scores, how)
    toys.clear()
    run(request(home))
    assert toys.count("score") == 1
    assert not [call for call in toys if call.startswith(("counterfactual", "segment"))]
    assert scores.read_bytes() == before


def test_a_changed_number_in_the_scores_is_not_shown(home: Path, toys: list[str]) -> None:
    result = run(request(home))
    text = result.folder.scores_file.read_text()
    number = repr(records_of(result, "frontal")["shifter"].estimate)
    result.folder.scores_file.write_text(text.replace(number, "1.5"))
    assert run(request(home)).scores == result.scores


@pytest.mark.parametrize("how", ["flip", "cut"])
def test_damaged_features_are_computed_again(home: Path, toys: list[str], how: str) -> None:
    asked = request(home, method="copier", study="toy-privacy")
    first = run(asked)
    files = sorted((home / "features").rglob("*.npy"))
    for path in files:
        damaged(path, how)
    first.folder.scores_file.unlink()
    toys.clear()
    assert run(asked).scores == first.scores
    assert toys.count("extract") == len(files)


def test_damaged_volumes_of_a_row_without_images_are_asked_for_again(home: Path, toys: list[str]) -> None:
    whole = run(request(home))
    path = whole.folder.volumes_file("shifter (volumes)", 0)
    before = path.read_bytes()
    damaged(path, "flip")
    toys.clear()
    assert run(request(home)).scores == whole.scores
    assert path.read_bytes() == before
    assert [call for call in toys if call.startswith("adapt")] == ["adapt 8"]


# Another environment.


def elsewhere(result: RunResult) -> None:
    """As if the run had been begun with another PyTorch."""
    path = result.folder.environment_file
    fields = read_versioned(path, SCHEMA, "environment")
    fields["packages"]["torch"] = "1.0.0"
    write_versioned(path, SCHEMA, fields)


def test_a_run_begun_in_another_environment_is_not_gone_on_with(home: Path, toys: list[str]) -> None:
    result = run(request(home))
    elsewhere(result)
    # Finished, it is read; what is missing is not made beside what is there.
    assert run(request(home)).scores == result.scores
    (path,) = derivatives(home, "shifter").rglob("sub-003*_volumes.tsv")
    path.unlink()
    before = fakes.tree_digest(home, but=TIMES)
    with pytest.raises(UserError, match=r"begun with torch 1\.0\.0, here .*are not mixed"):
        run(request(home))
    assert fakes.tree_digest(home, but=TIMES) == before


def test_a_run_finished_on_another_processor_is_shown_as_it_was_stored(home: Path, toys: list[str]) -> None:
    result = run(request(home))
    path = result.folder.environment_file
    fields = read_versioned(path, SCHEMA, "environment")
    write_versioned(path, SCHEMA, {**fields, "instructions": "another"})
    toys.clear()
    before = fakes.tree_digest(home)
    again = run(request(home))
    assert (again.scores, again.made, toys) == (result.scores, 0, [])
    assert fakes.tree_digest(home) == before
    result.folder.scores_file.unlink()
    with pytest.raises(UserError, match="processor instructions another, here"):
        run(request(home))
