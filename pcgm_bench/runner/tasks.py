"""Any share of any step of a run, the last one included: what jobs of a scheduler do."""

from __future__ import annotations

from pathlib import Path

from pcgm_bench.runner.executors.interface import Step
from pcgm_bench.runner.plan import check_code
from pcgm_bench.runner.plan import read_plan
from pcgm_bench.runner.resolve import resolve
from pcgm_bench.runner.run import run
from pcgm_bench.runner.steps import make_share
from pcgm_bench.store import atomic

MANY = 1_000_000
"""Stands for a number that is not known before the people are there."""


def do_task(plan: Path, step: str, number: int, of: int) -> None:
    """A share of a step; the last step makes what is still missing, and scores.

    Args:
        plan: the plan's file.
        step: a `Step`.
        number: which share, from 0.
        of: number of shares.

    Raises:
        UserError: as `run`; or the code is not the plan's.
        PluginError: as `run`.
    """
    if step != Step.GATHER:
        make_share(plan, step, number, of)
        return
    request, code = read_plan(plan)
    check_code(resolve(request), code, plan)
    result = run(request)
    atomic.write_text(_finished(plan), f"{result.folder.identity.key}\n")


def most_missing(_plan: Path, step: Step) -> int:
    """How many files of a step are not there, at most: the machine that submits need not open the cohort to know."""
    return MANY if step.is_shared else 1


def is_finished(plan: Path) -> bool:
    """Whether the last step of a plan has been done: then nothing has to be submitted."""
    return _finished(plan).exists()


def _finished(plan: Path) -> Path:
    return plan.with_suffix(".finished")
