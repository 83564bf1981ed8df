"""The AUD study on simulated volumes: rules, rows, folds, tables."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import UserError
from pcgm_bench.studies import aud_simulate
from pcgm_bench.studies.aud import AUDStudy
from pcgm_bench.studies.aud_cohort import find_levels
from pcgm_bench.studies.aud_person import same_person
from pcgm_bench.studies.aud_rules import COLUMNS
from pcgm_bench.studies.aud_rules import count_correct
from pcgm_bench.studies.aud_rules import paper_rule
from pcgm_bench.studies.aud_sample import LOBES
from pcgm_bench.studies.aud_sample import build
from pcgm_bench.studies.aud_sample import readings
from pcgm_bench.studies.aud_simulate import LEVELS
from pcgm_bench.studies.aud_simulate import METHOD
from pcgm_bench.studies.aud_sound import judge
from pcgm_bench.studies.aud_sound import sound_rule

STUDY = AUDStudy()


@pytest.fixture(scope="module")
def cohort() -> aud_simulate.Simulated:
    return aud_simulate.simulate(2, per_group=100, image_noise=0.003)


@pytest.fixture(scope="module")
def scores(cohort: aud_simulate.Simulated) -> dict[str, Any]:
    return STUDY.score(cohort.measurements, cohort.table, 0, True, refitter=cohort.refitter, replicates=60)


@pytest.fixture
def table() -> pd.DataFrame:
    return aud_simulate.simulate(3, per_group=40).table


def _change(measurements: list[Measurement], row: str, **volumes: float) -> list[Measurement]:
    """The same, with volumes of one row multiplied."""
    return [
        dataclasses.replace(m, volumes={k: v * volumes.get(k, 1.0) for k, v in m.volumes.items()})
        if m.row == row
        else m
        for m in measurements
    ]


# The paper's rule.


def test_a_missing_p_value_is_never_correct() -> None:
    everything = dict.fromkeys(LOBES, 0.5)
    assert count_correct(everything, "4") == 6
    assert count_correct(everything | {"insula": float("nan")}, "4") == 5
    assert count_correct({}, "5") == 0


def test_the_threshold_itself_is_significant() -> None:
    assert count_correct(dict.fromkeys(LOBES, 0.05 / 6), "1") == 5
    assert count_correct(dict.fromkeys(LOBES, 0.05 / 6 + 1e-9), "1") == 1


def test_columns_compare_the_people_they_say(cohort: aud_simulate.Simulated) -> None:
    sample = build(readings(cohort.measurements), "oracle", LEVELS)
    result = paper_rule(sample)
    assert {name: column["n"] for name, column in result.items()} == {key: [100, 100] for key in COLUMNS}
    # AUD-like is second: the planted loss is negative wherever the diagnosis differs.
    for name, column in COLUMNS.items():
        assert (result[name]["difference"]["frontal"] < -3) == column.effect
    pairs = {name for name, column in COLUMNS.items() if column.same_people}
    assert pairs == {"2", "3"}


def test_head_size_line_comes_from_real_controls_alone(cohort: aud_simulate.Simulated) -> None:
    frames = readings(cohort.measurements)
    before = build(frames, METHOD, LEVELS)
    broken = dataclasses.replace(before, real=before.real * np.where(before.patient, 7.0, 1.0)[:, None])
    one, other = paper_rule(before), paper_rule(broken)
    assert one["2"]["p"] == other["2"]["p"]
    assert one["real"]["p"] != other["real"]["p"]


# Controls, by both rules.


def test_the_oracle_is_the_ceiling_and_never_wrong(scores: dict[str, Any]) -> None:
    oracle = scores["rows"]["oracle"]
    assert all(oracle["paper"][name]["correct"] == 6 for name in COLUMNS)
    assert sum(count["wrong"] for count in oracle["sound"]["counts"].values()) == 0
    assert oracle["person"]["passed"]


def test_copying_the_input_is_seen_by_its_signs_though_the_paper_counts_it_right(scores: dict[str, Any]) -> None:
    copied = scores["rows"]["copy-input"]
    assert copied["paper"]["1"]["correct"] == 6
    assert len(copied["paper"]["1"]["wrong_sign"]) == 5
    assert copied["sound"]["counts"]["1"]["wrong"] == 5
    assert copied["sound"]["columns"]["2"]["frontal"]["verdict"] == "equivalent"
    assert copied["verdict"] == "fail"


def test_a_random_other_passes_the_paper_and_fails_as_a_person(scores: dict[str, Any]) -> None:
    other = scores["rows"]["random-other"]
    assert [other["paper"][name]["correct"] for name in COLUMNS] == [6] * 6
    assert not other["person"]["passed"]
    assert other["verdict"] == "fail"


def test_a_random_other_fails_without_an_oracle_too(cohort: aud_simulate.Simulated) -> None:
    frames = readings(cohort.measurements)
    for row, passed in (("random-other", False), (METHOD, True)):
        found = sound_rule(build(frames, row, LEVELS), 10, 0)
        assert same_person(found["paired"], None, None, LOBES)["passed"] is passed


def test_permuted_labels_leave_nothing_to_find(scores: dict[str, Any]) -> None:
    row = scores["rows"]["labels permuted before everything"]
    assert not any(column["significant"] for column in row["paper"].values())
    assert all(
        cell["verdict"] in ("equivalent", "inconclusive")
        for cells in row["sound"]["columns"].values()
        for cell in cells.values()
    )


def test_a_model_of_permuted_labels_has_the_wrong_sign(scores: dict[str, Any]) -> None:
    row = scores["rows"][f"{METHOD} (volumes, labels permuted)"]
    assert row["paper"]["1"]["wrong_sign"]
    assert row["verdict"] == "fail"


# The sound rule.


def test_recovery_of_a_faithful_method_is_near_one(scores: dict[str, Any]) -> None:
    for lobe in LOBES[:-1]:
        cell = scores["rows"][METHOD]["sound"]["recovery"]["1"][lobe]
        assert 0.8 < cell["of_real"] < 1.25
        assert cell["of_real_low"] < cell["of_real"] < cell["of_real_high"]
        assert cell["of_planted_low"] < 1 < cell["of_planted_high"]
    assert "of_planted" not in scores["rows"][METHOD]["sound"]["recovery"]["1"]["occipital"]


def test_refitting_widens_what_all_people_share(cohort: aud_simulate.Simulated) -> None:
    sample = build(readings(cohort.measurements), METHOD, LEVELS)
    plain = sound_rule(sample, 60, 0)
    refitted = sound_rule(sample, 60, 0, cohort.refitter)
    assert (plain["refitted"], refitted["refitted"]) == (False, True)
    wide, narrow = (x["columns"]["2"]["occipital"] for x in (refitted, plain))
    assert wide["d"] == narrow["d"]
    assert wide["se"] > 3 * narrow["se"]
    assert wide["se"] == pytest.approx(np.sqrt(2 / 100), rel=0.35)


def test_a_bias_of_the_images_is_found_in_columns_4_and_5(cohort: aud_simulate.Simulated) -> None:
    biased = _change(cohort.measurements, METHOD, insula=0.95)
    cells = sound_rule(build(readings(biased), METHOD, LEVELS), 60, 0, cohort.refitter)["columns"]
    assert cells["4"]["insula"]["verdict"] == "different"
    assert cells["4"]["insula"]["percent"] == pytest.approx(-5, abs=0.5)
    assert cells["4"]["frontal"]["verdict"] == "equivalent"


def test_equivalence_needs_evidence_not_silence() -> None:
    silent = {"verdict": "inconclusive", "d": 0.01}
    assert judge(COLUMNS["4"], "frontal", silent) == "inconclusive"
    assert judge(COLUMNS["4"], "frontal", {"verdict": "both", "d": 0.1}) == "right"
    assert judge(COLUMNS["1"], "occipital", {"verdict": "different", "d": -0.6}) == "wrong"
    assert judge(COLUMNS["1"], "frontal", {"verdict": "equivalent", "d": -0.1}) == "wrong"


def test_null_cohorts_are_left_alone() -> None:
    found = aud_simulate.false_positives(range(3), replicates=40, per_group=40)
    assert list(found.columns) == list(COLUMNS)
    assert found.to_numpy().sum() <= 2


def test_the_ceiling_counts_every_seed() -> None:
    counts = aud_simulate.ceiling(range(3), per_group=60, effect="demo")
    assert counts.index.tolist() == [0, 1, 2]
    assert (counts[["2", "3"]] >= 5).all(axis=None)
    assert aud_simulate.ceiling([0], per_group=60, effect="null")["1"].tolist() == [1]


# The person.


def test_error_to_the_oracle_is_measured_beside_the_inputs(scores: dict[str, Any]) -> None:
    copied = scores["rows"]["copy-input"]["oracle_error"]
    ours = scores["rows"][METHOD]["oracle_error"]
    for lobe in LOBES[:-1]:
        assert ours[lobe]["rms"] < 0.75 * copied[lobe]["rms"]
        assert copied[lobe]["low"] < copied[lobe]["rms"] < copied[lobe]["high"]
    assert copied["frontal"]["rms"] == pytest.approx(np.hypot(4.6, 1.4), abs=0.4)


def test_spill_over_is_counted_in_the_direction_it_happened(cohort: aud_simulate.Simulated) -> None:
    shrunk = _change(cohort.measurements, METHOD, occipital=0.98)
    few = [m for m in shrunk if m.row in ("real", METHOD, f"{METHOD} (volumes)")]
    result = STUDY.score(few, cohort.table, 0, True, replicates=2)
    for direction in ("to patient", "to control"):
        cell = result["rows"][METHOD]["spill_over"][direction]["occipital"]
        assert cell["excess"] == pytest.approx(-2, abs=0.15)
        assert cell["n"] == 100
        assert "ventricles" not in result["rows"][METHOD]["spill_over"][direction]


# Visits, missing readings, levels, folds.


def test_subjects_are_averaged_over_visits_that_both_have() -> None:
    def reading(row: str, session: str, volume: float) -> Measurement:
        volumes = dict.fromkeys(LOBES, volume)
        return Measurement(row, "a", session, 50.0, "F", "control", "control", 1400.0, volumes)

    found = [reading("real", "1", 100.0), reading("real", "2", 110.0), reading("x", "2", 90.0), reading("x", "9", 1.0)]
    sample = build(readings(found), "x", LEVELS)
    assert sample.lobes[0, 0] == 110.0
    assert sample.other_lobes[0, 0] == 90.0
    assert build(readings(found), "real", LEVELS).lobes[0, 0] == 105.0


def test_missing_counterfactuals_are_dropped_and_said(cohort: aud_simulate.Simulated) -> None:
    gone = set(cohort.table["subject"][:10])
    kept = [m for m in cohort.measurements if m.row == "real" or (m.row == METHOD and m.subject not in gone)]
    result = STUDY.score(kept, cohort.table, 0, True, replicates=2)
    assert result["rows"][METHOD]["dropped"] == 10
    assert result["rows"][METHOD]["paper"]["2"]["n"] == [90, 90]
    assert "People left out" in STUDY.tables(result)[0].markdown()


def test_a_lobe_that_a_row_does_not_say_is_missing_not_correct(cohort: aud_simulate.Simulated) -> None:
    five = [
        dataclasses.replace(m, volumes={k: v for k, v in m.volumes.items() if k != "occipital"})
        if m.row == METHOD
        else m
        for m in cohort.measurements
        if m.row in ("real", METHOD)
    ]
    result = STUDY.score(five, cohort.table, 0, True, replicates=5)["rows"][METHOD]
    assert result["paper"]["4"]["p"]["occipital"] is None
    assert result["paper"]["4"]["correct"] == 5
    assert result["sound"]["columns"]["4"]["occipital"]["verdict"] == "inconclusive"
    assert result["sound"]["columns"]["4"]["frontal"]["verdict"] != "inconclusive"


def test_without_real_readings_there_is_nothing_to_score(cohort: aud_simulate.Simulated) -> None:
    with pytest.raises(UserError, match="no readings of the real scans"):
        STUDY.score([m for m in cohort.measurements if m.row != "real"], cohort.table, 0, True)


@pytest.mark.parametrize("found", [["AUD"], ["control"], ["control", "a", "b"], ["hc", "control", "AUD"]])
def test_two_diagnoses_are_needed(found: list[str]) -> None:
    with pytest.raises(UserError, match="one control and one patient diagnosis"):
        find_levels(found)


def test_other_patients_take_no_part() -> None:
    assert find_levels(["HIV", "AUD", "control"]).patient == "AUD"


def test_folds_are_disjoint_complete_and_matched(table: pd.DataFrame) -> None:
    folds = STUDY.folds(table, seed=0)
    people = table.set_index("subject")
    assert sorted(subject for _, test in folds for subject in test) == sorted(people.index)
    for train, test in folds:
        assert not set(train) & set(test)
        assert len(train) + len(test) == len(people)
        assert people.loc[test, "diagnosis"].value_counts().tolist() == [8, 8]
        assert abs(people.loc[test, "age"].mean() - people["age"].mean()) < 3
        assert abs((people.loc[test, "sex"] == "F").mean() - (people["sex"] == "F").mean()) < 0.12
    assert STUDY.folds(table, seed=0) == folds
    assert STUDY.folds(table, seed=1) != folds


def test_visits_of_a_person_stay_in_one_fold_and_under_one_label(table: pd.DataFrame) -> None:
    twice = pd.concat([table, table.assign(session="02", age=table["age"] + 2)], ignore_index=True)
    assert sum(len(test) for _, test in STUDY.folds(twice, 0)) == table["subject"].nunique()
    shuffled = STUDY.permuted(twice, 0)
    assert (shuffled.groupby("subject")["diagnosis"].nunique() == 1).all()
    assert shuffled["diagnosis"].value_counts().tolist() == [80, 80]
    assert (shuffled["diagnosis"] != twice["diagnosis"]).any()


def test_too_few_people_for_the_folds(table: pd.DataFrame) -> None:
    few = pd.concat([table[table["diagnosis"] == "AUD"].head(3), table[table["diagnosis"] == "control"]])
    with pytest.raises(UserError, match="3 people with diagnosis 'AUD' cannot fill 5 folds: add at least 2"):
        STUDY.folds(few, 0)


def test_everybody_is_asked_for_the_other_diagnosis(table: pd.DataFrame) -> None:
    table.loc[0, "diagnosis"] = "HIV"
    asked = STUDY.interventions(table)
    assert [row for row, _ in asked] == list(range(1, 80))
    assert all(do["diagnosis"] != table["diagnosis"][row] for row, do in asked)


# Output.


def test_scores_are_json_and_a_function_of_the_seed(cohort: aud_simulate.Simulated, scores: dict[str, Any]) -> None:
    few = [m for m in cohort.measurements if m.row in ("real", METHOD, f"{METHOD} (volumes)")]
    again = STUDY.score(few[::-1], cohort.table, 0, True, refitter=cohort.refitter, replicates=60)
    for row in ("real", METHOD):
        for rule in ("paper", "sound"):
            dumped = json.dumps(again["rows"][row][rule], sort_keys=True, allow_nan=False)
            assert dumped == json.dumps(scores["rows"][row][rule], sort_keys=True)


def test_tables_come_from_stored_scores_alone(scores: dict[str, Any]) -> None:
    stored = json.loads(json.dumps(scores))
    tables = {table.name: table for table in STUDY.tables(stored)}
    assert {
        "overview-paper",
        "overview-sound",
        "paper-real",
        "sound-linear",
        "recovery-linear",
        "oracle-error",
        "spill-over",
    } <= set(tables)
    text = tables["overview-paper"].markdown() + tables["overview-sound"].markdown()
    assert "With n = 100 + 100 you could see d >= 0.50" in text
    assert "not the same person" in text
    for name in ("overview-paper", "overview-sound"):
        assert set(STUDY.rows(METHOD)) < {row[0] for row in tables[name].rows}
    assert "fitted anew in every replicate" in tables["sound-linear"].markdown()


def test_a_column_that_ranks_a_control_above_the_method_is_marked(scores: dict[str, Any]) -> None:
    stored = copy.deepcopy(scores)
    stored["rows"][METHOD]["paper"]["1"]["correct"] = 5
    stored["rows"][METHOD]["sound"]["counts"] = {name: {"right": 6, "inconclusive": 0, "wrong": 0} for name in COLUMNS}
    stored["rows"][METHOD]["sound"]["counts"]["2"] = {"right": 0, "inconclusive": 6, "wrong": 0}
    stored["rows"]["copy-input"]["sound"]["counts"]["2"] = {"right": 1, "inconclusive": 0, "wrong": 5}
    stored["rows"]["random-other"]["sound"]["counts"]["2"] = {"right": 2, "inconclusive": 4, "wrong": 0}
    tables = {table.name: table for table in STUDY.tables(stored)}
    headings = {name: [column.name for column in table.columns] for name, table in tables.items()}
    assert headings["overview-paper"][1:] == ["real", "1 (!)", "2", "3", "4", "5", "wrong signs"]
    assert headings["overview-sound"][1:] == ["real", "1", "2 (!)", "3", "4", "5", "same person", "verdict"]
    (paper,) = (note for note in tables["overview-paper"].notes if note.startswith("(!)"))
    assert "column 1: " in paper
    assert "copy-input" in paper
    assert "random-other" in paper
    assert "oracle" not in paper  # the truth may stand above, and so may the method's own model
    assert f"{METHOD} (volumes)," not in paper
    (sound,) = (note for note in tables["overview-sound"].notes if note.startswith("(!)"))
    assert sound.endswith("column 2: random-other.")  # one right and five wrong is not above none of either
    assert "occipital (!)" in headings["spill-over"]  # a copy spills nothing
    assert "(!)" not in "".join(headings["person"])


def test_images_of_somebody_else_fail_the_person(cohort: aud_simulate.Simulated, scores: dict[str, Any]) -> None:
    few = [m for m in cohort.measurements if m.row in ("real", "oracle", "copy-input", METHOD)]
    verdicts = {}
    for share in (1.0, 0.98):
        found = {METHOD: {"own-nearest": {"value": share, "low": share, "high": share, "n": 200}}}
        result = STUDY.score(few, cohort.table, 0, True, replicates=2, images=found)
        verdicts[share] = result["rows"][METHOD]["person"]["passed"]
        table = next(table for table in STUDY.tables(result) if table.name == "person")
        assert any(f"{100 * share:.1f}" in str(cell) for row in table.rows for cell in row)
    assert verdicts == {1.0: scores["rows"][METHOD]["person"]["passed"], 0.98: False}


def test_a_model_that_was_not_refitted_says_so(cohort: aud_simulate.Simulated) -> None:
    few = [m for m in cohort.measurements if m.row in ("real", METHOD, f"{METHOD} (volumes)")]
    result = STUDY.score(few, cohort.table, 0, True, replicates=2)
    tables = {table.name: table.markdown() for table in STUDY.tables(result)}
    assert "PGM not refitted" in tables["sound-linear"]
    assert "PGM not refitted" not in tables["sound-real"]


def test_warnings_name_what_the_cohort_cannot_show(table: pd.DataFrame) -> None:
    class Depression:
        is_phantom = False

    small = pd.concat([table.head(10), table.tail(10)]).replace({"diagnosis": {"AUD": "depr"}})
    small["head_size"] = float("nan")
    text = " / ".join(STUDY.warnings(small, Depression()))  # type: ignore[arg-type]
    renamed = small.replace({"diagnosis": {"depr": "AUD"}}).assign(diagnosis_original=small["diagnosis"])
    assert "'depr' is not AUD" in " / ".join(STUDY.warnings(renamed, Depression()))  # type: ignore[arg-type]
    for words in ("n = 10 + 10 is too small", "d >= 1.73", "'depr' is not AUD", "no oracle", "head size is unknown"):
        assert words in text
