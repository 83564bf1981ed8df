"""The sound rule on simulated volumes."""

from __future__ import annotations

import dataclasses

import aud_simulation
import numpy as np
import pytest
from aud_simulation import LEVELS
from aud_simulation import METHOD
from aud_simulation import Simulated

from pcgm_bench.statistics.adjusted_effects import AdjustedEffect
from pcgm_bench.studies.aud.comparisons import COLUMNS
from pcgm_bench.studies.aud.pattern import Pattern
from pcgm_bench.studies.aud.pattern import aud_pattern
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import sample_of
from pcgm_bench.studies.aud.sample import visits_of
from pcgm_bench.studies.aud.sound_rule import Counts
from pcgm_bench.studies.aud.sound_rule import judge
from pcgm_bench.studies.aud.sound_rule import sound_rule


def _effect(verdict: str, d: float) -> AdjustedEffect:
    return AdjustedEffect(d, 0.1, d - 0.2, d + 0.2, 0.5, 0.5, 0.5, 0.5, d, d, d, 200, verdict)


def test_refitting_widens_what_all_people_share(people: Simulated) -> None:
    sample = sample_of(visits_of(people.measurements), METHOD, LEVELS)
    plain = sound_rule(sample, 60, 0)
    refitted = sound_rule(sample, 60, 0, people.refitter)
    assert (plain.refitted, refitted.refitted) == (False, True)
    wide, narrow = (scores.effects["2"]["occipital"] for scores in (refitted, plain))
    assert wide.d == narrow.d
    assert wide.se > 3 * narrow.se
    assert wide.se == pytest.approx(np.sqrt(2 / 100), rel=0.35)


def test_a_bias_of_the_images_is_seen_in_columns_4_and_5(people: Simulated) -> None:
    biased = [
        dataclasses.replace(m, volumes={**m.volumes, "insula": 0.95 * m.volumes["insula"]}) if m.row == METHOD else m
        for m in people.measurements
    ]
    effects = sound_rule(sample_of(visits_of(biased), METHOD, LEVELS), 60, 0, people.refitter).effects
    assert effects["4"]["insula"].verdict == "different"
    assert effects["4"]["insula"].percent == pytest.approx(-5, abs=0.5)
    assert effects["4"]["frontal"].verdict == "equivalent"


@pytest.mark.parametrize(
    ("column", "lobe", "verdict", "d", "judged"),
    [
        ("1", "frontal", "different", -0.8, "right"),
        ("1", "frontal", "both", -0.2, "right"),
        ("1", "frontal", "different", 0.8, "wrong"),
        ("1", "frontal", "equivalent", -0.1, "wrong"),
        ("1", "occipital", "different", -0.6, "wrong"),
        ("1", "occipital", "equivalent", -0.1, "right"),
        ("4", "frontal", "both", 0.1, "right"),
        ("4", "frontal", "different", 0.6, "wrong"),
        ("4", "frontal", "inconclusive", 0.01, "inconclusive"),
    ],
)
def test_equivalence_needs_evidence_not_silence(column: str, lobe: str, verdict: str, d: float, judged: str) -> None:
    assert judge(COLUMNS[column], lobe, _effect(verdict, d), aud_pattern({})) == judged


def test_where_nobody_knows_the_pattern_nothing_is_right() -> None:
    pattern = Pattern("cohort", dict.fromkeys(LOBES, float("nan")) | {"insula": 5.0})
    assert judge(COLUMNS["2"], "frontal", _effect("different", -0.8), pattern) == "inconclusive"
    assert judge(COLUMNS["2"], "insula", _effect("different", 0.8), pattern) == "right"
    assert judge(COLUMNS["2"], "insula", _effect("different", -0.8), pattern) == "wrong"
    assert judge(COLUMNS["4"], "frontal", _effect("equivalent", 0.0), pattern) == "right"


def test_counts_keep_the_three_words_apart() -> None:
    counts = Counts.of(["right", "wrong", "right", "inconclusive", "wrong", "wrong"])
    assert (counts.right, counts.inconclusive, counts.wrong) == (2, 1, 3)


def test_null_cohorts_are_left_alone() -> None:
    positives = aud_simulation.false_positives(range(3), replicates=40, per_group=40)
    assert list(positives.columns) == list(COLUMNS)
    assert positives.to_numpy().sum() <= 2


def test_the_ceiling_counts_every_seed() -> None:
    counts = aud_simulation.ceiling(range(3), per_group=60, effect="demo")
    assert counts.index.tolist() == [0, 1, 2]
    assert (counts[["2", "3"]] >= 5).all(axis=None)
    assert aud_simulation.ceiling([0], per_group=60, effect="null")["1"].tolist() == [1]
