"""Who is asked what, in which fold, from which people; and the voxels stay on the disk until they are wanted."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import fakes
import fakes_studies
import numpy as np
import pandas as pd
import pytest
from toy_runs import request

from pcgm_bench import registry
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import PluginError
from pcgm_bench.contracts import silent
from pcgm_bench.runner.fold_plan import plan_folds
from pcgm_bench.runner.run import run
from pcgm_bench.runner.segmentation import Ruler
from pcgm_bench.runner.segmentation import segment_cohort
from pcgm_bench.runner.segmented_cohort import SegmentedCohort


@pytest.fixture
def cohort(home: Path, toys: list[str]) -> SegmentedCohort:
    ruler = Ruler(fakes.ToySegmenter(), registry.find("segmenters", "toy"), "toy", "", home)
    return segment_cohort(fakes.ToyCohort(0), ruler, silent)


def test_folds_must_hold_everybody_out_once(cohort: SegmentedCohort) -> None:
    interventions = fakes_studies.ToyStudy().interventions(cohort.table)
    with pytest.raises(ValueError, match="same people"):
        plan_folds(cohort, interventions, [(["000"], ["000"])])
    with pytest.raises(ValueError, match="exactly one fold"):
        plan_folds(cohort, interventions, [(["001"], ["000"])])
    folds = fakes_studies.ToyStudy().folds(cohort.table, 0)
    with pytest.raises(ValueError, match="one file name"):
        plan_folds(cohort, [*interventions, interventions[0]], folds)


def test_folds_that_contradict_each_other_are_the_studys_fault(
    home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaking(_self: fakes_studies.ToyStudy, table: pd.DataFrame, _seed: int) -> list[tuple[list[str], list[str]]]:
        people = sorted(set(table["subject"]))
        return [(people, people)]

    monkeypatch.setattr(fakes_studies.ToyStudy, "folds", leaking)
    with pytest.raises(PluginError, match=r"study 'toy' \(toys 1\): planning: ValueError: .*same people"):
        run(request(home))


def test_what_an_image_is_made_from_is_its_fold_its_row_and_what_is_asked(cohort: SegmentedCohort) -> None:
    folds = fakes_studies.ToyStudy().folds(cohort.table, 0)
    plan = plan_folds(cohort, fakes_studies.ToyStudy().interventions(cohort.table), folds)[0]
    task = plan.tasks[0]
    base = plan.wanted(task).made_from
    shuffled = dataclasses.replace(plan, train=tuple(reversed(plan.train)))
    assert shuffled.wanted(task).made_from == base
    other = [
        dataclasses.replace(plan, train=plan.train[1:]).wanted(task),
        dataclasses.replace(plan, basis="another generator").wanted(task),
        plan.wanted(dataclasses.replace(task, do={"diagnosis": "other"})),
        plan.wanted(plan.tasks[1]),
    ]
    assert len({base, *(request.made_from for request in other)}) == 5


def test_adapting_reads_no_image(cohort: SegmentedCohort, toys: list[str]) -> None:
    toys.clear()
    fakes.Shifter().adapt(cohort.subset(["001", "002", "003"]), Context())
    assert toys == ["adapt 3"]
    changed = dataclasses.replace(cohort[0], age=1.0)
    assert toys == ["adapt 3", "load"]
    np.testing.assert_array_equal(changed.image, fakes.ToyCohort(0)[0].image)
    assert changed.age == 1.0
