"""The verdict: its parts one by one, what they come to together, and what this many people can decide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from aud_simulation import LEVELS
from aud_simulation import METHOD
from aud_simulation import Simulated
from aud_simulation import verdict_rates
from fakes_verdict import FEW
from fakes_verdict import evidence_of

from pcgm_bench.results.verdict import Outcome
from pcgm_bench.results.verdict import Verdict
from pcgm_bench.results.verdict import VerdictPart
from pcgm_bench.studies.aud.achieved import achieved_over_asked
from pcgm_bench.studies.aud.achieved import asked_by_truth
from pcgm_bench.studies.aud.comparisons import COLUMNS
from pcgm_bench.studies.aud.pattern import Pattern
from pcgm_bench.studies.aud.pattern import aud_pattern
from pcgm_bench.studies.aud.row_evidence import RowEvidence
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import Sample
from pcgm_bench.studies.aud.sample import sample_of
from pcgm_bench.studies.aud.sample import visits_of
from pcgm_bench.studies.aud.sound_rule import sound_rule
from pcgm_bench.studies.aud.truth_power import truth_power
from pcgm_bench.studies.aud.truth_power import worst_of
from pcgm_bench.studies.aud.verdict_groups import groups_part
from pcgm_bench.studies.aud.verdict_images import images_part

PASS, FAIL, OPEN = Outcome.PASS, Outcome.FAIL, Outcome.CANNOT_DECIDE


def part(outcome: Outcome, name: str = "a", *, is_decidable: bool = True) -> VerdictPart:
    return VerdictPart(name, outcome, "why", is_decidable=is_decidable)


@pytest.fixture(scope="module")
def oracle(people: Simulated) -> RowEvidence:
    return evidence_of(people, "oracle")


def dosed(sample: Sample, dose: float, lobes: tuple[str, ...] = LOBES) -> Sample:
    """Images that show a share of the change of these lobes, and all of the others'."""
    power = np.array([dose if lobe in lobes else 1.0 for lobe in LOBES])
    made = sample.counterfactual.copy()
    made[:, : len(LOBES)] = sample.lobes * (sample.other_lobes / sample.lobes) ** power
    return replace(sample, counterfactual=made)


# Parts together.


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        ([part(PASS), part(PASS)], "pass"),
        ([part(PASS), part(FAIL)], "fail"),
        ([part(OPEN), part(FAIL)], "fail"),
        ([part(PASS), part(OPEN)], "inconclusive"),
        ([part(PASS), part(OPEN, is_decidable=False)], "pass"),
        ([part(OPEN, is_decidable=False)], "inconclusive"),
        ([part(PASS), part(FAIL, is_decidable=False)], "fail"),
    ],
)
def test_a_row_fails_with_any_part_and_passes_with_all_that_can_be_decided(
    parts: list[VerdictPart], outcome: str
) -> None:
    assert Verdict.of(parts).outcome == outcome


def test_the_first_failing_part_is_the_reason() -> None:
    parts = [part(OPEN, "first"), part(FAIL, "second"), part(FAIL, "third")]
    assert Verdict.of(parts).reason == "second: why"
    assert Verdict.of(parts[:1]).reason == "first: why"


# What n can decide.


def test_a_hundred_people_cannot_decide_the_occipital_lobe_of_independent_groups(people: Simulated) -> None:
    sample = sample_of(visits_of(people.measurements), "real", LEVELS)
    pattern = aud_pattern(people.planted)
    truth, model = (truth_power(sample, pattern, 0, is_fitted=is_fitted) for is_fitted in (False, True))
    assert 0.15 < truth.chance["1", "occipital"] < 0.5
    assert ("1", "occipital") not in truth.decidable
    assert ("2", "occipital") in truth.decidable
    assert ("2", "occipital") not in model.decidable  # its own estimate of no effect is off by as much as the bound
    assert ("4", "frontal") in model.decidable  # equal by construction
    assert {("1", lobe) for lobe in pattern.affected} <= truth.decidable & model.decidable
    assert truth.chance.keys() == {(name, lobe) for name in COLUMNS if name != "real" for lobe in LOBES}


def test_the_chance_of_a_cell_is_the_share_of_cohorts_that_show_it(people: Simulated) -> None:
    """Against the bootstrap of twelve cohorts: what is sure is always shown, what is hopeless hardly ever."""
    sample = sample_of(visits_of(people.measurements), "oracle", LEVELS)
    power = truth_power(sample, aud_pattern(people.planted), 0, is_fitted=False)
    effects = sound_rule(sample, 100, 0).effects
    for (column, lobe), chance in power.chance.items():
        if chance > 0.99:
            assert effects[column][lobe].verdict != "inconclusive", (column, lobe)


def test_few_people_can_decide_little(people: Simulated) -> None:
    few = evidence_of(people, "oracle", FEW)
    assert {column for column, _ in few.power.decidable} <= {"2", "3"}
    assert np.median(worst_of(few.change_power.change_error, ["insula", "frontal"])) > 0.5


def test_a_lobe_that_nobody_knows_takes_no_part(people: Simulated) -> None:
    sample = sample_of(visits_of(people.measurements), "real", LEVELS)
    pattern = Pattern("cohort", dict.fromkeys(LOBES, float("nan")) | {"insula": -5.2})
    power = truth_power(sample, pattern, 0, is_fitted=True)
    assert {lobe for column, lobe in power.chance if column in "123"} == {"insula"}
    assert {lobe for column, lobe in power.chance if column in "45"} == set(LOBES)


# Against the groups.


