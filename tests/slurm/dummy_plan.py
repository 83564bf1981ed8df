"""A plan of text files, in place of a run: the same steps, shares and rules, in milliseconds.

Jobs import this module, so it stands beside the tests and imports nothing but the package.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

from pcgm_bench.contracts import UserError
from pcgm_bench.runner.executors import Step
from pcgm_bench.store.atomic import write_json
from pcgm_bench.store.atomic import write_text

WAIT_SECONDS = 100.0
BEFORE = {Step.SEGMENTATIONS: Step.PEOPLE, Step.IMAGES: Step.SEGMENTATIONS, Step.GATHER: Step.IMAGES}


def write_plan(home: Path, units: int, waits: int | None = None, broken: str = "") -> Path:
    """A plan below ``home``; ``waits`` is an image that waits for `go_on`, ``broken`` a step that raises."""
    content = {"units": units, "waits": waits, "broken": broken}
    name = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    write_json(home / "plans" / f"{name}.json", content)
    return home / "plans" / f"{name}.json"


def run_folder(plan: Path) -> Path:
    """Where the files of the plan's run are."""
    return plan.parent.parent / "runs" / plan.stem


def go_on(plan: Path) -> None:
    """Let the image be made that waits."""
    plan.with_suffix(".go").touch()


def _wait(plan: Path) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not plan.with_suffix(".go").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def unit_files(plan: Path, step: str) -> list[Path]:
    """The files of a step, in the plan's order."""
    if step in (Step.SEGMENTATIONS, Step.IMAGES):
        return [run_folder(plan) / f"{step}-{unit}.txt" for unit in range(json.loads(plan.read_text())["units"])]
    return [run_folder(plan) / f"{step}.txt"]


def missing(plan: Path, step: Step) -> int:
    """How many files of a step are not there."""
    return sum(not path.exists() for path in unit_files(plan, step))


def do_step(plan: Path, step: str, number: int, of: int) -> None:
    """Make a share of a step; a file reads all files of the step before, as a method reads all segmentations."""
    content = json.loads(plan.read_text())
    if step == content["broken"]:
        raise UserError(f"{step} cannot be made: the plan is broken on purpose")
    if step == Step.GATHER and (lost := missing(plan, Step.IMAGES)):
        raise UserError(f"{lost} images are missing; the same command makes them")
    before = BEFORE.get(Step(step))
    for path in unit_files(plan, step)[number::of]:
        if path.exists():
            continue
        if step == Step.IMAGES and path.name == f"images-{content['waits']}.txt":
            _wait(plan)
        read = [each.read_text() for each in unit_files(plan, before)] if before else []
        write_text(path, hashlib.sha256("\n".join([path.name, *read]).encode()).hexdigest())


def make_all(plan: Path) -> None:
    """The whole run in this process."""
    for step in Step:
        do_step(plan, step.value, 0, 1)
