"""A phantom cohort whose process is killed: the same command goes on, and ends in the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pcgm_bench.cohort import write
from pcgm_bench.cohort.phantom import make as making
from pcgm_bench.cohort.phantom.anatomy import Anatomy
from pcgm_bench.cohort.phantom.make import make
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.cohort.phantom.roster import Visit
from pcgm_bench.cohort.unfinished import DATASET
from pcgm_bench.cohort.unfinished import RECORDS
from pcgm_bench.cohort.unfinished import take_over
from pcgm_bench.contracts import UserError
from pcgm_bench.store.parts import host
from pcgm_bench.store.parts import part_of

RECIPE = Recipe(seed=12, per_group=3)
COMMAND = """
import sys, time
from pathlib import Path
import test_unfinished as here
here.draw_quickly()
here.slowly(float(sys.argv[2]))
here.make(Path(sys.argv[1]), here.RECIPE)
"""
DEAD = 4_194_999
"""A process number that Linux never gives."""


def anatomy_like(visit: Visit) -> tuple[np.ndarray, Anatomy]:
    """Noise in place of a brain: what is tested here is files."""
    rng = np.random.default_rng(visit.person.seed)
    image = np.pad(rng.uniform(0.5, 1, (20, 20, 20)), 18)[:, : 56 + 8][:56, :, :56].astype(np.float32)
    image = np.pad(image, [(0, n - m) for n, m in zip((56, 64, 56), image.shape, strict=True)])
    volumes = {"frontal": float(rng.normal()), "csf": float("nan")}
    return image, Anatomy(
        image[None], (image > 0.7).astype(np.int16), {}, image, volumes, {"frontal": float(rng.normal())}
    )


def draw_quickly() -> None:
    making._draw_all = lambda _recipe, visits, _home: map(anatomy_like, visits)  # type: ignore[assignment]


def slowly(seconds: float) -> None:
    """Every file takes a while, and is on disk half at first, so that a kill meets all states."""
    put = write.DatasetWriter._put

    def half_then_whole(self: write.DatasetWriter, name: str, data: bytes) -> None:
        put(self, name, data[: len(data) // 2])
        time.sleep(seconds)
        put(self, name, data)

    write.DatasetWriter._put = half_then_whole  # type: ignore[method-assign]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "_draw_all", lambda _recipe, visits, _home: map(anatomy_like, visits))


def start(out: Path, seconds: float) -> subprocess.Popen[bytes]:
    paths = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen([sys.executable, "-c", COMMAND, str(out), str(seconds)], env={**os.environ, **paths})


def wait_for(what: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 300
    while not what():
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.01)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def parts(tmp_path: Path) -> list[Path]:
    return sorted(tmp_path.glob(".out.*.part"))


@pytest.mark.usefixtures("quick")
def test_a_killed_process_is_continued_and_ends_in_the_same_bytes(tmp_path: Path) -> None:
    whole = contents(make(tmp_path / "uninterrupted", RECIPE).folder)
    out = tmp_path / "out"
    for kills, scans in enumerate((1, 4)):
        process = start(out, 0.1)
        wait_for(lambda n=scans: len(list(tmp_path.glob(f".out.*.part/{RECORDS}/*.json"))) >= n, process)  # type: ignore[misc]
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not out.exists(), kills
        assert len(parts(tmp_path)) == 1
    first = next(parts(tmp_path)[0].rglob("*_T1w.nii.gz"))
    before = (first.name, first.stat().st_ino)
    make(out, RECIPE)
    assert contents(out) == whole
    assert parts(tmp_path) == []
    assert before in {(path.name, path.stat().st_ino) for path in out.rglob("*_T1w.nii.gz")}  # not written again
    make(out, RECIPE)  # there already: nothing to do
    with pytest.raises(UserError, match="is not empty"):
        make(out, Recipe(seed=13, per_group=3))


@pytest.mark.usefixtures("quick")
def test_a_second_command_waits_for_the_first(tmp_path: Path) -> None:
    out, told = tmp_path / "out", []
    process = start(out, 0.05)
    wait_for(lambda: bool(parts(tmp_path)), process)
    make(out, RECIPE, progress=lambda what, _done, _total: told.append(what))
    assert process.wait() == 0
    assert "which makes the same" in told[0]
    assert "make phantom" not in told
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.usefixtures("quick")
def test_what_is_damaged_or_of_other_people_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    whole = contents(make(tmp_path / "uninterrupted", RECIPE).folder)
    interrupted(out, monkeypatch, 4)
    part = parts(tmp_path)[0]
    scans = sorted((part / DATASET).rglob("*_T1w.nii.gz"))
    scans[0].write_bytes(scans[0].read_bytes()[:-1])
    scans[1].unlink()
    record = sorted((part / RECORDS).glob("*.json"))[2]
    record.write_bytes(record.read_bytes().replace(b"frontal", b"FRONTAL"))
    told = []
    make(out, RECIPE, progress=lambda _what, done, _total: told.append(done))
    assert contents(out) == whole
    interrupted(tmp_path / "other", monkeypatch, 4)
    next(tmp_path.glob(".other.*.part")).rename(part_of(tmp_path / "out2"))
    make(tmp_path / "out2", Recipe(seed=13, per_group=3))
    assert contents(tmp_path / "out2") == contents(make(tmp_path / "out3", Recipe(seed=13, per_group=3)).folder)


def interrupted(out: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    def stop(_what: str, done: int, _total: int) -> None:
        if done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(out, RECIPE, progress=stop)


@pytest.mark.usefixtures("quick")
def test_parts_of_living_processes_stay_and_the_fullest_dead_one_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    interrupted(out, monkeypatch, 2)
    own = parts(tmp_path)[0]
    alive, empty = (tmp_path / f".out.{host()}-{pid}.part" for pid in (os.getppid(), DEAD))
    empty.mkdir()
    own.rename(alive)
    begun = next((alive / RECORDS).glob("*.json")).read_bytes()
    assert len(make(out, RECIPE)) == 6
    assert next((alive / RECORDS).glob("*.json")).read_bytes() == begun
    assert parts(tmp_path) == [alive]
    dead = tmp_path / f".again.{host()}-{DEAD}.part"
    alive.rename(dead)
    assert take_over(tmp_path / "again", part_of(tmp_path / "again"), "another stamp") == {}
    assert not dead.exists()


@pytest.mark.usefixtures("quick")
def test_an_error_that_the_user_can_mend_leaves_nothing(tmp_path: Path) -> None:
    def full(_what: str, _done: int, _total: int) -> None:
        raise UserError("no space left")

    with pytest.raises(UserError, match="no space left"):
        make(tmp_path / "out", RECIPE, progress=full)
    assert parts(tmp_path) == []
