"""The first two steps of a run: who is in it, and what was measured on their scans."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import SegmenterOptions
from pcgm_bench.runner.calling import calling
from pcgm_bench.runner.fold_plan import FoldPlan
from pcgm_bench.runner.fold_plan import plan_study
from pcgm_bench.runner.image_folder import cut_to_files
from pcgm_bench.runner.image_folder import find_files
from pcgm_bench.runner.quality_gate import PoorScan
from pcgm_bench.runner.quality_gate import gate
from pcgm_bench.runner.request import Share
from pcgm_bench.runner.resolve import Setup
from pcgm_bench.runner.resolve import open_people
from pcgm_bench.runner.resolve import open_ruler
from pcgm_bench.runner.resolve import planned_people
from pcgm_bench.runner.resolve import usable_rows
from pcgm_bench.runner.segmentation import Ruler
from pcgm_bench.runner.segmentation import segment_cohort
from pcgm_bench.runner.segmented_cohort import SegmentedCohort

if TYPE_CHECKING:
    import pandas as pd

SCANS_LOOKED_AT = 4
"""Scans whose intensities say what the scale of the real ones is."""
Helped = Callable[[Callable[[], object]], AbstractContextManager[Share]]


@dataclass(frozen=True)
class People:
    """The people of a run, and what measures them.

    Attributes:
        setup: of the run, without rows that this cohort or this segmenter rules out.
        cohort: the scans.
        ruler: the segmenter.
    """

    setup: Setup
    cohort: Cohort
    ruler: Ruler


def find_people(setup: Setup, progress: Progress) -> People:
    """Open the cohort (made if it is not there) and the segmenter.

    Raises:
        UserError: either is not to be had, the method cannot run on them, or the people are too few for the study.
    """
    request = setup.request
    _refuse_few(setup, planned_people(setup))  # people who are too few are told before a phantom is drawn
    cohort = open_people(setup, progress)
    _refuse_few(setup, cohort.table)
    options = SegmenterOptions(request.home, cohort, request.segmentations, request.device, request.threads)
    ruler = open_ruler(request.segmenter, options)
    metrics = setup.metrics.judging(ruler.segmenter.qc_score, request.qc_threshold)
    return People(usable_rows(dataclasses.replace(setup, metrics=metrics), cohort, ruler), cohort, ruler)


def _refuse_few(setup: Setup, table: pd.DataFrame | None) -> None:
    """Ask the study for its folds, to hear of people who are too few before any work."""
    if table is not None:
        with calling(setup.study_plugin, "dealing people into folds"):
            setup.study.folds(table, setup.request.seed)


def segment_people(
    people: People, progress: Progress, helped: Helped | None = None
) -> tuple[People, SegmentedCohort, tuple[PoorScan, ...]]:
    """Measure what has not been measured, and leave poor scans out.

    Returns:
        The people that stay, their scans, and the scans below the bars; raises as `segment_cohort` and `gate`.
    """
    segmented = segment_cohort(people.cohort, people.ruler, progress, helped)
    gated = gate(segmented, people.ruler.segmenter.qc_score, keep=people.setup.request.keep_poor_scans)
    return dataclasses.replace(people, cohort=gated.cohort), gated.segmented, gated.poor


def plan_people(people: People, cohort: SegmentedCohort, *, check: bool) -> tuple[list[FoldPlan], list[str]]:
    """What is asked of whom, fold by fold, and remarks; cut to the images that are there, if a folder is scored.

    Args:
        people: of the run.
        cohort: the same, segmented.
        check: read every given image first; processes that help need not do it again.

    Raises:
        UserError: the people are not those that the study needs, or images are missing or damaged.
        PluginError: the study's folds, interventions or chains contradict each other.
    """
    setup = people.setup
    request = setup.request
    with calling(setup.study_plugin, "planning"):
        folds = plan_study(cohort, setup.study, request.seed, request.quick)
    if request.image_folder is None:
        return folds, []
    reals = [cohort[row] for row in range(min(SCANS_LOOKED_AT, len(cohort)))]
    files = find_files(request.image_folder.source)
    plans, notes = cut_to_files(folds, files, request.image_folder, reals, setup.study.job, check=check)
    return plans, [f"{request.method}: {note}" for note in notes]
