"""Processes beside this one that each do a share of a run's units.

An image depends on its own seed and on nothing that was made before it (in a chain of interventions on the image
before it, which the same process makes), and is one atomic file: who makes it cannot matter, so how many processes
there are is no part of a run's key. A helper that fails leaves its units to the process it helps, which meets the same
error and can say so.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pcgm_bench.process import WatchedContext

WAIT_SECONDS = 0.5


@dataclass(frozen=True)
class Share:
    """Every ``of``-th unit, from the ``number``-th on.

    >>> [position for position in range(7) if Share(1, 3).takes(position)]
    [1, 4]
    """

    number: int = 0
    of: int = 1

    def takes(self, position: int) -> bool:
        """Whether the unit at this place in the plan is in the share."""
        return position % self.of == self.number


EVERYTHING = Share()


@contextmanager
def helpers(
    workers: int, target: Callable[..., None], *arguments: Any, waiting: Callable[[], object] = lambda: None
) -> Iterator[Share]:
    """Do ``target(*arguments, share)`` in ``workers - 1`` processes while inside; gives this one its share.

    On leaving, waits for them and calls ``waiting`` now and then; an error inside stops them.

    Args:
        workers: processes, this one included.
        target: a function of a module, so that another process finds it.
        arguments: its first arguments, picklable.
        waiting: for a progress bar.
    """
    others = [
        WatchedContext().Process(target=_help, args=(target, arguments, Share(number, workers)), daemon=True)
        for number in range(1, workers)
    ]
    for process in others:
        process.start()
    try:
        yield Share(0, workers)
        for process in others:
            while process.is_alive():
                process.join(WAIT_SECONDS)
                waiting()
    finally:
        for process in others:
            process.kill()
            process.join()


def _help(target: Callable[..., None], arguments: tuple[Any, ...], share: Share) -> None:
    try:
        target(*arguments, share)
    except Exception:
        os._exit(1)  # its units are missing now: the parent makes them, and reports what is wrong


def default_workers(threads: int) -> int:
    """As many processes as fit the processors this one may use, at most four (each holds about 2 GB)."""
    return max(1, min(4, len(os.sched_getaffinity(0)) // threads))
