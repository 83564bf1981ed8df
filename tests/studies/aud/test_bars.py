"""The bars of the AUD study's verdict: a row just inside passes, one just outside does not.

Bars are written out as docs/concepts/controls.md says them, and not imported: a bar that moves must fail here.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from aud_simulation import Simulated
from fakes_verdict import errors_of
from fakes_verdict import evidence_of
from fakes_verdict import some_of

from pcgm_bench.contracts import Estimate
from pcgm_bench.results.verdict import Outcome
from pcgm_bench.statistics import equivalence
from pcgm_bench.studies.aud.achieved import DIRECTIONS
from pcgm_bench.studies.aud.achieved import Achieved
from pcgm_bench.studies.aud.achieved import achieved_over_asked
from pcgm_bench.studies.aud.comparisons import COLUMNS
from pcgm_bench.studies.aud.row_evidence import RowEvidence
from pcgm_bench.studies.aud.same_person import change_part
from pcgm_bench.studies.aud.same_person import nearest_part
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sound_rule import PairedEffect
from pcgm_bench.studies.aud.truth_power import TruthPower
from pcgm_bench.studies.aud.truth_power import _together
from pcgm_bench.studies.aud.verdict_groups import groups_part
from pcgm_bench.studies.aud.verdict_images import images_part

PASS, FAIL, OPEN = Outcome.PASS, Outcome.FAIL, Outcome.CANNOT_DECIDE
COHORTS = 400


@pytest.fixture(scope="module")
def evidence(people: Simulated) -> RowEvidence:
    """The truth, in the place of a method."""
    return evidence_of(people, "oracle")


def interval(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, low, high, 40)


# Equivalence.


@pytest.mark.parametrize(("column", "bound"), [("1", 0.3), ("2", 0.15), ("3", 0.15), ("4", 0.3), ("5", 0.3)])
def test_groups_are_alike_within_the_bound_and_the_same_people_within_half_of_it(column: str, bound: float) -> None:
    d, se = np.array([bound - 0.01, bound + 0.01]), np.array([0.001, 0.001])
    p = equivalence.tost_p(d, se, 95, COLUMNS[column].bound)
    assert (p <= 0.05).tolist() == [True, False]


# Achieved over asked.


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (0.81, 1.24, PASS),
        (0.79, 1.24, OPEN),
        (0.81, 1.26, OPEN),
        (0.7, 0.81, OPEN),
        (0.7, 0.79, FAIL),
        (1.24, 1.4, OPEN),
        (1.26, 1.4, FAIL),
    ],
)
@pytest.mark.parametrize("asked", [-5.0, -2.01, 2.01])
def test_a_ratio_lies_in_four_fifths_to_five_quarters_interval_and_all(
    evidence: RowEvidence, asked: float, low: float, high: float, outcome: Outcome
) -> None:
    lobes = {"insula": Achieved(asked, asked, interval(low, high), dict.fromkeys(DIRECTIONS, interval(-9, 9)), 1.0)}
    part = images_part(replace(evidence, achieved=lobes))
    assert part is not None
    assert part.outcome is outcome


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (-0.99, 0.99, PASS),
        (-1.01, 0.99, OPEN),
        (-0.99, 1.01, OPEN),
        (0.99, 1.2, OPEN),
        (1.01, 1.2, FAIL),
        (-1.2, -1.01, FAIL),
    ],
)
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("asked", [-1.99, 0.0, 1.99])
def test_of_less_than_two_per_cent_each_direction_is_off_by_one_at_most(
    evidence: RowEvidence, asked: float, direction: str, low: float, high: float, outcome: Outcome
) -> None:
    excess = dict.fromkeys(DIRECTIONS, interval(-0.1, 0.1)) | {direction: interval(low, high)}
    part = images_part(replace(evidence, achieved={"insula": Achieved(asked, asked, interval(0.1, 9.0), excess, 1.0)}))
    assert part is not None
    assert part.outcome is outcome


@pytest.mark.parametrize(("asked", "has_ratio"), [(-2.01, True), (-1.99, False), (1.99, False), (2.01, True)])
def test_a_ratio_is_computed_of_two_per_cent_or_more(evidence: RowEvidence, asked: float, has_ratio: bool) -> None:
    sides = np.where(evidence.sample.patient, -1.0, 1.0)[:, None]
    wanted = np.broadcast_to(sides * asked / 100, evidence.sample.lobes.shape)
    for achieved in achieved_over_asked(evidence.sample, wanted).values():
        assert np.isfinite(achieved.ratio.value) == has_ratio


@pytest.mark.parametrize(("chance", "is_decidable"), [(0.79, False), (0.81, True)])
def test_a_lobe_counts_where_exact_images_pass_in_four_of_five(
    evidence: RowEvidence, chance: float, is_decidable: bool
) -> None:
    wide = {"insula": Achieved(-5.0, -5.0, interval(0.5, 1.5), {}, chance)}
    part = images_part(replace(evidence, achieved=wide))
    assert part is not None
    assert (part.outcome, part.is_decidable) == (OPEN, is_decidable)


@pytest.mark.parametrize(("change", "per_group"), [(-4.5, 9), (0.0, 24)])
def test_the_chance_of_exact_images_is_the_share_of_them_that_pass(
    evidence: RowEvidence, change: float, per_group: int
) -> None:
    """Images that do what is asked of them, each volume read with a noise of 1 % before and after."""
    sample = some_of(evidence.sample, per_group)
    asked = np.where(sample.patient, -1.0, 1.0)[:, None] * np.full_like(sample.lobes, change / 100)
    rng = np.random.default_rng(3)
    passed, chances = [], []
    for _ in range(100):
        made = sample.counterfactual.copy()
        noise = np.sqrt(2) * 0.01 * rng.standard_normal(asked.shape)
        made[:, : len(LOBES)] = sample.lobes * np.exp(asked + noise)
        for lobe, achieved in achieved_over_asked(replace(sample, counterfactual=made), asked).items():
            part = images_part(replace(evidence, achieved={lobe: achieved}))
            assert part is not None
            passed.append(part.outcome is PASS)
            chances.append(achieved.chance)
    assert 0.4 < np.mean(passed) < 0.97
    assert np.mean(chances) == pytest.approx(np.mean(passed), abs=0.08)


# The same person.


@pytest.mark.parametrize(("share", "outcome"), [(0.991, PASS), (0.99, PASS), (0.989, FAIL)])
def test_ninety_nine_of_a_hundred_images_are_nearest_to_the_own_scan(
    evidence: RowEvidence, share: float, outcome: Outcome
) -> None:
    part = nearest_part(replace(evidence, nearest=Estimate(share, n=1000)))
    assert part is not None
    assert part.outcome is outcome


@pytest.mark.parametrize(("r", "is_stranger"), [(0.49, True), (0.51, False)])
def test_factual_and_counterfactual_volumes_correlate_by_a_half(
    evidence: RowEvidence, r: float, is_stranger: bool
) -> None:
    paired = {"2": {**dict.fromkeys(LOBES, PairedEffect(1.0, 0.9)), "insula": PairedEffect(1.0, r)}}
    known = replace(evidence, errors=errors_of(1.0), unchanged=errors_of(5.0), has_truth=True)
    part = change_part(replace(known, sound=replace(evidence.sound, paired=paired)))
    assert part is not None
    assert part.outcome is (FAIL if is_stranger else PASS)


@pytest.mark.parametrize(("asked", "is_clear"), [(3.99, False), (4.01, True), (-4.01, True)])
def test_without_a_truth_a_lobe_counts_from_four_per_cent_asked(
    evidence: RowEvidence, asked: float, is_clear: bool
) -> None:
    lobes = {"insula": Achieved(asked, asked, interval(0.9, 1.1), {}, 1.0)}
    part = change_part(replace(evidence, errors=errors_of(2.49), unchanged=errors_of(5.0), achieved=lobes))
    assert part is not None
    assert part.outcome is (PASS if is_clear else OPEN)


@pytest.mark.parametrize(("share", "outcome"), [(0.49, PASS), (0.51, FAIL)])
def test_without_a_truth_the_error_is_half_of_the_change_at_most(
    evidence: RowEvidence, share: float, outcome: Outcome
) -> None:
    lobes = {"insula": Achieved(-5.0, -5.0, interval(0.9, 1.1), {}, 1.0)}
    part = change_part(replace(evidence, errors=errors_of(5.0 * share), unchanged=errors_of(5.0), achieved=lobes))
    assert part is not None
    assert part.outcome is outcome


def simulated_errors(right: np.ndarray, allowed: np.ndarray) -> TruthPower:
    return TruthPower({}, frozenset(), dict.fromkeys(LOBES, right), dict.fromkeys(LOBES, allowed))


@pytest.mark.parametrize(("share", "outcome"), [(0.49, PASS), (0.885, OPEN), (0.895, FAIL)])
def test_an_error_fails_beyond_what_ninety_nine_in_a_hundred_cohorts_show(
    evidence: RowEvidence, share: float, outcome: Outcome
) -> None:
    """Images that are off by as much as is allowed show errors of 0 to .9 here; .891 is their 99th percentile."""
    power = simulated_errors(np.zeros(COHORTS), np.linspace(0, 0.9, COHORTS))
    known = replace(evidence, errors=errors_of(5.0 * share), unchanged=errors_of(5.0), has_truth=True)
    part = change_part(replace(known, change_power=power))
    assert part is not None
    assert part.outcome is outcome
    assert part.is_decidable


@pytest.mark.parametrize(("passing", "is_decidable"), [(0.89, False), (0.91, True)])
@pytest.mark.parametrize(("inside", "outside"), [(0.49, 0.51), (0.1, 0.9)])
def test_an_error_is_decided_where_the_truth_passes_in_nine_of_ten_cohorts(
    evidence: RowEvidence, passing: float, is_decidable: bool, inside: float, outside: float
) -> None:
    right = np.where(np.arange(COHORTS) < passing * COHORTS, inside, outside)
    power = simulated_errors(right, np.ones(COHORTS))
    known = replace(evidence, errors=errors_of(3.0), unchanged=errors_of(5.0), has_truth=True)
    part = change_part(replace(known, change_power=power))
    assert part is not None
    assert (part.outcome, part.is_decidable) == (OPEN, is_decidable)


# Against the groups.


@pytest.mark.parametrize(("share", "is_taken"), [(0.89, False), (0.91, True)])
def test_a_verdict_takes_cells_that_the_truth_shows_in_nine_of_ten_cohorts(share: float, is_taken: bool) -> None:
    cell = np.arange(COHORTS) < share * COHORTS
    assert (("1", "insula") in _together({("1", "insula"): cell})) == is_taken


@pytest.mark.parametrize(("missed", "both"), [(0.04, True), (0.06, False)])
def test_cells_are_taken_as_long_as_all_are_shown_together(missed: float, both: bool) -> None:
    """Each is missed in other cohorts: two that are missed in 6 % are shown together in 88 %."""
    order = np.arange(COHORTS)
    first, second = order >= missed * COHORTS, order < (1 - missed) * COHORTS
    taken = _together({("1", "insula"): first, ("1", "frontal"): second})
    assert len(taken) == (2 if both else 1)


@pytest.mark.parametrize(("p", "outcome"), [(0.0049, FAIL), (0.0051, PASS)])
@pytest.mark.parametrize("column", ["2", "3"])
def test_a_lobe_that_must_stay_moves_at_one_in_a_hundred_over_two_columns(
    evidence: RowEvidence, column: str, p: float, outcome: Outcome
) -> None:
    effects = evidence.groups.effects
    moved = replace(effects[column]["occipital"], p=p, verdict=equivalence.DIFFERENT)
    groups = replace(evidence.groups, effects={**effects, column: {**effects[column], "occipital": moved}})
    part = groups_part(replace(evidence, groups=groups))
    assert part is not None
    assert part.outcome is outcome


@pytest.mark.parametrize(("factor", "outcome"), [(0.99, FAIL), (1.01, PASS)])
def test_columns_4_and_5_fail_at_one_in_a_hundred_over_their_cells(
    evidence: RowEvidence, factor: float, outcome: Outcome
) -> None:
    cells = [("4", lobe) for lobe in LOBES] + [("5", lobe) for lobe in LOBES]
    effects = evidence.groups.effects
    p = 0.01 / len(cells) * factor
    alike = {
        column: {name: replace(cell, p=1.0, verdict=equivalence.EQUIVALENT) for name, cell in effects[column].items()}
        for column in "45"
    }
    alike["4"]["insula"] = replace(effects["4"]["insula"], p=p, verdict=equivalence.DIFFERENT)
    power = replace(evidence.power, decidable=frozenset(cells), chance=dict.fromkeys(cells, 1.0))
    part = groups_part(replace(evidence, groups=replace(evidence.groups, effects={**effects, **alike}), power=power))
    assert part is not None
    assert part.outcome is outcome
