"""Workers end with their parent: while they start, while they import, while they work."""

from __future__ import annotations

import os
import signal
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


STARTED = """
import ctypes, os, sys, time
from pcgm_bench.process import exit_with_parent
parent = int(sys.argv[1])
seen = []
def prctl(*request):
    seen.append(("asked", request[0], int(request[1])))
class Library:
    def __init__(self, name): self.prctl = prctl
ctypes.CDLL = Library
asked, os.getppid = os.getppid, lambda: (seen.append(("looked",)), asked())[1]
exit_with_parent(parent)
print(seen[:2], flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the request is Linux's")
def test_the_kernel_is_asked_before_the_parent_is_looked_for() -> None:
    """The other way round, a parent that died in between would never be missed."""
    command = [sys.executable, "-c", STARTED, str(os.getpid())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.stdout.strip() == str([("asked", 1, int(signal.SIGKILL)), ("looked",)])


BUSY = """
import os, sys, time
from pathlib import Path
from pcgm_bench.process import WatchedContext
def work(note):
    sys.setswitchinterval(1000.0)
    Path(note).write_text(str(os.getpid()))
    while True:  # never lets another thread of its own look for the parent
        pass
if __name__ == "__main__":
    import busy
    WatchedContext().Process(target=busy.work, args=(sys.argv[1],)).start()
    time.sleep(120)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread looks twice a second")
def test_a_busy_worker_is_gone_within_two_seconds(tmp_path: Path) -> None:
    (tmp_path / "busy.py").write_text(BUSY)
    note = tmp_path / "pid"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    parent = subprocess.Popen([sys.executable, str(tmp_path / "busy.py"), str(note)], env=environment)
    deadline = time.monotonic() + PATIENCE_S
    while not (note.exists() and note.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    worker = int(note.read_text())
    parent.kill()
    parent.wait()
    killed = time.monotonic()
    wait_until_gone(worker)
    assert time.monotonic() - killed < 2.0
