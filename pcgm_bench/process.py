"""Processes that must not outlive the one that started them.

A worker of a pool waits for work for ever when its pool is killed with ``kill -9``, and a helper whose parent died
while it was starting would work on with no lock. So a worker is told the number of its parent. Before it imports
anything large it asks the kernel (Linux) to be killed with its parent, and looks whether the parent is still there.
Elsewhere a thread looks for the parent twice a second.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.context import SpawnContext
from multiprocessing.context import SpawnProcess
from multiprocessing.reduction import ForkingPickler
from types import ModuleType
from typing import Any

LOOK_SECONDS = 0.5
_SET_DEATH_SIGNAL = 1
"""``PR_SET_PDEATHSIG`` of Linux: the signal that this process gets when its parent dies."""


def exit_with_parent(parent: int) -> None:
    """End this process at once if its parent is gone, and as soon as the parent goes; however it was killed.

    Linux counts the thread that started a process as its parent: start processes from a thread that outlives them.

    Args:
        parent: the parent's process number, as the parent said it: a child that asks for itself, late, would be told
            the number of whoever adopted it.
    """
    _die_with_parent()
    # After the request: a parent that died before it sends no signal any more.
    if os.getppid() != parent:
        os._exit(1)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="exit-with-parent", daemon=True).start()


def _die_with_parent() -> None:
    """Ask the kernel for ``SIGKILL`` when the parent dies; nothing happens where it cannot be asked."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


class WatchedProcess(SpawnProcess):
    """A spawned process that watches its parent from before its function and arguments are read.

    What it is to do is pickled inside the object, so that reading the outer shell imports this module alone.
    """

    def start(self) -> None:
        """Start, without the script that started us: what a child does is in modules, and a script that does not hide
        its commands behind ``if __name__ == "__main__"`` must not run a second time in it.
        """
        # Python itself is asked: `multiprocessing` looks here for what a child should import first.
        script = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            super().start()
        finally:
            sys.modules["__main__"] = script

    def __reduce__(self) -> tuple[Callable[[int, bytes], WatchedProcess], tuple[int, bytes]]:
        """How the child gets this object: its parent's number, then everything else."""
        return _watch_then_read, (os.getpid(), bytes(ForkingPickler.dumps(vars(self))))


class WatchedContext(SpawnContext):
    """The ``spawn`` context of `multiprocessing`, with `WatchedProcess`.

    Spawned, not forked: a forked child inherits the state of PyTorch's thread pool and may hang.

    Example:
        ``ProcessPoolExecutor(2, WatchedContext())`` or ``WatchedContext().Process(target=...)``
    """

    Process = WatchedProcess


def _watch_then_read(parent: int, state: bytes) -> WatchedProcess:
    exit_with_parent(parent)
    process = object.__new__(WatchedProcess)
    known: dict[str, Any] = pickle.loads(state)
    vars(process).update(known)
    return process
