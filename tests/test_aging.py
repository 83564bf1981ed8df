"""The ageing study on simulated volumes: who is asked, which scan answers, and what is told apart."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from aging_people import STUDY
from aging_people import Simulated
from scipy import stats

from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import UserError
from pcgm_bench.report.trajectories import trajectories_figure
from pcgm_bench.statistics.multiplicity import holm
from pcgm_bench.studies import aging_visits
from pcgm_bench.studies.aging import CONTROLS
from pcgm_bench.studies.aging import AgingStudy
from pcgm_bench.studies.aging_visits import ADOLESCENTS
from pcgm_bench.studies.aging_visits import GROUPS
from pcgm_bench.studies.aging_visits import HIV
from pcgm_bench.studies.aging_visits import OLD


class Phantom:
    """What a cohort tells a study."""

    is_phantom = True


@pytest.fixture(scope="module")
def cohort() -> Simulated:
    people = Simulated(10)
    people.add("method", 1.0)
    people.add("fivefold", 5.0)
    people.add("oracle")
    people.add("copy-input", 0.0)
    people.add("noise", 0.0, 0.5)
    return people


@pytest.fixture(scope="module")
def scores(cohort: Simulated) -> dict[str, Any]:
    return STUDY.score(cohort.measurements, cohort.table, 0, True)


@pytest.fixture(scope="module")
def table(cohort: Simulated) -> pd.DataFrame:
    return cohort.table


# Who is asked what.


def test_every_baseline_is_asked_once_for_each_later_visit(table: pd.DataFrame) -> None:
    asked = STUDY.interventions(table)
    assert len(asked) == len(table) - table["subject"].nunique() == 20 * 4 + 23 * 3 + 41
    for row, do in asked:
        assert table["session"].iloc[row] == "01"
        own = table[table["subject"] == table["subject"].iloc[row]]
        assert do["age"] in set(own["age"].iloc[1:])


def test_the_youngest_scan_is_the_baseline_whatever_the_order(table: pd.DataFrame) -> None:
    shuffled = table.sample(frac=1, random_state=3).reset_index(drop=True)
    first = table.groupby("subject")["age"].min()
    for row, _ in STUDY.interventions(shuffled):
        assert shuffled["age"].iloc[row] == first[shuffled["subject"].iloc[row]]


def test_repeats_and_other_diagnoses_are_not_asked() -> None:
    rows = [
        ["a", 70.0, "HC"],
        ["a", 70.1, "HC"],
        ["a", 71.0, "HC"],
        ["a", 71.02, "HC"],
        ["b", 50.0, "AUD"],
        ["b", 52.0, "AUD"],
    ]
    table = pd.DataFrame(rows, columns=["subject", "age", "diagnosis"]).assign(
        session=list("123412"), sex="F", head_size=1400.0
    )
    assert STUDY.interventions(table) == [(0, {"age": 71.0})]
    with pytest.raises(UserError, match="cohort has none"):
        STUDY.interventions(table[table["subject"] == "b"])
    with pytest.raises(UserError, match="sub-a has a scan without an age"):
        STUDY.interventions(table.assign(age=[70.0, np.nan, 71.0, 71.02, 50.0, 52.0]))


@pytest.mark.parametrize("seed", range(5))
def test_folds_hold_everybody_out_once_and_share_out_the_groups(table: pd.DataFrame, seed: int) -> None:
    folds = STUDY.folds(table, seed)
    groups = aging_visits.people(table)
    assert sorted(name for _, test in folds for name in test) == sorted(groups)
    for train, test in folds:
        assert not set(train) & set(test)
        assert set(train) | set(test) == set(groups)
        counts = {group: sum(groups[name] == group for name in test) for group in GROUPS}
        assert 8 <= counts[HIV] <= 9
        assert 8 <= counts[ADOLESCENTS] + counts[OLD] <= 9
        assert min(counts.values()) >= 3


def test_people_without_a_follow_up_train_every_fold(table: pd.DataFrame) -> None:
    alone = table[~((table["subject"] == "hiv000") & (table["session"] == "02"))].reset_index(drop=True)
    folds = STUDY.folds(alone, 0)
    assert all("hiv000" in train for train, _ in folds)
    assert not any("hiv000" in test for _, test in folds)


def test_too_few_people_are_named(table: pd.DataFrame) -> None:
    few = table[table["subject"].isin(["hiv000", "hiv001"]) | table["subject"].str.startswith("old")]
    with pytest.raises(UserError, match=r"2 people with HIV .* add at least 3"):
        STUDY.folds(few.reset_index(drop=True), 0)


# Which real scan answers.


def test_images_meet_the_follow_up_of_their_age(cohort: Simulated) -> None:
    real = aging_visits.real_visits(cohort.measurements, cohort.table)
    mine = [m for m in cohort.measurements if m.row == "oracle"]
    found = aging_visits.with_made(real, mine)
    assert len(found) == len(real) == len(mine)
    by_age = {(m.subject, round(m.age, 3)): m.volumes["ventricles"] for m in mine}
    for _, visit in found.iterrows():
        assert visit["made"] == by_age[visit["subject"], round(visit["age"], 3)]
    rounded = [Measurement(**{**vars(m), "age": round(m.age, 1)}) for m in mine]
    pd.testing.assert_frame_equal(aging_visits.with_made(real, rounded), found)


def test_images_that_fit_nowhere_are_refused(cohort: Simulated) -> None:
    real = aging_visits.real_visits(cohort.measurements, cohort.table)
    one = next(m for m in cohort.measurements if m.row == "oracle")
    for change, message in (
        ({"age": 99.0}, "no follow-up scan at that age"),
        ({"age": float("nan")}, "no follow-up scan at that age"),
        ({"subject": "nobody"}, "sub-nobody has an image, but no follow-up"),
    ):
        with pytest.raises(UserError, match=message):
            aging_visits.with_made(real, [Measurement(**{**vars(one), **change})])
    with pytest.raises(UserError, match="two images at age"):
        aging_visits.with_made(real, [one, one])


def test_real_scans_must_have_been_read(cohort: Simulated) -> None:
    with pytest.raises(UserError, match="no readings of the real scans"):
        STUDY.score([m for m in cohort.measurements if m.row != "real"], cohort.table, 0, True)
    missing = [m for m in cohort.measurements if (m.row, m.subject, m.session) != ("real", "old000", "02")]
    with pytest.raises(UserError, match="sub-old000 ses-02"):
        STUDY.score(missing, cohort.table, 0, True)


def test_the_training_rate_never_sees_the_person_it_is_for(cohort: Simulated) -> None:
    real = aging_visits.real_visits(cohort.measurements, cohort.table)
    folds = STUDY.folds(cohort.table, 0)
    before = aging_visits.with_expected(real, folds)
    held_out = folds[0][1]
    changed = real.assign(real=real["real"] * np.where(real["subject"].isin(held_out), 3.0, 1.0))
    after = aging_visits.with_expected(changed, folds)
    mine = real["subject"].isin(held_out)
    pd.testing.assert_series_equal(before["expected"][mine], after["expected"][mine])
    assert (before["expected"][~mine] != after["expected"][~mine]).all()
    for group, rate in ((OLD, 2.65), (HIV, 2.85), (ADOLESCENTS, 0.91)):  # planned for these people
        assert before["rate"][real["group"] == group].mean() == pytest.approx(rate, abs=0.35)


# Right, fivefold, still, noise.


def test_the_sound_rule_tells_them_apart(scores: dict[str, Any]) -> None:
    for group in (OLD, HIV):
        rows = scores["groups"][group]["rows"]
        slope = {row: entry["sound"]["slope"]["bias"]["value"] for row, entry in rows.items()}
        assert abs(slope["oracle"]) < 0.4
        assert slope["fivefold"] > 10
        assert slope["copy-input"] < -2
        assert rows["oracle"]["verdict"] == "better"
        assert rows["fivefold"]["verdict"] == rows["noise"]["verdict"] == "worse"
        assert rows["copy-input"]["verdict"] == "inconclusive"
        skill = {row: entry["sound"]["skill"]["value"] for row, entry in rows.items()}
        assert skill["oracle"] > skill["method"] > 0.3
        assert abs(skill["copy-input"]) < 0.15
        agreement = {row: entry["sound"]["agreement"]["value"] for row, entry in rows.items()}
        assert agreement["oracle"] > 0.7 > 0.3 > agreement["method"]
        assert rows["oracle"]["sound"]["skill"]["against_training"]["low"] > 0
    assert scores["groups"][HIV]["rows"]["method"]["verdict"] == "better"


def test_the_paper_rule_cannot(scores: dict[str, Any]) -> None:
    rows = scores["groups"][HIV]["rows"]
    r = {row: entry["paper"]["pearson"]["value"] for row, entry in rows.items()}
    assert r["fivefold"] >= r["method"] - 0.1
    assert scores["all"]["rows"]["method"]["pearson"]["visits"] == {"2": 41, "3": 0, "4+": 43}
    assert "41 of 84" in scores["all"]["rows"]["method"]["pearson"]["warning"]


def test_comparisons_are_scipys(scores: dict[str, Any]) -> None:
    content = scores["groups"][OLD]
    pairs = content["comparisons"]
    assert {(p["first"], p["second"]) for p in pairs} == {
        ("method", "fivefold"), ("method", "oracle"), ("method", "copy-input"), ("method", "noise"),
        ("fivefold", "oracle"), ("fivefold", "copy-input"), ("fivefold", "noise"),
    }  # fmt: skip
    for pair in pairs:
        a, b = (
            np.array(list(content["rows"][pair[k]]["paper"]["nmse"]["people"].values())) for k in ("first", "second")
        )
        t = stats.ttest_rel(a, b)
        assert (pair["paper_t"], pair["paper_p"]) == pytest.approx((t.statistic, t.pvalue))
        assert pair["p"] == pytest.approx(stats.wilcoxon(np.log(a), np.log(b)).pvalue)
    assert [p["p_holm"] for p in pairs] == pytest.approx(holm(np.array([p["p"] for p in pairs])).tolist())


def test_missing_images_are_counted_and_not_averaged_over(cohort: Simulated) -> None:
    gone = {"hiv000", "hiv001"}
    some = [m for m in cohort.measurements if not (m.row == "method" and m.subject in gone)]
    found = STUDY.score(some, cohort.table, 0, True)
    entry = found["groups"][HIV]["rows"]["method"]
    assert entry["dropped"] == 2
    assert entry["sound"]["slope"]["n"] == 39
    assert not gone & set(entry["paper"]["nmse"]["people"])
    pair = next(p for p in found["groups"][HIV]["comparisons"] if p["second"] == "oracle")
    assert pair["n"] == 39
    assert any("want of an image" in note for note in STUDY.tables(found)[0].notes)


def test_images_without_ventricles_have_a_large_and_finite_error(cohort: Simulated) -> None:
    none = [
        Measurement(**{**vars(m), "volumes": {"ventricles": 0.0}}) if m.row == "noise" else m
        for m in cohort.measurements
    ]
    found = STUDY.score(none, cohort.table, 0, True)["groups"][HIV]["rows"]["noise"]
    assert found["sound"]["slope"]["bias"]["value"] < -100
    assert found["paper"]["nmse"]["value"] == pytest.approx(1, abs=0.02)


# What is stored, printed and drawn.


def test_tables_and_board_are_functions_of_what_was_stored(scores: dict[str, Any]) -> None:
    stored = json.loads(json.dumps(scores, sort_keys=True, allow_nan=False))
    assert [t.markdown() for t in STUDY.tables(stored)] == [t.markdown() for t in STUDY.tables(scores)]
    assert STUDY.board(stored) == STUDY.board(scores)
    assert [t.name for t in STUDY.tables(scores) if not t.detail] == ["overview-sound", "overview-paper", "people"]
    first = STUDY.tables(scores)[0]
    assert [row[0] for row in first.rows[::5]] == list(GROUPS)
    assert [row[1] for row in first.rows[:5]] == ["method", "fivefold", "oracle", "copy-input", "noise"]
    assert any(note.startswith("WARNING") for note in STUDY.tables(scores)[1].notes)


def test_a_column_that_ranks_a_control_above_the_methods_is_marked_with_its_group(scores: dict[str, Any]) -> None:
    stored = copy.deepcopy(scores)
    for content in stored["groups"].values():
        content["rows"]["method"]["sound"]["agreement"]["value"] = 0.9  # 0 in truth, as everybody's
    first = STUDY.tables(stored)[0]
    assert [column.name for column in first.columns if "(!)" in column.name] == []
    for row in ("oracle", "copy-input"):
        stored["groups"][HIV]["rows"][row]["sound"]["agreement"]["value"] = 0.99
        stored["groups"][OLD]["rows"][row]["paper"]["nmse"]["value"] = 0.0
    first, second, *_ = STUDY.tables(stored)
    assert [column.name for column in first.columns if "(!)" in column.name] == ["concordance (!)"]
    assert first.notes[-1].endswith("cannot be read alone: concordance (HIV): copy-input.")
    assert [column.name for column in second.columns if "(!)" in column.name] == ["NMSE, old adults (!)"]
    assert second.notes[-1].endswith("NMSE (old adults): copy-input.")


def test_the_power_line_is_that_of_a_paired_t_test(scores: dict[str, Any]) -> None:
    content = scores["groups"][OLD]
    errors = list(content["rows"]["method"]["sound"]["slope"]["people"].values())
    n, sd = content["n"], np.std(errors, ddof=1)
    (line,) = (
        note for note in STUDY.tables(scores)[0].notes if note.startswith("You could see a slope bias of method")
    )
    seen = float(line.split(f" (old adults, n = {n})")[0].split()[-1])
    t = stats.t.ppf(0.975, n - 1)
    assert stats.nct.sf(t, n - 1, seen / sd * np.sqrt(n)) == pytest.approx(0.8, abs=0.02)
    assert not any("slope bias of copy-input" in note for note in STUDY.tables(scores)[0].notes)


def test_board_entries(scores: dict[str, Any]) -> None:
    board = STUDY.board(scores)
    assert len({(entry.row, entry.column) for entry in board}) == len(board) == 5 * (3 * 6 + 2)
    for entry in board:
        assert entry.value is not None
        assert entry.low is not None
        assert entry.high is not None
        assert entry.low <= entry.value <= entry.high
        assert entry.is_control == (entry.row in {*CONTROLS, "noise"})
        assert (entry.rule == "paper") == entry.column.endswith("everybody")
        assert (entry.direction == "nearest") == (entry.target is not None)
        if entry.by_unit is not None:
            assert len(entry.by_unit) == entry.n
            assert np.mean(list(entry.by_unit.values())) == pytest.approx(entry.value)
    assert len({entry.metric for entry in board}) == 8


def test_the_same_scores_whatever_the_order_of_the_readings(cohort: Simulated, scores: dict[str, Any]) -> None:
    order = np.random.default_rng(0).permutation(len(cohort.measurements))
    again = STUDY.score([cohort.measurements[i] for i in order], cohort.table, 0, True)
    assert again["groups"] == {**scores["groups"], **{g: _reordered(again, scores, g) for g in scores["groups"]}}


def _reordered(again: dict[str, Any], scores: dict[str, Any], group: str) -> dict[str, Any]:
    """Comparisons name the first of two methods by the order of the readings; everything else is equal."""
    return {**scores["groups"][group], "comparisons": again["groups"][group]["comparisons"]}


def test_warnings_say_what_not_to_believe(table: pd.DataFrame) -> None:
    lines = STUDY.warnings(table, Phantom())  # type: ignore[arg-type]
    assert any("phantom" in line for line in lines)
    assert any("41 of 84 people have two visits" in line for line in lines)
    real = type("Real", (), {"is_phantom": False})()
    young = table[
        ~table["subject"].str.startswith("hiv") & ~table["subject"].isin([f"old{i:03d}" for i in range(5, 23)])
    ]
    lines = STUDY.warnings(young.reset_index(drop=True), real)
    assert any("no HIV with a follow-up" in line for line in lines)
    assert any("5 old adults" in line for line in lines)
    assert any("no oracle" in line for line in lines)


def test_trajectories_are_drawn_the_same_every_time(scores: dict[str, Any], tmp_path: Path) -> None:
    few = {group: dict(list(people.items())[:3]) for group, people in scores["trajectories"].items()}
    for name in ("one", "two"):
        trajectories_figure(few, tmp_path / f"{name}.png", ["method"], "phantom")
    content = (tmp_path / "one.png").read_bytes()
    assert content == (tmp_path / "two.png").read_bytes()
    trajectories_figure(few, tmp_path / "other.png", ["fivefold"], "phantom")
    assert content != (tmp_path / "other.png").read_bytes()
    with pytest.raises(ValueError, match="no row"):
        trajectories_figure(few, tmp_path / "none.png", ["nobody"])


def test_trajectories_begin_with_the_baseline(scores: dict[str, Any], cohort: Simulated) -> None:
    person = scores["trajectories"][OLD]["old000"]
    own = cohort.table[cohort.table["subject"] == "old000"]
    assert person["age"] == pytest.approx(own["age"].tolist())
    assert all(line[0] == person["real"][0] for line in person["made"].values())
    assert {len(line) for line in person["made"].values()} == {4}


def test_the_figure_has_the_rows_in_the_studys_order(scores: dict[str, Any]) -> None:
    (plot,) = AgingStudy().plots({**scores, "order": scores["order"][::-1]})
    assert plot.kind == "trajectories"
    person = plot.data[OLD]["old000"]
    assert list(person["made"]) == [row for row in scores["order"][::-1] if row in person["made"]]
    assert person["real"] == scores["trajectories"][OLD]["old000"]["real"]
    assert AgingStudy().plots({**scores, "order": []}) == []
