"""Whether the counterfactuals still show the people they were made from, changed as they should be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from aud_simulation import LEVELS
from aud_simulation import METHOD
from aud_simulation import Simulated
from fakes_verdict import FEW
from fakes_verdict import errors_of
from fakes_verdict import evidence_of

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.studies.aud.row_evidence import RowEvidence
from pcgm_bench.studies.aud.same_person import change_error
from pcgm_bench.studies.aud.same_person import change_part
from pcgm_bench.studies.aud.same_person import nearest_part
from pcgm_bench.studies.aud.same_person import oracle_volumes
from pcgm_bench.studies.aud.same_person import reading_noise
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import sample_of
from pcgm_bench.studies.aud.sample import visits_of
from pcgm_bench.studies.aud.sound_rule import PairedEffect


@pytest.fixture(scope="module")
def evidence(people: Simulated) -> RowEvidence:
    return evidence_of(people, METHOD)


def with_errors(evidence: RowEvidence, mine: dict[str, float], unchanged: float = 5.0) -> RowEvidence:
    errors = errors_of(1.0) | {lobe: Estimate(value, value, value, 20) for lobe, value in mine.items()}
    return replace(evidence, errors=errors, unchanged=errors_of(unchanged), has_truth=True)


@pytest.mark.parametrize(("share", "outcome"), [(0.5, "pass"), (0.51, "cannot decide"), (0.89, "fail"), (1.0, "fail")])
def test_twice_as_near_to_the_oracle_as_the_unchanged_scan(evidence: RowEvidence, share: float, outcome: str) -> None:
    part = change_part(with_errors(evidence, {"insula": 5.0 * share, "occipital": 9.0}))
    assert part is not None
    assert (part.outcome, part.region) == (outcome, "insula")
    assert f"insula: error to the oracle, noise of reading taken out, {share:.2f} of the change" in part.reason


def test_noise_of_reading_is_no_error(evidence: RowEvidence) -> None:
    """A right image and the oracle's are read apart by the noise; half of the change is half with and without it."""
    noise = dict.fromkeys(LOBES, 1.4)
    right = replace(with_errors(evidence, {"insula": 1.4}, unchanged=2.0), noise=noise)
    part = change_part(replace(right, errors=dict.fromkeys(LOBES, Estimate(1.4, 1.4, 1.4, 20))))
    assert part is not None
    assert part.outcome == "pass"
    half = {"insula": float(np.hypot(1.4, 0.5 * 2.0))}
    known = replace(with_errors(evidence, half, unchanged=float(np.hypot(1.4, 2.0))), noise=noise)
    part = change_part(known)
    assert part is not None
    assert "insula: error to the oracle, noise of reading taken out, 0.50 of the change" in part.reason


def test_noise_is_what_the_truth_leaves(people: Simulated) -> None:
    """Readings are off by 1 %, the oracle's as well; the change of 4 to 5 % is no part of the noise."""
    oracle = sample_of(visits_of(people.measurements), "oracle", LEVELS)
    noise = reading_noise(oracle.unchanged(), oracle.other_lobes)
    assert list(noise) == list(LOBES)
    assert all(1.2 < value < 1.65 for value in noise.values())
    few = np.full_like(oracle.lobes, np.nan)
    assert reading_noise(oracle.unchanged(), few) == dict.fromkeys(LOBES, pytest.approx(2**0.5))


def test_a_missing_oracle_value_decides_against_the_row(evidence: RowEvidence) -> None:
    part = change_part(with_errors(evidence, {"frontal": float("nan")}))
    assert part is not None
    assert (part.outcome, part.region) == ("fail", "frontal")


def test_too_few_people_cannot_tell_the_right_change(people: Simulated, evidence: RowEvidence) -> None:
    few = evidence_of(people, METHOD, FEW)
    part = change_part(with_errors(few, {"insula": 4.0}))
    assert part is not None
    assert (part.outcome, part.is_decidable) == ("cannot decide", False)
    assert "a right causal model fitted to so few people" in part.reason
    part = change_part(with_errors(evidence, {"insula": 4.0}))
    assert part is not None
    assert part.outcome == "fail"


def test_somebody_else_fails_with_and_without_an_oracle(people: Simulated) -> None:
    for errors in (errors_of(0.1), {}):
        part = change_part(replace(evidence_of(people, "random-other"), errors=errors, has_truth=bool(errors)))
        assert part is not None
        assert part.outcome == "fail"
        assert "correlation" in part.reason


def test_without_a_truth_the_change_is_held_against_what_was_asked(evidence: RowEvidence) -> None:
    asked = {lobe: replace(achieved, asked=-5.0) for lobe, achieved in evidence.achieved.items()}
    known = replace(with_errors(evidence, {"insula": 3.0}), has_truth=False, achieved=asked)
    part = change_part(known)
    assert part is not None
    assert "error to what was asked 0.60" in part.reason
    little = {lobe: replace(achieved, asked=3.9) for lobe, achieved in asked.items()}
    part = change_part(replace(known, achieved=little))
    assert part is not None
    assert (part.outcome, part.is_decidable) == ("cannot decide", False)


def test_a_row_without_volumes_shows_nobody(evidence: RowEvidence) -> None:
    nothing = {"2": dict.fromkeys(LOBES, PairedEffect(float("nan"), float("nan")))}
    part = change_part(replace(evidence, sound=replace(evidence.sound, paired=nothing)))
    assert part is not None
    assert (part.outcome, part.reason) == ("fail", "no counterfactual volumes")


def test_the_oracle_has_no_error_to_itself(evidence: RowEvidence) -> None:
    assert change_part(replace(evidence, row=Row("oracle", RowKind.CEILING, "oracle"), errors={})) is None


@pytest.mark.parametrize(("share", "outcome"), [(1.0, "pass"), (0.99, "pass"), (0.985, "fail")])
def test_images_of_somebody_else_fail(evidence: RowEvidence, share: float, outcome: str) -> None:
    part = nearest_part(replace(evidence, nearest=Estimate(share, n=200)))
    assert part is not None
    assert part.outcome == outcome
    assert nearest_part(replace(evidence, nearest=Estimate())) is None


def test_error_to_the_oracle_is_of_people_that_both_have(people: Simulated) -> None:
    frames = visits_of(people.measurements)
    oracle = sample_of(frames, "oracle", LEVELS)
    some = visits_of([m for m in people.measurements if m.row != "oracle" or m.subject in oracle.subjects[:30]])
    sample = sample_of(frames, METHOD, LEVELS)
    truth = oracle_volumes(sample, sample_of(some, "oracle", LEVELS))
    assert np.isfinite(truth).all(axis=1).sum() == 30
    error = change_error(sample, truth, 0)["frontal"]
    assert error.n == 30
    assert 0 < error.low < error.value < error.high
    assert change_error(oracle, oracle_volumes(oracle, oracle), 0)["insula"] == Estimate(0.0, 0.0, 0.0, 200)
