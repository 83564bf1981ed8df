"""Locks between processes: who holds one, waiting for it, and that a death frees it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pcgm_bench.contracts import UserError
from pcgm_bench.store import locks
from pcgm_bench.store.locks import can_lock
from pcgm_bench.store.locks import locked
from pcgm_bench.store.parts import host

HOLD = """
import sys
from pathlib import Path
from pcgm_bench.store.locks import locked
with locked(Path(sys.argv[1]), work="cdm of seed 3"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def other_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until it is told a line."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_the_holder_is_named_and_its_death_frees(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lock"
    with other_process(path) as process:
        with pytest.raises(UserError, match=rf"process {process.pid} on {host()}, since 20.* is at work") as error:
            locked(path).__enter__()
        assert str(path.parent) in str(error.value)
        process.kill()
        process.wait()
        with locked(path):
            assert f"process {os.getpid()} on" in locks.holder(path)
    assert locks.holder(path) == "another process", "the note outlived the lock"


def test_waiting_goes_on_when_the_other_is_done(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    told: list[tuple[str, int, int]] = []
    with other_process(path) as process:
        stdin = process.stdin
        assert stdin is not None

        def tell(what: str, done: int, total: int) -> None:
            told.append((what, done, total))
            if not done:
                threading.Timer(0.2, lambda: print("done", file=stdin, flush=True)).start()

        with locked(path, wait=True, progress=tell):
            assert process.wait() == 0
    what = told[0][0]
    assert what.startswith(f"waiting for process {process.pid} on {host()}")
    assert what.endswith("which makes the same")
    assert told == [(what, 0, 1), (what, 1, 1)]


def test_the_same_work_is_waited_for_and_other_work_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with other_process(path) as process:
        for work in ("", "cdm of seed 4"):
            with pytest.raises(UserError, match="is at work on this"):
                locked(path, work=work).__enter__()

        def tell(_what: str, done: int, _total: int) -> None:
            if not done:
                process.kill()

        with locked(path, work="cdm of seed 3", progress=tell) as waited:
            assert waited
    with locked(path, work="cdm of seed 3") as waited:
        assert not waited


def test_a_free_lock_is_taken_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    told: list[str] = []
    for _ in range(2):
        with locked(path, wait=True, progress=lambda what, _done, _total: told.append(what)):
            assert f"process {os.getpid()} on" in locks.holder(path)
            with pytest.raises(UserError):
                locked(path).__enter__()
    assert told == []


def test_a_refused_process_leaves_the_holders_name(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"):
        for _ in range(2):
            with pytest.raises(UserError, match=f"process {os.getpid()} on"):
                locked(tmp_path / "lock").__enter__()


def test_a_folder_that_cannot_be_locked_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_lock(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        locked(tmp_path / "file" / "lock").__enter__()
    monkeypatch.setattr("fcntl.flock", lambda *_arguments: None)  # a file system that grants every lock
    assert not can_lock(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
