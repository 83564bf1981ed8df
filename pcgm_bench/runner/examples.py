"""A few people of a run to look at; their images are read when asked for."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from pcgm_bench.contracts import Job
from pcgm_bench.contracts import Study
from pcgm_bench.runner.fold_plan import FoldPlan
from pcgm_bench.runner.fold_plan import ImageTask
from pcgm_bench.runner.fold_plan import tasks_in_order
from pcgm_bench.runner.images_of import image_of
from pcgm_bench.runner.segmented_cohort import SegmentedCohort
from pcgm_bench.runner.segmented_cohort import keys_of
from pcgm_bench.store import DerivativeFolder
from pcgm_bench.store import ImageKey

PEOPLE = 2
"""People of each diagnosis that a run shows in pictures."""
BRAINS = 4
"""New brains that a run shows in pictures, beside as many real ones."""


@dataclass(frozen=True)
class Example:
    """One person to look at.

    Attributes:
        key: whose scan, under which intervention.
        factual: the scan.
        labels: how it was segmented; gives None where only volumes were measured.
        images: row -> its image.
    """

    key: ImageKey
    factual: Callable[[], np.ndarray]
    labels: Callable[[], np.ndarray | None]
    images: Mapping[str, Callable[[], np.ndarray]]


def examples(
    study: Study,
    cohort: SegmentedCohort,
    folds: Sequence[FoldPlan],
    plans: Mapping[str, Sequence[FoldPlan]],
    folders: Mapping[str, DerivativeFolder],
    seed: int,
) -> list[Example]:
    """The first `PEOPLE` of every diagnosis that a study intervenes on, or the first `BRAINS`, with every row's image.

    Args:
        study: the protocol.
        cohort: the factual scans.
        folds: what the study asks.
        plans: row -> what it was asked.
        folders: rows with images.
        seed: of the run.
    """
    tasks = tasks_in_order(folds)
    asked = {row: {task.key for fold in plans[row] for task in fold.tasks} for row in folders}

    def example(task: ImageTask, factual: int) -> Example:
        images = {
            row: partial(folder.read_image, task.key) for row, folder in folders.items() if task.key in asked[row]
        }
        return Example(task.key, partial(image_of, cohort, factual), partial(labels_of, cohort, factual), images)

    if study.job is Job.SAMPLE:
        reference = study.real_rows(cohort.table, seed)
        return [example(task, reference[task.index]) for task in tasks[:BRAINS]]
    chosen: list[Example] = []
    seen: dict[str, int] = {}
    for task in tasks:
        diagnosis = str(cohort.table["diagnosis"].iloc[task.index])
        seen[diagnosis] = seen.get(diagnosis, 0) + 1
        if seen[diagnosis] <= PEOPLE:
            chosen.append(example(task, task.index))
    return chosen


def labels_of(cohort: SegmentedCohort, index: int) -> np.ndarray | None:
    """The label map of a row of the cohort's table, ``(X, Y, Z)``; None where only volumes were measured."""
    if not cohort.folder.has_labels(keys_of(cohort.table)[index]):
        return None
    segmentation = cohort[index].segmentation
    assert segmentation is not None
    return segmentation.labels
