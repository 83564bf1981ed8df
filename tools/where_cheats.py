"""What the metrics of *where* say of cheats: ``python tools/where_cheats.py --seed 12 oracle tissue-edit one-patch``.

Makes images of some generators for people of the phantom's AUD study (the quick cohort: 20 + 20), without measuring
their volumes, and prints a Markdown table. ``same-noise`` is the truth itself, ``noise-only`` the scan with fresh
noise.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pcgm_bench import registry
from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import TrueChange
from pcgm_bench.contracts import silent
from pcgm_bench.results.where import COLUMNS
from pcgm_bench.results.where import METRICS
from pcgm_bench.runner.fold_plan import FoldPlan
from pcgm_bench.runner.fold_plan import ImageTask
from pcgm_bench.runner.fold_plan import image_seed
from pcgm_bench.runner.fold_plan import tasks_in_order
from pcgm_bench.runner.generators import find_generator
from pcgm_bench.runner.people import People
from pcgm_bench.runner.people import find_people
from pcgm_bench.runner.people import plan_people
from pcgm_bench.runner.people import segment_people
from pcgm_bench.runner.request import RunRequest
from pcgm_bench.runner.resolve import resolve
from pcgm_bench.runner.segmented_cohort import SegmentedCohort
from pcgm_bench.runner.true_changes import chosen_tasks
from pcgm_bench.runner.true_changes import true_changes
from pcgm_bench.store import ImageKey
from pcgm_bench.store import default_home

SAME, ONLY = "same-noise", "noise-only"


@dataclass(frozen=True)
class Setting:
    """The people, what is asked of them, and the truth of it."""

    people: People
    cohort: SegmentedCohort
    folds: Sequence[FoldPlan]
    tasks: Sequence[ImageTask]
    truths: Sequence[TrueChange]


def main() -> None:
    """Make, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="+")
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--people", type=int, default=16)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    setting = make_setting(arguments.seed, arguments.people)
    band = np.mean([truth.band[truth.head].mean() for truth in setting.truths])
    print(f"Seed {arguments.seed}, {len(setting.truths)} images; the band is {100 * band:.0f} % of the head.\n")
    print("| row | " + " | ".join(column.heading for column in COLUMNS) + " |")
    print("|---" * (1 + len(COLUMNS)) + "|", flush=True)
    for row in arguments.rows:
        made = images_of(row, setting)
        estimates = {name: registry.get("metrics", name)()(setting.truths, made) for name in METRICS}
        cells = [cell(estimates[column.metric], column.part, column.digits) for column in COLUMNS]
        print(f"| {row} | " + " | ".join(cells) + " |", flush=True)


def make_setting(seed: int, people: int) -> Setting:
    """The quick cohort of the AUD study, segmented, and the truth of some of its counterfactuals."""
    request = RunRequest(
        method="copy-input", study="aud", home=default_home(), cohort=CohortRequest("phantom"), seed=seed, quick=True
    )
    found = find_people(resolve(request), silent)
    cohort = segment_people(found, silent)
    folds, _ = plan_people(found, cohort, check=False)
    tasks = chosen_tasks([tasks_in_order(folds)], cohort[0].image.size, people)
    return Setting(found, cohort, folds, tasks, true_changes(cohort, tasks, silent))


def images_of(row: str, setting: Setting) -> list[np.ndarray]:
    """The images of a generator, one a task."""
    people, seed = setting.people, setting.people.setup.request.seed
    if row == SAME:
        return [truth.oracle for truth in setting.truths]
    if row == ONLY:
        return [people.cohort.oracle(setting.cohort[task.index], {}, seed) for task in setting.tasks]
    generator = find_generator(row, default_home()).open("cpu")
    made: dict[ImageKey, np.ndarray] = {}
    for fold in setting.folds:
        mine = [task for task in setting.tasks if task.key.subject not in fold.train]
        if mine:
            generator.adapt(setting.cohort.subset(fold.train), Context(seed=seed, oracle=people.cohort.oracle))
        for task in mine:
            scan = setting.cohort[task.index]
            made[task.key] = generator.counterfactual(scan, task.do, image_seed(seed, row, task.key))
    return [made[task.key] for task in setting.tasks]


def cell(estimate: Estimate, part: str, digits: int) -> str:
    """``0.46 [0.43, 0.50]``, or why there is no value."""
    if estimate.reason:
        return estimate.reason
    one = estimate.parts[part] if part else estimate
    return f"{one.value:.{digits}f} [{one.low:.{digits}f}, {one.high:.{digits}f}]"


if __name__ == "__main__":
    main()
