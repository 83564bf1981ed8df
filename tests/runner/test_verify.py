"""`pcgm-bench verify` finds every damage of every stored piece, names it, and changes nothing."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import fakes
import pytest
from toy_plugins import toy_plugins
from toy_runs import request

from pcgm_bench import registry
from pcgm_bench.cli.main import main
from pcgm_bench.runner.plan import write_plan
from pcgm_bench.runner.resolve import resolve
from pcgm_bench.runner.run import run
from pcgm_bench.runner.verify import verify_home
from pcgm_bench.runner.verify import verify_run
from pcgm_bench.store import DerivativeFolder
from pcgm_bench.store import ImageRequest
from pcgm_bench.store import RunFolder
from pcgm_bench.store.folder_check import key_of
from pcgm_bench.store.weights import WeightsNote
from pcgm_bench.store.weights import write_weights

PIECES = {
    "runs/shifter*/derivatives/shifter/sub-003/*/*/*_T1w.nii.gz": "changed since it was made",
    "runs/shifter*/derivatives/shifter/sub-003/*/*/*_dseg.nii.gz": "changed since it was made",
    "runs/shifter*/derivatives/shifter/sub-003/*/*/*_volumes.tsv": "not a table of volumes",
    "runs/shifter*/derivatives/shifter/sub-003/*/*/*_T1w.json": "",
    "runs/shifter*/volumes/*/fold-1.json": "volumes asked for",
    "runs/shifter*/run.json": "the identity of a run",
    "runs/shifter*/environment.json": "the environment of a run",
    "runs/shifter*/manifest.json": "manifest",
    "runs/shifter*/measurements.tsv": "changed since the scores were made",
    "runs/shifter*/sources.tsv": "changed since the scores were made",
    "runs/shifter*/scores.json": "scores",
    "rows/truth*/sub-003/*/*/*_T1w.nii.gz": "changed since it was made",
    "rows/truth*/sub-003/*/*/*_volumes.tsv": "not a table of volumes",
    "segmentations/toy--*/sub-003/*/*/*_probseg.npz": "changed since it was made",
    "segmentations/toy--*/sub-003/*/*/*_volumes.tsv": "not a table of volumes",
    "segmentations/by-content/*/*/*.npz": "not what was stored there",
    "features/*/*/*.npy": "not what was stored there",
    "weights/sampler/level.txt": "not the file that was saved",
    "weights/sampler/complete.json": "the note of weights",
    "plans/*.json": "the plan of a run",
}
"""Where a piece lies -> what is said of it when it is damaged."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one of everything."""
    home = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_found", toy_plugins)
        patch.setattr("os.fsync", lambda _descriptor: None)
        run(request(home))
        run(request(home, method="copier", study="toy-privacy", segmenter="content"))
        write_weights(
            home / "weights" / "sampler", lambda into: (into / "level.txt").write_text("0.5"), WeightsNote(method="s")
        )
        write_plan(resolve(request(home)))
    return home


@pytest.fixture
def stored(whole: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    return shutil.copytree(whole, tmp_path / "home")


def test_a_whole_home_has_no_problem(whole: Path) -> None:
    before = fakes.tree_digest(whole)
    report = verify_home(whole)
    assert report.problems == ()
    assert report.checked > 100
    assert fakes.tree_digest(whole) == before


@pytest.mark.parametrize("how", ["flip", "cut", "empty"])
def test_every_damage_is_named_in_one_line(stored: Path, how: str) -> None:
    for pattern, said in PIECES.items():
        path = sorted(stored.glob(pattern))[0]
        content = path.read_bytes()
        changed = bytearray(content)
        changed[len(changed) // 2] ^= 1
        path.write_bytes({"flip": bytes(changed), "cut": content[: len(content) // 2], "empty": b""}[how])
        problems = verify_home(stored).problems
        path.write_bytes(content)
        named = [problem for problem in problems if str(path) in problem]
        if pattern.endswith("_T1w.json"):  # it says what the image beside it is
            named = [problem for problem in problems if path.name.replace("json", "nii.gz") in problem]
        assert len(named) == 1, (pattern, named)
        assert said in named[0]
        assert all("\n" not in problem and "; " in problem for problem in problems)
    assert verify_home(stored).problems == ()


@pytest.mark.parametrize("name", [pattern for pattern in PIECES if "T1w.nii" in pattern or "dseg" in pattern])
def test_another_persons_file_is_named(stored: Path, name: str) -> None:
    mine = sorted(stored.glob(name))[0]
    (other,) = mine.parents[3].glob("sub-005/*/*/" + mine.name.replace("sub-003", "sub-005"))
    mine.write_bytes(other.read_bytes())
    (problem, *_more) = verify_home(stored).problems
    assert str(mine) in problem


def test_one_run_is_verified_with_the_shared_images_that_it_stands_on(stored: Path) -> None:
    shifter, copier = (next(r for r in RunFolder.all(stored) if r.root.name.startswith(name)) for name in ("sh", "co"))
    (image,) = stored.glob("rows/truth*/sub-003/*/*/*_T1w.nii.gz")
    image.write_bytes(image.read_bytes() + b"\0")
    (problem,) = verify_run(shifter).problems
    assert str(image) in problem
    assert verify_run(copier).problems == ()


def test_an_image_that_was_made_anew_from_other_people_is_not_what_was_scored(stored: Path) -> None:
    (note,) = stored.glob("rows/truth*/sub-003/*/*/*_T1w.json")
    folder, key = DerivativeFolder(note.parents[3]), key_of(note, "_T1w.json")
    image = folder.read_image(key)
    folder.write_image(ImageRequest(key, "other people"), image, fakes.AFFINE)
    folder.write_segmentation(key, fakes.ToySegmenter().segment(fakes.ToyCohort(0)[0]), fakes.AFFINE)
    shifter = next(r for r in RunFolder.all(stored) if r.root.name.startswith("shifter"))
    (problem,) = verify_run(shifter).problems
    assert "sub-003_ses-01_desc-cfcontrol_volumes.tsv: not what the scores were made from" in problem


def test_a_lost_piece_is_named(stored: Path) -> None:
    shifter = next(r for r in RunFolder.all(stored) if r.root.name.startswith("shifter"))
    shutil.rmtree(shifter.derivative("shifter").root / "sub-003")
    shifter.measurements_file.unlink()
    said = " ".join(verify_run(shifter).problems)
    assert "measurements.tsv: lost since" in said
    assert "sub-003_ses-01_desc-cfcontrol_volumes.tsv: lost" in said


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of a command."""
    monkeypatch.setattr(sys, "argv", ["pcgm-bench", *arguments])
    try:
        main()
    except SystemExit as leaving:
        return int(leaving.code or 0)
    return 0


def test_the_command(stored: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "verify", "--home", str(stored), "--quiet") == 0
    assert capsys.readouterr().out.endswith("pieces checked: all as stored\n")
    path = next(stored.glob("features/*/*/*.npy"))
    path.write_bytes(b"")
    assert call(monkeypatch, "verify", "--home", str(stored), "--quiet") == 2
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{path}: not what was stored there; remove this file: it is computed again"
    assert said[-1].endswith("pieces checked: 1 not as stored")
    assert call(monkeypatch, "verify", "nosuchrun", "--home", str(stored)) == 2
    assert call(monkeypatch, "verify", "--home", str(stored / "nowhere")) == 2
