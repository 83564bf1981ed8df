"""Which jobs were submitted for a plan, how far they are, and what went wrong in which of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path

from pcgm_bench.runner.executors.interface import Step
from pcgm_bench.runner.executors.interface import Task
from pcgm_bench.runner.executors.task_report import TaskReport
from pcgm_bench.runner.executors.task_report import read_report
from pcgm_bench.store.atomic import write_json

TAIL_LINES = 12


@dataclass(frozen=True)
class SubmittedTask:
    """A task and its job.

    Attributes:
        task: the share.
        job: SLURM's number, ``12``, or ``12_3`` in an array.
    """

    task: Task
    job: str


@dataclass(frozen=True)
class JobFolder:
    """Files about the jobs of a plan: what was submitted, reports of tasks, and submitit's logs.

    Attributes:
        root: ``<home>/slurm/<hash of the plan>``; all machines must see it.
    """

    root: Path

    @property
    def job_names(self) -> dict[Step, str]:
        """Name of each step's jobs in the queue: no other plan or home folder has the same."""
        key = hashlib.sha256(str(self.root.resolve()).encode()).hexdigest()[:12]
        return {step: f"pcgm-{key}-{step}" for step in Step}

    def report_path(self, task: Task) -> Path:
        """Where a task writes its report."""
        return self.root / f"{task.step}-{task.number}-of-{task.of}.json"

    def clear_reports(self) -> None:
        """Forget how earlier jobs ended."""
        for path in self.root.glob("*-of-*.json"):
            path.unlink(missing_ok=True)

    def write(self, submitted: Sequence[SubmittedTask]) -> None:
        """Note the jobs, so that a later command can wait for them."""
        write_json(self._file, [{"job": each.job, **asdict(each.task)} for each in submitted])

    def read(self) -> list[SubmittedTask]:
        """The jobs that were noted last; none if there are none."""
        try:
            entries = json.loads(self._file.read_text("utf-8"))
        except FileNotFoundError:
            return []
        return [SubmittedTask(Task(Step(row["step"]), row["number"], row["of"]), row["job"]) for row in entries]

    def reports(self, submitted: Sequence[SubmittedTask]) -> dict[SubmittedTask, TaskReport | None]:
        """How each task ended; None if it has not, or was killed."""
        return {each: read_report(self.report_path(each.task)) for each in submitted}

    def log(self, each: SubmittedTask) -> Path:
        """Standard error of a task (submitit's name for it)."""
        return self.root / f"{each.job}_0_log.err"

    def problems(self, submitted: Sequence[SubmittedTask], states: Mapping[str, str]) -> list[str]:
        """A text for each task that failed or was lost, in the order of the steps, with job, log and its last lines.

        Args:
            submitted: the tasks.
            states: what the queue said last, by job.
        """
        texts = []
        for each, report in self.reports(submitted).items():
            if report is not None and not report.error:
                continue
            if report is not None:
                what = f"failed on {report.host}: {report.error}"
            else:
                what = (
                    f"was lost ({states.get(each.job, 'state unknown')}): cancelled, preempted, out of time or memory"
                )
            texts.append(f"{each.task} (job {each.job}) {what}; log: {self.log(each)}{_tail(self.log(each))}")
        return texts

    @property
    def _file(self) -> Path:
        return self.root / "submitted.json"


def _tail(path: Path) -> str:
    """The last lines of a log, indented; empty if there are none."""
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()[-TAIL_LINES:]
    except OSError:
        return ""
    return "".join(f"\n    {line}" for line in lines)
