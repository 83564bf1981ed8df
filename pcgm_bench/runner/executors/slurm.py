"""A run as jobs of SLURM, through submitit: people -> segmentations -> images -> gather, each after the one before.

The steps are job arrays with the dependency ``afterany``: a task that is lost does not hold up the last step, which
says, or makes, what is missing. Which tasks are done is known from files that they write, not from SLURM's accounting.
submitit keeps the function and the path of the plan as a pickle in ``<home>/slurm/``, and reads it back in the job;
nothing of a run is stored so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import UserError
from pcgm_bench.contracts import silent
from pcgm_bench.runner.executors.interface import DoStep
from pcgm_bench.runner.executors.interface import Missing
from pcgm_bench.runner.executors.interface import Step
from pcgm_bench.runner.executors.interface import tasks_of
from pcgm_bench.runner.executors.slurm_queue import Queue
from pcgm_bench.runner.executors.slurm_queue import SlurmQueue
from pcgm_bench.runner.executors.slurm_queue import alive
from pcgm_bench.runner.executors.slurm_resources import Resources
from pcgm_bench.runner.executors.slurm_submitit import open_submitit
from pcgm_bench.runner.executors.slurm_submitit import outside_job
from pcgm_bench.runner.executors.submission import JobFolder
from pcgm_bench.runner.executors.submission import SubmittedTask
from pcgm_bench.runner.executors.task_report import ReportingTask

if TYPE_CHECKING:
    from submitit import Executor as SubmititExecutor

POLL_SECONDS = 5.0
SETTLE_SECONDS = 20.0
"""A network file system may show another machine's file this much later."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SlurmExecutor:
    """Submits a run's steps and waits for them; see `pcgm_bench.runner.executors.interface.Executor`.

    Attributes:
        home: all machines must see it under this path.
        do_step: makes a share of a step.
        jobs: most tasks of a step.
        resources: what each task asks for.
        progress: told how many tasks of a step are done.
        poll_seconds: between two questions to the queue.
        queue: SLURM's, or a test's.
        open_submitit: opens submitit for a folder.
    """

    home: Path
    do_step: DoStep
    jobs: int
    resources: Resources = field(default_factory=Resources)
    progress: Progress = silent
    poll_seconds: float = POLL_SECONDS
    queue: Queue = field(default_factory=SlurmQueue)
    open_submitit: Callable[[Path], SubmititExecutor] = open_submitit

    def folder(self, plan: Path) -> JobFolder:
        """Where submissions, reports and logs of a plan are."""
        return JobFolder(self.home / "slurm" / plan.stem)

    def run(self, plan: Path, missing: Missing) -> list[str]:
        """Wait for the plan's jobs if there are any, else submit what is missing and wait for that.

        Returns and raises as `Executor.run`. If this process is killed, the jobs go on.
        """
        folder = self.folder(plan)
        if jobs := alive(self.queue.states(folder.job_names.values())):
            log.info("%d jobs of this run wait or run already: waiting for them", len(jobs))
            problems, complete = self.wait(folder, folder.read())
            if complete:
                return problems
        problems, complete = self.wait(folder, self.submit(plan, missing))
        if complete:
            return problems
        first, *others = problems or [f"no job has gathered the run; see {folder.root}"]
        also = f"\nand {len(others)} more: {', '.join(text.split(' (job')[0] for text in others)}" if others else ""
        raise UserError(f"the run is not complete; the same command makes what is missing.\n{first}{also}")

    def submit(self, plan: Path, missing: Missing) -> list[SubmittedTask]:
        """Give the tasks of all steps to SLURM, each step after the one before; returns the tasks with their jobs.

        Raises:
            UserError: there is no SLURM, or it refuses a job; then none is left in the queue.
        """
        folder, submitted = self.folder(plan), list[SubmittedTask]()
        executor = self.open_submitit(folder.root)
        folder.clear_reports()
        after = ""
        try:
            for step in Step:
                tasks = tasks_of(plan, step, missing, self.jobs)
                if not tasks:
                    continue
                executor.update_parameters(
                    **self.resources.parameters(step),
                    job_name=folder.job_names[step],
                    array_parallelism=self.jobs,
                    dependency=f"afterany:{after}" if after else None,
                )
                work = [ReportingTask(self.do_step, plan, task, folder.report_path(task)) for task in tasks]
                with outside_job():
                    ids = [job.job_id for job in executor.submit_array(work)]
                submitted += [SubmittedTask(task, number) for task, number in zip(tasks, ids, strict=True)]
                folder.write(submitted)
                after = ids[0].partition("_")[0]
        except BaseException as error:
            self.queue.cancel(_main_numbers(submitted))
            if not isinstance(error, Exception):
                raise
            raise UserError(f"SLURM refuses the job: {error}") from error
        log.info("submitted %d tasks as jobs %s", len(submitted), ", ".join(_main_numbers(submitted)))
        return submitted

    def wait(self, folder: JobFolder, submitted: Sequence[SubmittedTask]) -> tuple[list[str], bool]:
        """Wait until no job of the plan waits or runs.

        Returns:
            What went wrong, a text for each task; and whether the last step is done.
        """
        names, seen = list(folder.job_names.values()), dict[str, str]()
        while True:
            states = self.queue.states(names)
            seen.update(states)
            self._show(folder, submitted)
            if not alive(states):
                break
            time.sleep(self.poll_seconds)
        gather = [each for each in submitted if each.task.step is Step.GATHER]
        deadline = time.monotonic() + SETTLE_SECONDS
        while None in folder.reports(gather).values() and time.monotonic() < deadline:
            if any(seen.get(each.job, "COMPLETED") != "COMPLETED" for each in gather):
                break  # it was lost, so no report will come
            time.sleep(min(1.0, self.poll_seconds))
        reports = folder.reports(gather)
        complete = bool(reports) and all(report is not None and not report.error for report in reports.values())
        self._show(folder, submitted)
        return folder.problems(submitted, seen), complete

    def _show(self, folder: JobFolder, submitted: Sequence[SubmittedTask]) -> None:
        reports = folder.reports(submitted)
        for step in Step:
            ended = [report is not None for each, report in reports.items() if each.task.step is step]
            if ended:
                self.progress(f"{step} (tasks)", sum(ended), len(ended))


def _main_numbers(submitted: Sequence[SubmittedTask]) -> list[str]:
    """Numbers of jobs and of whole arrays, in order."""
    return list(dict.fromkeys(each.job.partition("_")[0] for each in submitted))
