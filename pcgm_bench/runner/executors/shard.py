"""``run --shard i/N``: one share of a run, for a scheduler that we do not know, or for a list of machines.

No share holds the run's lock or computes scores. When all are done, the command without ``--shard`` does that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pcgm_bench.contracts import UserError
from pcgm_bench.runner.executors.interface import DoStep
from pcgm_bench.runner.executors.interface import Step

STEPS = (Step.PEOPLE, Step.SEGMENTATIONS, Step.IMAGES)


def parse_shard(text: str) -> tuple[int, int]:
    """``number`` (from 0) and ``of``, of text that counts from 1.

    >>> parse_shard("3/8")
    (2, 8)

    Raises:
        UserError: it is no share.
    """
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UserError(f"--shard {text}: give i/N with i from 1 to N, for example 1/8")
    return int(match[1]) - 1, int(match[2])


def do_shard(plan: Path, do_step: DoStep, number: int, of: int, steps: Sequence[Step] = STEPS) -> None:
    """Make share ``number`` of ``of`` of each step in turn; raises as ``do_step``.

    The people are not shared: whichever share comes first makes them, and the others find them.
    """
    for step in steps:
        do_step(plan, step.value, *((number, of) if step.is_shared else (0, 1)))
