"""What a task writes when it ends, so that the command that waits knows: a cluster without accounting does not say."""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pcgm_bench.contracts import UserError
from pcgm_bench.runner.executors.interface import DoStep
from pcgm_bench.runner.executors.interface import Task
from pcgm_bench.store.atomic import write_json

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission


@dataclass(frozen=True)
class TaskReport:
    """How a task ended.

    Attributes:
        host: name of the machine.
        pid: process number there.
        seconds: from start to end.
        error: one line; empty if the task is done.
    """

    host: str
    pid: int
    seconds: float
    error: str


def read_report(path: Path) -> TaskReport | None:
    """The report of a task; None if it has not ended, or was killed."""
    try:
        return TaskReport(**json.loads(path.read_text("utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


@dataclass(frozen=True)
class ReportingTask:
    """A task as a job runs it; submitit stores this object with pickle.

    Attributes:
        do_step: function of a module.
        plan: the plan's file.
        task: the share to make.
        report: file to write at the end. None is written if the process is killed.
    """

    do_step: DoStep
    plan: Path
    task: Task
    report: Path

    def __call__(self) -> None:
        """Make the share."""
        started = time.monotonic()
        try:
            self.do_step(self.plan, self.task.step.value, self.task.number, self.task.of)
        except Exception as error:  # SystemExit is submitit's: it puts the task into the queue again
            self._write(started, str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}")
            raise
        self._write(started, "")

    def checkpoint(self) -> DelayedSubmission:
        """What submitit asks for before it puts a task that is out of time, or preempted, into the queue again."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def _write(self, started: float, error: str) -> None:
        seconds = round(time.monotonic() - started, 2)
        write_json(self.report, asdict(TaskReport(socket.gethostname(), os.getpid(), seconds, error)))
