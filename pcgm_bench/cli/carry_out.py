"""Carry a run out here, as a share, or on a cluster; then draw and print it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pcgm_bench.cli import options
from pcgm_bench.printable import printable

if TYPE_CHECKING:
    from pcgm_bench.runner.request import RunRequest
    from pcgm_bench.runner.run import RunResult

EXECUTORS = ("local", "slurm")


@dataclass(frozen=True)
class Cluster:
    """How the work is shared out.

    Attributes:
        executor: ``local`` or ``slurm``.
        shard: ``i/N``: make this share only.
        jobs: tasks of a step at most.
        partition: of SLURM.
        gpus_per_task: likewise.
        constraint: features of a node.
        minutes: time limit of a task.
        memory: of a task.
    """

    executor: str = "local"
    shard: str | None = None
    jobs: int = 4
    partition: str = ""
    gpus_per_task: int = 0
    constraint: str = ""
    minutes: int = 240
    memory: str = "8GB"


def carry_out(request: RunRequest, workers: int | None, cluster: Cluster, *, quiet: bool) -> None:
    """Do a run and print its tables; exit code 1 where the method failed and the other rows are there."""
    from pcgm_bench.cli.printing import print_run
    from pcgm_bench.progress import Reporter
    from pcgm_bench.runner.executors.local import default_workers
    from pcgm_bench.runner.plan import write_plan
    from pcgm_bench.runner.resolve import resolve
    from pcgm_bench.runner.run import run
    from pcgm_bench.runner.tasks import do_task
    from pcgm_bench.runner.tasks import is_finished
    from pcgm_bench.runner.tasks import most_missing

    if cluster.executor not in EXECUTORS:
        raise options.user_error(f"--executor {cluster.executor}: use {' or '.join(EXECUTORS)}")
    with Reporter(quiet=quiet) as progress:
        if cluster.shard is not None:
            from pcgm_bench.runner.executors import do_shard
            from pcgm_bench.runner.executors import parse_shard

            number, of = parse_shard(cluster.shard)
            do_shard(write_plan(resolve(request)), do_task, number, of)
            print(f"share {cluster.shard} is made; when all are, give the command without --shard")
            return
        if cluster.executor == "slurm":
            from pcgm_bench.runner.executors import Resources
            from pcgm_bench.runner.executors import SlurmExecutor

            plan = write_plan(resolve(request))
            if not is_finished(plan):
                resources = Resources(
                    cpus_per_task=request.threads,
                    minutes=cluster.minutes,
                    memory=cluster.memory,
                    partition=cluster.partition,
                    gpus_per_task=cluster.gpus_per_task,
                    constraint=cluster.constraint,
                )
                executor = SlurmExecutor(
                    request.home, do_task, jobs=cluster.jobs, resources=resources, progress=progress
                )
                for problem in executor.run(plan, most_missing):
                    print(f"pcgm-bench: {problem}", file=sys.stderr)
        result = run(request, progress, workers or default_workers(request.threads))
    problem = drawn(result)
    print_run(result)
    if problem:
        print(f"pcgm-bench: {printable(problem)}", file=sys.stderr)
    if result.failure:
        print(f"pcgm-bench: {result.failure}", file=sys.stderr)
        sys.exit(1)


def drawn(result: RunResult) -> str:
    """Draw figures and report of a run; returns why not all are there, which is no reason to hold back its tables."""
    from pcgm_bench.contracts import UserError
    from pcgm_bench.report.page.write import run_report
    from pcgm_bench.report.run_figures import run_figures

    try:
        run_figures(result)
        run_report(result)
    except UserError as error:
        return f"not all figures are drawn: {error}"
    return ""
