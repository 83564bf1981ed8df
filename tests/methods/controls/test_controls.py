"""The control generators: what each answers, and what it refuses."""

from __future__ import annotations

import dataclasses

import fakes
import numpy as np
import pytest

from pcgm_bench.contracts import Context
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.controls import CopyInput
from pcgm_bench.methods.controls import Oracle
from pcgm_bench.methods.controls import RandomOther


def test_copy_input_is_the_input() -> None:
    scan = fakes.ToyCohort(0)[1]
    image = CopyInput().counterfactual(scan, {"diagnosis": "control"}, 0)
    assert np.array_equal(image, scan.image)
    assert image is not scan.image


def test_oracle_asks_the_cohort() -> None:
    cohort = fakes.ToyCohort(0)
    scan = cohort[1]
    control = Oracle()
    with pytest.raises(UserError, match="needs a cohort that knows the truth"):
        control.counterfactual(scan, {"diagnosis": "AUD"}, 0)
    control.adapt(cohort, Context(oracle=cohort.oracle))
    assert np.array_equal(
        control.counterfactual(scan, {"diagnosis": "AUD"}, 0), cohort.oracle(scan, {"diagnosis": "AUD"}, 0)
    )


def test_random_other_is_somebody_else_of_the_asked_group() -> None:
    cohort = fakes.ToyCohort(0)
    cohort.table["head_size"] = np.arange(len(cohort.table), dtype=float)
    scan = dataclasses.replace(cohort[3], head_size=3.0)
    control = RandomOther()
    with pytest.raises(UserError, match="call adapt first"):
        control.counterfactual(scan, {"diagnosis": "AUD"}, 0)
    control.adapt(cohort, Context())
    image = control.counterfactual(scan, {"diagnosis": "AUD"}, 5)
    others = cohort.table.index[(cohort.table["diagnosis"] == "AUD") & (cohort.table["subject"] != scan.subject)]
    assert any(np.array_equal(image, cohort[i].image) for i in others)
    assert np.array_equal(image, control.counterfactual(scan, {"diagnosis": "AUD"}, 5))
    with pytest.raises(UserError, match="nobody in the training fold is 'HIV'"):
        control.counterfactual(scan, {"diagnosis": "HIV"}, 0)
