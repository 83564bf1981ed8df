"""Workers end with their parent: while they start, while they import, while they work."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from pcgm_bench.process import WatchedContext

PATIENCE_S = 60.0

SLOW_IMPORT = """
import os, pathlib, time
note = pathlib.Path(os.environ["NOTE"])
note.with_suffix(".part").write_text(str(os.getpid()))
note.with_suffix(".part").replace(note)
time.sleep(120)
def work(): pass
"""
"""A module that takes two minutes to import; the parent has one of the same name that does not."""

PARENT = """
import sys, time, types
from pcgm_bench.process import WatchedContext
def work(): pass
if __name__ == "__main__":
    quick = types.ModuleType("slow_to_import")
    work.__module__, quick.work = "slow_to_import", work
    sys.modules["slow_to_import"] = quick
    WatchedContext().Process(target=work).start()
    time.sleep(120)
"""


def is_running(process: int) -> bool:
    """Whether there is such a process that is not a zombie."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_until_gone(process: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while is_running(process):
        assert time.monotonic() < deadline, "the worker outlived its parent"
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_worker_that_still_imports_does_not_outlive_its_parent(tmp_path: Path) -> None:
    (tmp_path / "slow_to_import.py").write_text(SLOW_IMPORT)
    (tmp_path / "parent.py").write_text(PARENT)
    note = tmp_path / "pid"
    environment = os.environ | {"NOTE": str(note), "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    parent = subprocess.Popen([sys.executable, str(tmp_path / "parent.py")], env=environment)
    deadline = time.monotonic() + PATIENCE_S
    try:
        while not note.exists():
            assert time.monotonic() < deadline, "the worker never began to import"
            time.sleep(0.05)
        worker = int(note.read_text())
        assert is_running(worker)
    finally:
        parent.kill()
        parent.wait()
    wait_until_gone(worker)


def test_a_worker_whose_parent_is_gone_already_does_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    code = f"from pcgm_bench.process import exit_with_parent; exit_with_parent({gone.pid}); print('worked on')"
    late = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S)
    assert (late.returncode, late.stdout) == (1, "")


def test_a_pool_of_watched_processes_works() -> None:
    with ProcessPoolExecutor(2, WatchedContext()) as pool:
        assert list(pool.map(abs, [-1, 2, -3])) == [1, 2, 3]
