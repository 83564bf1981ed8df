"""The steps of a run, their shares, and what an executor is.

A plan is a file that never changes, named by the hash of its content. Any process on any machine that sees the home
folder can make any share of any step of it. Shares of one step do not depend on each other, and every file is written
whole or not at all, so it does not matter who makes which share, or whether a share is made twice.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Step(enum.StrEnum):
    """The steps of a run, in order: each needs the files of those before it."""

    PEOPLE = "people"
    SEGMENTATIONS = "segmentations"
    IMAGES = "images"
    GATHER = "gather"

    @property
    def is_shared(self) -> bool:
        """Whether several processes can each make a share of it."""
        return self in (Step.SEGMENTATIONS, Step.IMAGES)


@dataclass(frozen=True)
class Task:
    """One share of one step: every ``of``-th unit, from the ``number``-th on.

    Attributes:
        step: which step.
        number: which share, from 0.
        of: number of shares of this step.
    """

    step: Step
    number: int = 0
    of: int = 1

    def __str__(self) -> str:
        return f"{self.step} {self.number + 1}/{self.of}" if self.step.is_shared else str(self.step)


DoStep = Callable[[Path, str, int, int], None]
"""``do_step(plan, step, number, of)`` makes a share of a step: what is missing of it, and nothing that is stored.

It is a function of a module, so that another process can import it. It raises `UserError` where the user can help.
"""

Missing = Callable[[Path, Step], int]
"""How many units of a step are not stored yet; any upper bound will do where that is not known yet."""


class Executor(Protocol):
    """Makes the steps of a run: here, in processes beside this one, or as jobs of a scheduler."""

    def run(self, plan: Path, missing: Missing) -> list[str]:
        """Make all steps and wait for the last.

        Args:
            plan: the plan's file.
            missing: asked for each step when its tasks are made; a step without missing units gets no task.

        Returns:
            What went wrong although the run is complete, a line each: for example tasks that were lost, and whose share
            the last step made.

        Raises:
            UserError: the run is not complete; says which task failed, and where its log is.
        """


def tasks_of(plan: Path, step: Step, missing: Missing, jobs: int) -> list[Task]:
    """The tasks of a step: at most ``jobs``, never more than there are missing units; always one to gather."""
    if step is Step.GATHER:
        return [Task(step)]
    width = min(missing(plan, step), jobs if step.is_shared else 1)
    return [Task(step, number, width) for number in range(width)]
