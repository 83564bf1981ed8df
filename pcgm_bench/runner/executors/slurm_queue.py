"""What SLURM's queue says about jobs; works without accounting (``sacct``)."""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Protocol

from pcgm_bench.contracts import UserError

ENDED = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "REVOKED",
        "TIMEOUT",
    }
)
"""States of a job that will not run again; a job that waits to run again after preemption is PENDING."""
TRIES = 5
TRY_SECONDS = 10.0
TIMEOUT_SECONDS = 60.0


class Queue(Protocol):
    """What the executor asks of a queue."""

    def states(self, names: Iterable[str]) -> Mapping[str, str]:
        """State of the jobs with these names, by job number (``12``, or ``12_3`` in an array).

        Jobs that have ended may be listed or not: SLURM forgets them after some minutes.
        """

    def cancel(self, jobs: Sequence[str]) -> None:
        """End these jobs."""


class SlurmQueue:
    """The queue that ``squeue`` shows."""

    def states(self, names: Iterable[str]) -> dict[str, str]:
        """See `Queue`.

        Raises:
            UserError: ``squeue`` is missing, or does not answer several times in a row.
        """
        command = ["squeue", "--noheader", "--array", "--states=all", "--format=%i %T", f"--name={','.join(names)}"]
        for attempt in range(TRIES):
            if attempt:
                time.sleep(TRY_SECONDS)
            problem, text = _answer(command)
            if not problem:
                return dict(line.split(maxsplit=1) for line in text.splitlines() if line.strip())
            logging.getLogger(__name__).info("squeue: %s", problem)
        raise UserError(
            f"squeue does not answer ({problem}); the jobs go on, and the same command waits for them again"
        )

    def cancel(self, jobs: Sequence[str]) -> None:
        """See `Queue`."""
        if jobs:
            _answer(["scancel", "--quiet", *jobs])


def alive(states: Mapping[str, str]) -> list[str]:
    """Numbers of the jobs that wait or run."""
    return [job for job, state in states.items() if state not in ENDED]


def _answer(command: Sequence[str]) -> tuple[str, str]:
    """What is wrong (empty if nothing), and standard output."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except FileNotFoundError as error:
        raise UserError(f"no {command[0]} here: give --executor slurm on a machine that submits jobs") from error
    except subprocess.TimeoutExpired:
        return f"no answer in {TIMEOUT_SECONDS:.0f} s", ""
    return (done.stderr.strip() or f"exit status {done.returncode}") if done.returncode else "", done.stdout
