"""The AUD study from evidence to records: rows, controls, order, what is missing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from aud_simulation import FIT_PERMUTED
from aud_simulation import METHOD
from aud_simulation import VOLUMES
from aud_simulation import Simulated

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import MetricUse
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import UserError
from pcgm_bench.metrics.change_map import ChangeCorrelation
from pcgm_bench.results.select import only
from pcgm_bench.results.select import rows_of
from pcgm_bench.results.select import select
from pcgm_bench.studies.aud import terms
from pcgm_bench.studies.aud.comparisons import COLUMNS
from pcgm_bench.studies.aud.rows import ALL_PERMUTED
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.study import AUDStudy

STUDY = AUDStudy()


def number(records: Sequence[Record], metric: str, row: str = METHOD, **where: str) -> float:
    record = only(records, row=row, metric=metric, **where)
    assert record is not None
    assert record.estimate is not None
    return record.estimate


def word(records: Sequence[Record], metric: str, row: str = METHOD, **where: str) -> str:
    record = only(records, row=row, metric=metric, **where)
    assert record is not None
    return record.text


def few(evidence: Evidence, *rows: str) -> Evidence:
    """Measurements of these rows alone, with hardly a bootstrap."""
    return replace(evidence, measurements=[m for m in evidence.measurements if m.row in rows], replicates=2)


# Rows.


def test_rows_stand_in_the_order_of_the_tables_with_their_kinds() -> None:
    rows = STUDY.rows("pcgm")
    assert [(row.name, row.kind) for row in rows] == [
        ("real", RowKind.REAL),
        ("pcgm", RowKind.METHOD),
        ("oracle", RowKind.CEILING),
        ("copy-input", RowKind.CONTROL),
        ("random-other", RowKind.CONTROL),
        ("tissue-edit", RowKind.CHEAT),
        ("one-patch", RowKind.CHEAT),
        ("pcgm (volumes)", RowKind.VOLUMES),
        ("pcgm (volumes, labels permuted)", RowKind.PERMUTED),
        (ALL_PERMUTED, RowKind.PERMUTED),
    ]
    assert [row.makes_images for row in rows[1:]] == [True] * 6 + [False] * 3
    assert [(row.fits_permuted, row.asks_permuted) for row in rows[7:]] == [(False, False), (True, False), (True, True)]
    assert {row.generator for row in rows[7:]} == {"pcgm"}


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("copy-input", RowKind.CONTROL),
        ("oracle", RowKind.CEILING),
        ("one-patch", RowKind.CHEAT),
        ("half-dose", RowKind.CHEAT),
    ],
)
def test_a_control_that_is_run_as_the_method_stands_once_and_is_no_method(method: str, kind: RowKind) -> None:
    rows = STUDY.rows(method)
    assert [row.kind for row in rows if row.name == method] == [kind]
    assert rows[1].name == method
    assert RowKind.METHOD not in {row.kind for row in rows}


def test_records_have_the_order_of_the_protocol_whatever_the_order_of_measurements(people: Simulated) -> None:
    evidence = people.evidence()
    shuffled = list(evidence.measurements)
    random.Random(0).shuffle(shuffled)
    first = STUDY.score(replace(evidence, replicates=2))
    again = STUDY.score(replace(evidence, replicates=2, measurements=shuffled))
    assert rows_of(first) == [row.name for row in STUDY.rows(METHOD) if row.kind is not RowKind.CHEAT]
    assert first == again


def test_every_number_is_there_once(records: Sequence[Record]) -> None:
    keys = [(r.row, r.metric, r.group, r.region, r.contrast) for r in records]
    assert len(keys) == len(set(keys))
    kinds = {row.name: row.kind for row in STUDY.rows(METHOD)} | {"": RowKind.REAL}
    assert all(record.kind is kinds[record.row] for record in records)


# Controls, by both rules.


def test_the_oracle_is_the_ceiling_and_never_wrong(records: Sequence[Record]) -> None:
    assert all(number(records, terms.correct(name), "oracle") == 6 for name in COLUMNS)
    assert sum(r.estimate or 0 for r in select(records, row="oracle", metric=terms.LOBES_WRONG)) == 0
    assert word(records, terms.VERDICT, "oracle") == "pass"


def test_copying_the_input_is_seen_by_its_signs_though_the_paper_counts_it_right(records: Sequence[Record]) -> None:
    assert number(records, terms.correct("1"), "copy-input") == 6
    assert number(records, terms.WRONG_SIGNS, "copy-input") == 5
    assert number(records, terms.LOBES_WRONG, "copy-input", contrast="1") == 5
    assert word(records, terms.EFFECT_VERDICT, "copy-input", contrast="2", region="frontal") == "equivalent"
    assert word(records, terms.VERDICT, "copy-input") == "fail"


def test_a_random_other_passes_the_paper_and_fails_as_a_person(records: Sequence[Record]) -> None:
    assert [number(records, terms.correct(name), "random-other") for name in COLUMNS] == [6] * 6
    assert word(records, terms.PART, "random-other", group="right change") == "fail"
    assert word(records, terms.VERDICT, "random-other") == "fail"


def test_permuted_labels_leave_nothing_to_see(records: Sequence[Record]) -> None:
    p_values = select(records, row=ALL_PERMUTED, metric=terms.PAPER_P)
    assert len(p_values) == 36
    assert all(record.estimate is not None and record.estimate > 0.05 / 6 for record in p_values)
    verdicts = {record.text for record in select(records, row=ALL_PERMUTED, metric=terms.EFFECT_VERDICT)}
    assert verdicts <= {"equivalent", "inconclusive"}


def test_a_model_of_permuted_labels_has_the_wrong_sign(records: Sequence[Record]) -> None:
    assert number(records, terms.WRONG_SIGNS, FIT_PERMUTED) > 0
    assert word(records, terms.VERDICT, FIT_PERMUTED) == "fail"


def test_recovery_of_a_faithful_method_is_near_one(records: Sequence[Record]) -> None:
    for lobe in LOBES[:-1]:
        of_real = only(records, row=METHOD, metric=terms.OF_REAL, contrast="1", region=lobe)
        of_planted = only(records, row=METHOD, metric=terms.OF_PLANTED, contrast="1", region=lobe)
        assert of_real is not None
        assert of_planted is not None
        assert of_real.low < of_real.estimate < of_real.high
        assert 0.8 < of_real.estimate < 1.25
        assert of_planted.low < 1 < of_planted.high
    assert only(records, row=METHOD, metric=terms.OF_PLANTED, contrast="1", region="occipital") is None


def test_recovery_is_one_effect_over_the_other(records: Sequence[Record]) -> None:
    for column in "123":
        for lobe in LOBES[:-1]:
            where = {"contrast": column, "region": lobe}
            real = number(records, terms.D, contrast="real", region=lobe)
            assert number(records, terms.OF_REAL, **where) == pytest.approx(number(records, terms.D, **where) / real)
            planted = number(records, terms.PLANTED, row="", region=lobe)
            percent = number(records, terms.DIFFERENCE, **where)
            assert number(records, terms.OF_PLANTED, **where) == pytest.approx(-percent / planted)


def test_no_estimate_is_outside_its_interval(records: Sequence[Record]) -> None:
    bounded = [r for r in records if r.low is not None and r.high is not None]
    assert len(bounded) > 500
    assert [r for r in bounded if not r.low <= r.estimate <= r.high] == []


def test_a_ratio_to_a_real_effect_that_is_not_told_from_none_is_not_determined(people: Simulated) -> None:
    """Without an effect among the real groups, some ratio would be anything."""
    evidence = few(people.evidence(), "real", METHOD)
    rng = np.random.default_rng(0)
    names = rng.permutation(sorted({m.subject for m in evidence.measurements}))
    labels = dict(zip(names, ["AUD", "control"] * 100, strict=True))
    shuffled = [replace(m, factual_diagnosis=labels[m.subject]) for m in evidence.measurements]
    records = STUDY.score(replace(evidence, measurements=shuffled, replicates=40))
    ratios = select(records, metric=terms.OF_REAL)
    open_ratios = [r for r in ratios if r.estimate is None]
    assert open_ratios
    assert all("includes 0" in r.reason for r in open_ratios)


# What counts as right.


def test_another_diagnosis_is_held_against_its_own_groups(people: Simulated) -> None:
    evidence = few(people.evidence(), "real", METHOD, "copy-input", VOLUMES)
    table = people.table.assign(diagnosis_original=people.table["diagnosis"].replace({"AUD": "depr"}))
    depression = replace(evidence, table=table, is_phantom=False, planted={}, replicates=60)
    records = STUDY.score(depression)
    assert word(records, terms.EXPECT, row="") == "cohort"
    assert number(records, terms.correct("1", "cohort")) >= 5
    assert not select(records, metric=terms.correct("1"))
    expected = {r.region: r.estimate for r in select(records, metric=terms.EXPECTED)}
    real = {r.region: r.estimate for r in select(records, row="real", metric=terms.DIFFERENCE, contrast="real")}
    assert expected["insula"] == real["insula"]
    assert expected["occipital"] in (None, 0.0)  # not told, or told to be alike: never a guess
    assert number(records, terms.LOBES_RIGHT, contrast="2") >= 5
    as_aud = STUDY.score(replace(depression, expect="aud", replicates=2))
    assert word(as_aud, terms.EXPECT, row="") == "aud"
    assert number(as_aud, terms.correct("1")) >= 5


def test_cohorts_of_aud_and_phantoms_expect_aud(people: Simulated) -> None:
    evidence = few(people.evidence(), "real")
    for is_phantom in (True, False):
        records = STUDY.score(replace(evidence, is_phantom=is_phantom))
        assert word(records, terms.EXPECT, row="") == "aud"
    with pytest.raises(UserError, match="--expect depr: the AUD study knows aud and cohort"):
        STUDY.score(replace(evidence, expect="depr"))


def test_error_to_the_oracle_is_measured_beside_the_input_s(records: Sequence[Record]) -> None:
    for lobe in LOBES[:-1]:
        ours = number(records, terms.ORACLE_ERROR, region=lobe)
        assert ours < 0.75 * number(records, terms.ORACLE_ERROR, "copy-input", region=lobe)
    copied = number(records, terms.ORACLE_ERROR, "copy-input", region="frontal")
    assert copied == pytest.approx(np.hypot(4.6, 1.4), abs=0.4)
    assert not select(records, row=["real", "oracle", ALL_PERMUTED], metric=terms.ORACLE_ERROR)


def test_only_rows_with_a_causal_model_are_fitted_anew(records: Sequence[Record]) -> None:
    refitted = {record.row: record.text for record in select(records, metric=terms.REFITTED)}
    assert refitted == {METHOD: "yes", VOLUMES: "yes", FIT_PERMUTED: "no", ALL_PERMUTED: "yes"}


def test_a_method_that_says_no_volumes_is_not_refitted(people: Simulated) -> None:
    evidence = replace(few(people.evidence(), "real", METHOD), refitter=people.refitter)
    records = STUDY.score(evidence)
    assert rows_of(records) == ["real", METHOD]
    assert not select(records, metric=terms.REFITTED)


# Missing measurements.


def test_missing_counterfactuals_are_left_out_and_said(people: Simulated) -> None:
    gone = set(people.table["subject"][:10])
    evidence = few(people.evidence(), "real", METHOD)
    kept = [m for m in evidence.measurements if m.row == "real" or m.subject not in gone]
    records = STUDY.score(replace(evidence, measurements=kept))
    assert number(records, terms.LEFT_OUT) == 10
    d = only(records, row=METHOD, metric=terms.D, contrast="2", region="insula")
    assert d is not None
    assert d.n == 90
    assert f"People left out for want of a measurement: {METHOD} 10." in STUDY.tables(records)[0].notes


def test_a_lobe_that_a_row_does_not_say_is_missing_not_correct(people: Simulated) -> None:
    evidence = few(people.evidence(), "real", METHOD)
    five = [
        replace(m, volumes={k: v for k, v in m.volumes.items() if k != "occipital"}) if m.row == METHOD else m
        for m in evidence.measurements
    ]
    records = STUDY.score(replace(evidence, measurements=five, replicates=5))
    p = only(records, row=METHOD, metric=terms.PAPER_P, contrast="4", region="occipital")
    assert p is not None
    assert p.estimate is None
    assert number(records, terms.correct("4")) == 5
    assert word(records, terms.EFFECT_VERDICT, contrast="4", region="occipital") == "inconclusive"
    assert word(records, terms.EFFECT_VERDICT, contrast="4", region="frontal") != "inconclusive"


def test_without_real_measurements_there_is_nothing_to_score(people: Simulated) -> None:
    with pytest.raises(UserError, match="no measurements of the real scans"):
        STUDY.score(few(people.evidence(), METHOD))


def test_two_real_patients_are_too_few(people: Simulated) -> None:
    evidence = few(people.evidence(), "real")
    patients = [m for m in evidence.measurements if m.factual_diagnosis == "AUD"][:2]
    controls = [m for m in evidence.measurements if m.factual_diagnosis == "control"][:9]
    with pytest.raises(UserError, match="needs 3 measured people a group, has 9 and 2"):
        STUDY.score(replace(evidence, measurements=[*patients, *controls]))


def test_images_of_somebody_else_fail_the_person(people: Simulated) -> None:
    evidence = few(people.evidence(), "real", "oracle", "copy-input", METHOD)
    said = {}
    for share in (1.0, 0.98):
        nearest = {METHOD: {"own-nearest": Estimate(share, share, share, 200)}}
        records = STUDY.score(replace(evidence, images=nearest))
        nearest = word(records, terms.PART, group="own scan nearest")
        said[share] = nearest, word(records, terms.VERDICT), number(records, terms.OWN_NEAREST)
    assert (said[1.0][0], said[1.0][2]) == ("pass", 1.0)
    assert said[0.98] == ("fail", "fail", 0.98)


# Where the images changed.


def test_a_change_in_the_wrong_place_fails_the_verdict_and_is_in_the_table(people: Simulated) -> None:
    evidence = few(people.evidence(), "real", "oracle", "copy-input", METHOD)
    name = "change-correlation"
    images = {
        "oracle": {name: Estimate(0.99, 0.97, 1.0, 40)},
        "copy-input": {name: Estimate(0.0, 0.0, 0.0, 40)},
        METHOD: {name: Estimate(0.2, 0.1, 0.3, 40)},
    }
    uses = {name: MetricUse(name, ChangeCorrelation.record, f"{name}-1")}
    records = STUDY.score(replace(evidence, images=images, uses=uses))
    parts = {r.row: (r.text, r.reason) for r in select(records, metric=terms.PART, group="where")}
    assert parts["oracle"] == ("pass", "change-correlation 0.99")
    assert parts["copy-input"][0] == "fail"
    assert parts[METHOD] == (
        "fail",
        "correlation of the change map with the true one 0.20 [0.10, 0.30], at least 0.6 is needed",
    )
    tables = {table.name: table for table in STUDY.tables(records)}
    assert [row[:2] for row in tables["where"].rows] == [[METHOD, 0.2], ["oracle", 0.99], ["copy-input", 0.0]]
    assert "where" in [column.name for column in tables["verdict"].columns]
