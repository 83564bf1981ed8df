"""Processes beside this one that each make a share of a step.

An image depends on its own seed and on nothing that was made before it (in a chain of interventions on the image
before it, which the same process makes), and is one atomic file: who makes it cannot matter, so how many processes
there are is not part of a run's key. A helper that fails says why; its share is made by the process that it helps.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from pcgm_bench.process import WatchedContext
from pcgm_bench.process import WatchedProcess
from pcgm_bench.runner.executors.interface import DoStep
from pcgm_bench.runner.executors.interface import Step
from pcgm_bench.runner.request import Share

WAIT_SECONDS = 0.5
MOST_WORKERS = 4
"""Each holds about 2 GB."""

log = logging.getLogger(__name__)


@contextmanager
def local_helpers(
    workers: int, do_step: DoStep, plan: Path, step: Step, waiting: Callable[[], object] = lambda: None
) -> Iterator[Share]:
    """Make shares of a step in ``workers - 1`` processes while inside; gives this one its share.

    On leaving, waits for them and calls ``waiting`` now and then; an error inside stops them.

    Args:
        workers: processes, this one included.
        do_step: a function of a module, so that another process can import it.
        plan: the plan's file.
        step: the step.
        waiting: for a progress bar.
    """
    context = WatchedContext()
    helpers: list[tuple[WatchedProcess, Connection]] = []
    for number in range(1, workers):
        ours, theirs = context.Pipe(duplex=False)
        arguments = (do_step, plan, step, number, workers, theirs)
        process = context.Process(target=_help, args=arguments, daemon=True)
        process.start()
        theirs.close()
        helpers.append((process, ours))
    try:
        yield Share(0, workers)
        for process, _ours in helpers:
            while process.is_alive():
                process.join(WAIT_SECONDS)
                waiting()
        for process, ours in helpers:
            if process.exitcode:
                log.warning("%s; this process makes its share", _what_happened(process, ours))
    finally:
        for process, _ours in helpers:
            process.kill()
            process.join()


def _help(do_step: DoStep, plan: Path, step: Step, number: int, of: int, connection: Connection) -> None:
    try:
        do_step(plan, step, number, of)
    except BaseException as error:
        connection.send(f"{type(error).__name__}: {' '.join(str(error).split())}")
        os._exit(1)  # its share is missing now: the parent makes it, and raises the same error if it is one


def _what_happened(process: WatchedProcess, connection: Connection) -> str:
    name = f"helper process {process.pid}"
    try:
        if connection.poll():
            return f"{name} failed ({connection.recv()})"
    except EOFError:
        pass
    code = process.exitcode or 0
    return f"{name} was killed by signal {-code}" if code < 0 else f"{name} ended with exit code {code}"


def default_workers(threads: int) -> int:
    """As many processes as fit the processors that this one may use, at most `MOST_WORKERS`."""
    # Python itself is asked: macOS and Windows have no such function.
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST_WORKERS, usable // threads))