def test_the_truth_passes_and_half_the_effect_does_not(people: Simulated, oracle: RowEvidence) -> None:
    passed = groups_part(oracle)
    assert passed is not None
    assert passed.outcome is PASS
    assert "cells that this n can decide" in passed.reason
    copied = groups_part(evidence_of(people, "copy-input"))
    assert copied is not None
    assert copied.outcome is FAIL
    assert "patients must have less" in copied.reason


def moved(oracle: RowEvidence, lobe: str, factor: float) -> RowEvidence:
    """The truth, but patients' volumes of a lobe are by this factor larger in the images."""
    made = oracle.sample.counterfactual.copy()
    made[:, LOBES.index(lobe)] *= np.where(oracle.sample.patient, 1 / factor, factor)
    sample = replace(oracle.sample, counterfactual=made)
    return replace(oracle, sample=sample, groups=sound_rule(sample, 60, 0))


def test_a_lobe_that_must_stay_is_tested_over_the_columns_together(oracle: RowEvidence) -> None:
    shrunk = groups_part(moved(oracle, "occipital", 0.96))
    assert shrunk is not None
    assert (shrunk.outcome, shrunk.region, shrunk.contrast) == (FAIL, "occipital", "2")
    assert "leaves this lobe alone" in shrunk.reason
    a_little = groups_part(moved(oracle, "occipital", 0.998))
    assert a_little is not None
    assert a_little.outcome is PASS


def test_a_third_of_a_lobe_s_spread_is_no_equivalence(oracle: RowEvidence) -> None:
    """The bound of the same people measured twice is .15: a change by .22 of the spread is not "unchanged"."""
    spread = (
        oracle.sample.lobes[:, LOBES.index("occipital")].std() / oracle.sample.lobes[:, LOBES.index("occipital")].mean()
    )
    part = groups_part(moved(oracle, "occipital", 1 - 0.22 * 0.8 * spread))
    assert part is not None
    assert part.outcome is FAIL


def test_an_effect_that_the_real_groups_do_not_show_is_not_right(people: Simulated, oracle: RowEvidence) -> None:
    """Real groups alike, or unclear, and images that invent a difference."""
    unknown = Pattern("cohort", dict.fromkeys(LOBES, float("nan")))
    own = replace(oracle, pattern=unknown, power=truth_power(oracle.sample, unknown, 0, is_fitted=False))
    agreeing = groups_part(own)
    assert agreeing is not None
    assert agreeing.outcome is OPEN  # it shows what the groups show
    inventing = replace(own, groups=moved(oracle, "occipital", 0.9).groups)
    part = groups_part(inventing)
    assert part is not None
    assert (part.outcome, part.region) == (FAIL, "occipital")
    assert "the real groups show" in part.reason


# Achieved over asked.


def achieved_part(oracle: RowEvidence, sample: Sample) -> VerdictPart:
    asked = asked_by_truth(oracle.sample, oracle.pattern)
    part = images_part(replace(oracle, achieved=achieved_over_asked(sample, asked)))
    assert part is not None
    return part


@pytest.mark.parametrize(
    ("dose", "words"),
    [
        (0.0, "nothing"),
        (0.5, "too little"),
        (0.7, "too little"),
        (1.4, "too much"),
        (2.0, "too much"),
        (-1.0, "wrong way"),
    ],
)
def test_cheats_with_the_dose_fail_each_with_its_reason(oracle: RowEvidence, dose: float, words: str) -> None:
    part = achieved_part(oracle, dosed(oracle.sample, dose))
    assert part.outcome is FAIL
    assert words in part.reason


@pytest.mark.parametrize("dose", [0.0, 0.5, 2.0])
def test_they_fail_with_twenty_people_a_group_too(people: Simulated, dose: float) -> None:
    few = evidence_of(people, "oracle", 20)
    assert achieved_part(few, dosed(few.sample, dose)).outcome is FAIL
    assert achieved_part(few, few.sample).outcome is not FAIL


def test_a_dose_inside_the_bounds_passes_and_every_lobe_counts(oracle: RowEvidence) -> None:
    for dose in (0.9, 1.0, 1.1):
        assert achieved_part(oracle, dosed(oracle.sample, dose)).outcome is PASS
    one = achieved_part(oracle, dosed(oracle.sample, 0.5, ("temporal",)))
    assert (one.outcome, one.region) == (FAIL, "temporal")


def test_a_lobe_that_was_asked_to_stay_must_stay(oracle: RowEvidence) -> None:
    part = achieved_part(oracle, moved(oracle, "occipital", 0.98).sample)
    assert (part.outcome, part.region) == (FAIL, "occipital")
    assert "beyond what was asked" in part.reason


def test_wide_intervals_are_not_decided_where_exact_images_could_not_be(people: Simulated) -> None:
    part = achieved_part(few := evidence_of(people, "oracle", FEW // 2), few.sample)
    assert (part.outcome, part.is_decidable) == (OPEN, False)


def test_no_one_is_held_against_what_nobody_asked(oracle: RowEvidence) -> None:
    assert images_part(replace(oracle, achieved={})) is None


# Rates.


def test_right_rows_pass_and_cheats_fail_on_most_cohorts() -> None:
    rates = verdict_rates(range(11, 15), replicates=30, image_noise=0.005)
    assert (rates["pass"] >= 0.75).all()
    halved = verdict_rates([15], rows=(METHOD,), replicates=20, image_noise=0.005, dose=0.5)
    assert halved.loc[METHOD, "fail"] == 1
    assert "achieved over asked" in halved.loc[METHOD, "why"]
