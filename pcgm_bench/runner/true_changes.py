"""Truths of some of a run's counterfactuals, for metrics that ask where an image has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import PARCELS
from pcgm_bench.anatomy import TISSUES
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import TrueChange
from pcgm_bench.contracts import UserError
from pcgm_bench.nearest_parcel import nearest_parcel
from pcgm_bench.runner.fold_plan import REGIONS
from pcgm_bench.runner.fold_plan import ImageTask

MOST_IMAGES = 40
"""Counterfactuals of a run whose truth is made: a truth takes as long as three phantoms."""
MOST_VOXELS = 40_000_000
"""Of all truths together (a voxel takes 13 bytes): at 1 mm there are 7 of them."""
CHANGED = 0.01
"""A voxel is in the band where the share of a tissue changes by more than this."""
PURE = 0.9
"""A voxel of one tissue has at least so much of it."""
AWAY = 2
"""Voxels between the band and what counts as away from it."""
CORTEX = len(TISSUES)
"""First channel of the lobes; stands for all of them."""
CUBE = np.ones((3, 3, 3), bool)


@dataclass(frozen=True)
class TrueTasks:
    """Some of a run's counterfactuals, and the truth of each.

    Attributes:
        tasks: which, in order.
        truths: one each.
        voxel_mm: edge of a voxel.
        reason: why there are none; empty where there are some.
    """

    tasks: Sequence[ImageTask] = ()
    truths: Sequence[TrueChange] = ()
    voxel_mm: float = 0.0
    reason: str = ""


def true_tasks(cohort: Cohort, rows: Sequence[Sequence[ImageTask]], progress: Progress) -> TrueTasks:
    """Choose counterfactuals that every row has made, and make their truth.

    Args:
        cohort: the people.
        rows: tasks of every row with images.
        progress: told (what, done, total).
    """
    asks_regions = all(set(task.do) <= set(REGIONS) for row in rows for task in row)
    if not (cohort.has_region_truth if asks_regions else cohort.has_truth):
        return TrueTasks(reason="the true counterfactual of these people is not known")
    if not rows or not all(rows):
        return TrueTasks(reason="there is a row without images")
    scan = cohort[rows[0][0].index]
    tasks = chosen_tasks(rows, scan.image.size)
    if not tasks:
        return TrueTasks(reason="the rows share no image of a change that was asked for")
    voxel_mm = float(np.cbrt(abs(np.linalg.det(scan.affine[:3, :3]))))
    try:
        return TrueTasks(tasks, true_changes(cohort, tasks, progress), voxel_mm)
    except UserError as error:  # a cohort may know the true image, and not the true anatomy
        return TrueTasks(reason=str(error))


def chosen_tasks(rows: Sequence[Sequence[ImageTask]], voxels: int, most: int = MOST_IMAGES) -> list[ImageTask]:
    """Tasks that every row has and in which something is asked; every kind of request as often as the others.

    Args:
        rows: tasks of every row.
        voxels: of an image.
        most: how many at most.
    """
    shared = set.intersection(*({task.key for task in row} for row in rows)) if rows else set()
    groups: dict[str, list[ImageTask]] = {}
    for task in rows[0] if rows else ():
        if task.key in shared and task.do:
            groups.setdefault(task.key.description, []).append(task)
    most = min(most, max(1, MOST_VOXELS // voxels))
    # Round after round one of every group, in a random order that is always the same.
    rng = np.random.default_rng(29)
    shuffled = [[groups[name][place] for place in rng.permutation(len(groups[name]))] for name in sorted(groups)]
    longest = max(map(len, shuffled), default=0)
    dealt = [group[turn] for turn in range(longest) for group in shuffled if turn < len(group)]
    return sorted(dealt[:most], key=lambda task: (task.index, task.key.stem))


def true_changes(cohort: Cohort, tasks: Sequence[ImageTask], progress: Progress) -> list[TrueChange]:
    """The truth of every task, in order.

    Raises:
        UserError: the cohort has no truth.
    """
    truths = []
    for done, task in enumerate(tasks):
        progress("true changes", done, len(tasks))
        scan = cohort[task.index]
        before, after = cohort.truth(scan, {}), cohort.truth(scan, task.do)
        oracle = cohort.oracle(scan, task.do, None)
        truths.append(true_change(task.key.subject, task.key.stem, (scan.image, oracle), before, after))
    progress("true changes", len(tasks), len(tasks))
    return truths


def true_change(
    subject: str, name: str, images: tuple[np.ndarray, np.ndarray], before: Segmentation, after: Segmentation
) -> TrueChange:
    """Where the truth changes, and where it does not.

    Args:
        subject: BIDS label.
        name: of the image.
        images: the scan, and the oracle with the scan's own noise, ``(X, Y, Z)``.
        before: true anatomy of the scan.
        after: true anatomy of the counterfactual.
    """
    factual, oracle = images
    changed = np.zeros(factual.shape, bool)
    for old, new in zip(before.fractions, after.fractions, strict=True):
        changed |= np.abs(new - old) > CHANGED
    band = ndi.binary_dilation(changed)
    away = ~ndi.binary_dilation(band, CUBE, iterations=AWAY)
    return TrueChange(
        subject=subject,
        name=name,
        factual=np.asarray(factual, np.float32),
        oracle=np.asarray(oracle, np.float32),
        head=(before.fractions[0] < 0.5) | (after.fractions[0] < 0.5),
        band=band,
        tissue=_tissue(before.fractions, away),
        parcels=_territories(before.labels),
    )


def _tissue(fractions: np.ndarray, away: np.ndarray) -> np.ndarray:
    """Index of the channel that fills a voxel; -1 in the background, near the band and where tissues mix."""
    tissue = np.full(away.shape, -1, np.int8)
    for channel in range(1, len(TISSUES)):
        tissue[fractions[channel] >= PURE] = channel
    tissue[fractions[CORTEX : len(CHANNELS)].sum(axis=0) >= PURE] = CORTEX
    return np.where(away, tissue, np.int8(-1)).astype(np.int8)


def _territories(labels: np.ndarray) -> np.ndarray:
    """The parcel of every cortical voxel and of the voxels that touch it; 0 elsewhere."""
    cortex = np.isin(labels, list(PARCELS.values()))
    return np.where(ndi.binary_dilation(cortex, CUBE), nearest_parcel(labels), 0).astype(np.int16)
