"""Whether the counterfactuals still show the people they were made from."""

from __future__ import annotations

import pytest
from aud_simulation import LEVELS
from aud_simulation import METHOD
from aud_simulation import Simulated

from pcgm_bench.contracts import Estimate
from pcgm_bench.studies.aud.same_person import oracle_error
from pcgm_bench.studies.aud.same_person import same_person
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import sample_of
from pcgm_bench.studies.aud.sample import visits_of
from pcgm_bench.studies.aud.sound_rule import PairedEffect
from pcgm_bench.studies.aud.sound_rule import sound_rule

AFFECTED = LOBES[:-1]


def _errors(value: float) -> dict[str, Estimate]:
    return {lobe: Estimate(value, value, value, 20) for lobe in LOBES}


def test_a_random_other_fails_without_an_oracle_too(people: Simulated) -> None:
    frames = visits_of(people.measurements)
    for row, passed in (("random-other", False), (METHOD, True)):
        scores = sound_rule(sample_of(frames, row, LEVELS), 10, 0)
        assert same_person(scores.paired, None, None, LOBES).passed is passed


def test_the_worst_affected_lobe_decides() -> None:
    mine = _errors(1.0) | {"insula": Estimate(3.0), "occipital": Estimate(9.0)}
    person = same_person({}, mine, _errors(5.0), AFFECTED)
    assert (person.passed, person.lobe, person.value) == (False, "insula", 0.6)
    assert same_person({}, _errors(2.5), _errors(5.0), AFFECTED).passed


def test_images_of_somebody_else_fail_the_person() -> None:
    for share, passed in ((1.0, True), (0.98, False), (float("nan"), True)):
        person = same_person({}, _errors(1.0), _errors(5.0), AFFECTED, Estimate(share, n=200))
        assert person.passed is passed


def test_a_person_without_volumes_is_not_the_same() -> None:
    nothing = {"2": dict.fromkeys(LOBES, PairedEffect(float("nan"), float("nan")))}
    person = same_person(nothing, None, None, AFFECTED)
    assert (person.passed, person.lobe, person.criterion) == (False, "", "no counterfactual volumes")


def test_error_to_the_oracle_is_of_people_that_both_have(people: Simulated) -> None:
    frames = visits_of(people.measurements)
    oracle = sample_of(frames, "oracle", LEVELS)
    some = visits_of([m for m in people.measurements if m.row != METHOD or m.subject in oracle.subjects[:30]])
    error = oracle_error(sample_of(some, METHOD, LEVELS), oracle, 0)["frontal"]
    assert error.n == 30
    assert 0 < error.low < error.value < error.high
    assert oracle_error(oracle, oracle, 0)["insula"] == Estimate(0.0, 0.0, 0.0, 200)


def test_a_missing_oracle_value_decides_against_the_row() -> None:
    mine = _errors(1.0) | {"frontal": Estimate()}
    person = same_person({}, mine, _errors(5.0), AFFECTED)
    assert (person.passed, person.lobe) == (False, "frontal")
    assert person.value != pytest.approx(person.value)
