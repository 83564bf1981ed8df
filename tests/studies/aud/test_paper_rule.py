"""The paper's rule on simulated volumes."""

from __future__ import annotations

import dataclasses

import numpy as np
from aud_simulation import LEVELS
from aud_simulation import METHOD
from aud_simulation import Simulated

from pcgm_bench.studies.aud.comparisons import COLUMNS
from pcgm_bench.studies.aud.paper_rule import PaperPattern
from pcgm_bench.studies.aud.paper_rule import count_correct
from pcgm_bench.studies.aud.paper_rule import paper_rule
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import sample_of
from pcgm_bench.studies.aud.sample import visits_of


def test_a_missing_p_value_is_never_correct() -> None:
    everything = dict.fromkeys(LOBES, 0.5)
    assert count_correct(everything, "4") == 6
    assert count_correct(everything | {"insula": float("nan")}, "4") == 5
    assert count_correct({}, "5") == 0


def test_the_threshold_itself_is_significant() -> None:
    assert count_correct(dict.fromkeys(LOBES, 0.05 / 6), "1") == 5
    assert count_correct(dict.fromkeys(LOBES, 0.05 / 6 + 1e-9), "1") == 1


def test_a_sign_is_wrong_only_where_it_is_significant_and_a_loss_was_expected() -> None:
    is_wrong_sign = PaperPattern(larger=["insula"]).is_wrong_sign
    assert is_wrong_sign(0.001, 0.0, "1", "frontal")
    assert not is_wrong_sign(0.001, -1.0, "1", "frontal")
    assert not is_wrong_sign(0.02, 1.0, "1", "frontal")
    assert not is_wrong_sign(0.001, 1.0, "4", "frontal")
    assert not is_wrong_sign(float("nan"), 1.0, "1", "frontal")
    assert is_wrong_sign(0.001, -1.0, "1", "insula")
    assert not is_wrong_sign(0.001, 1.0, "1", "insula")


def test_the_count_of_another_diagnosis_goes_by_its_own_groups(people: Simulated) -> None:
    real = paper_rule(sample_of(visits_of(people.measurements), "real", LEVELS))["real"]
    upside_down = dataclasses.replace(
        real,
        p={**dict.fromkeys(LOBES, 0.5), "occipital": 0.001},
        difference={**dict.fromkeys(LOBES, -1.0), "occipital": 1.0},
    )
    pattern = PaperPattern.of_real(upside_down)
    assert (pattern.affected, pattern.larger) == (("occipital",), ("occipital",))
    only_occipital = dict.fromkeys(LOBES, 0.5) | {"occipital": 0.001}
    assert count_correct(only_occipital, "2", pattern.affected) == 6
    assert count_correct(only_occipital, "2") == 0
    assert count_correct(only_occipital, "4", pattern.affected) == 5


def test_columns_compare_the_people_they_say(people: Simulated) -> None:
    sample = sample_of(visits_of(people.measurements), "oracle", LEVELS)
    result = paper_rule(sample)
    assert {name: column.n for name, column in result.items()} == dict.fromkeys(COLUMNS, 200)
    # AUD-like is second: the planted loss is negative wherever the diagnosis differs.
    for name, column in COLUMNS.items():
        assert (result[name].difference["frontal"] < -3) == column.effect
    assert {name for name, column in COLUMNS.items() if column.same_people} == {"2", "3"}


def test_head_size_line_comes_from_real_controls_alone(people: Simulated) -> None:
    before = sample_of(visits_of(people.measurements), METHOD, LEVELS)
    broken = dataclasses.replace(before, real=before.real * np.where(before.patient, 7.0, 1.0)[:, None])
    whole, damaged = paper_rule(before), paper_rule(broken)
    assert whole["2"].p == damaged["2"].p
    assert whole["real"].p != damaged["real"].p
