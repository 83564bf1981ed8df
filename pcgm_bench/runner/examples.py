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
from pcgm_bench.contracts import UserError
from pcgm_bench.runner.fold_plan import SAMPLE
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
        truth: the true counterfactual with the scan's own noise; gives None where it is not known.
        affine: voxels to mm, ``(4, 4)``.
        diagnosis: of the factual scan; empty beside a new brain.
    """

    key: ImageKey
    factual: Callable[[], np.ndarray]
    labels: Callable[[], np.ndarray | None]
    images: Mapping[str, Callable[[], np.ndarray]]
    truth: Callable[[], np.ndarray | None] = lambda: None
    affine: Callable[[], np.ndarray] = lambda: np.eye(4)
    diagnosis: str = ""


def everybody(
    study: Study,
    cohort: SegmentedCohort,
    folds: Sequence[FoldPlan],
    plans: Mapping[str, Sequence[FoldPlan]],
    folders: Mapping[str, DerivativeFolder],
    seed: int,
) -> list[Example]:
    """Every image that a study asks for, in order, with every row's image of it; nothing is read yet.

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

    def example(task: ImageTask, factual: int, truth: Callable[[], np.ndarray | None], diagnosis: str = "") -> Example:
        images = {
            row: partial(folder.read_image, task.key) for row, folder in folders.items() if task.key in asked[row]
        }
        scan, labels = partial(image_of, cohort, factual), partial(labels_of, cohort, factual)
        return Example(task.key, scan, labels, images, truth, partial(affine_of, cohort, factual), diagnosis)

    if study.job is Job.SAMPLE:
        reference = study.real_rows(cohort.table, seed)
        return [example(task, reference[task.index % len(reference)], lambda: None) for task in tasks]
    diagnoses = cohort.table["diagnosis"].astype(str).to_list()
    return [example(task, task.index, partial(truth_of, cohort, task), diagnoses[task.index]) for task in tasks]


def examples(images: Sequence[Example]) -> list[Example]:
    """The first `PEOPLE` of every diagnosis, or the first `BRAINS`, of what `everybody` gives."""
    chosen: list[Example] = []
    seen: dict[str, int] = {}
    for example in images:
        most = BRAINS if example.key.description == SAMPLE else PEOPLE
        seen[example.diagnosis] = seen.get(example.diagnosis, 0) + 1
        if seen[example.diagnosis] <= most:
            chosen.append(example)
    return chosen


def truth_of(cohort: SegmentedCohort, task: ImageTask) -> np.ndarray | None:
    """The true counterfactual of a task, with the noise of the factual scan; None where it is not known."""
    try:
        return cohort.oracle(cohort[task.index], task.do, None)
    except UserError:
        return None


def affine_of(cohort: SegmentedCohort, index: int) -> np.ndarray:
    """Of a row of the cohort's table, ``(4, 4)``."""
    return cohort[index].affine


def labels_of(cohort: SegmentedCohort, index: int) -> np.ndarray | None:
    """The label map of a row of the cohort's table, ``(X, Y, Z)``; None where only volumes were measured."""
    if not cohort.folder.has_labels(keys_of(cohort.table)[index]):
        return None
    segmentation = cohort[index].segmentation
    assert segmentation is not None
    return segmentation.labels
