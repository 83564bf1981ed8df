"""Two nodes on one home, as two PID namespaces on one machine: neither can see, or clear away, what the other does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pcgm_bench.contracts import UserError
from pcgm_bench.store.locks import holder
from pcgm_bench.store.locks import locked
from pcgm_bench.store.parts import host
from pcgm_bench.store.parts import sweep

NAMESPACE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")
WORK = """
import os, sys, time
from pathlib import Path
from pcgm_bench.store.locks import locked
from pcgm_bench.store.parts import host, part_of
home = Path(sys.argv[1])
with locked(home / "lock"):
    part_of(home / "a.json").write_text("half")
    print(os.getpid(), host(), flush=True)
    time.sleep(300)
"""


def can_unshare() -> bool:
    """Whether this machine lets us make PID namespaces."""
    try:
        return subprocess.run([*NAMESPACE, "true"], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


pytestmark = pytest.mark.skipif(
    not can_unshare(), reason="no PID namespaces here: test_parts.py stands for them, with names of other hosts"
)


@contextmanager
def other_node(home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that is number 1 of its own namespace, and holds the lock with a half-written file."""
    command = [*NAMESPACE, sys.executable, "-c", WORK, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid, name = process.stdout.readline().split()
        assert pid == "1"
        try:
            yield process, name
        finally:
            process.kill()


def test_a_live_node_keeps_its_part_and_its_lock_and_a_dead_one_frees_the_lock(tmp_path: Path) -> None:
    with other_node(tmp_path) as (process, name):
        assert name != host()
        assert name.startswith(host().partition("+")[0])
        (part,) = tmp_path.glob(".a.json.*.part")
        assert sweep(tmp_path) == 0
        with pytest.raises(UserError, match=r"process 1 on .* is at work on this") as refused:
            locked(tmp_path / "lock").__enter__()
        assert name in str(refused.value)
        assert holder(tmp_path / "lock").startswith(f"process 1 on {name}")
        # The child of unshare dies with it: as if the container were stopped.
        process.send_signal(signal.SIGKILL)
        process.wait()
        until_free(tmp_path / "lock")
    # Nobody here can know that the process is gone; a day later it is taken for that.
    assert sweep(tmp_path) == 0
    yesterday = time.time() - 25 * 3600
    os.utime(part, (yesterday, yesterday))
    assert sweep(tmp_path) == 1


def until_free(lock: Path) -> None:
    """Take the lock, within two seconds."""
    end = time.monotonic() + 2.0
    while True:
        try:
            with locked(lock):
                return
        except UserError:
            assert time.monotonic() < end, "the lock of a dead process stays"
            time.sleep(0.02)


def test_a_node_that_waits_goes_on_when_the_other_is_done(tmp_path: Path) -> None:
    told: list[str] = []
    with other_node(tmp_path) as (process, name):

        def tell(what: str, done: int, _total: int) -> None:
            told.append(what)
            if not done:
                process.kill()

        with locked(tmp_path / "lock", wait=True, progress=tell):
            assert told[0].startswith(f"waiting for process 1 on {name}")
