"""The aging study on simulated volumes: who is asked, which scan answers, and what is told apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from aging_people import STUDY
from aging_people import Simulated
from scipy import stats

from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import TrajectoriesPlot
from pcgm_bench.contracts import UserError
from pcgm_bench.results.select import only
from pcgm_bench.results.select import rows_of
from pcgm_bench.results.select import select
from pcgm_bench.statistics.multiplicity import holm
from pcgm_bench.studies.aging import groups
from pcgm_bench.studies.aging import terms
from pcgm_bench.studies.aging import visits
from pcgm_bench.studies.aging.groups import ADOLESCENTS
from pcgm_bench.studies.aging.groups import GROUPS
from pcgm_bench.studies.aging.groups import HIV
from pcgm_bench.studies.aging.groups import OLD


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
def records(cohort: Simulated) -> list[Record]:
    return STUDY.score(cohort.evidence())


@pytest.fixture(scope="module")
def table(cohort: Simulated) -> pd.DataFrame:
    return cohort.table


def cell(records: list[Record], row: str, heading: str, group: str = "") -> Record:
    """The one record of a row under a heading."""
    record = only(records, row=row, contrast=heading, group=group)
    assert record is not None, (row, heading, group)
    return record


def values(records: list[Record], heading: str, group: str) -> dict[str, float]:
    """Row -> estimate."""
    return {r.row: r.estimate for r in select(records, contrast=heading, group=group) if r.estimate is not None}


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
    members = groups.people(table)
    assert sorted(name for _, test in folds for name in test) == sorted(members)
    for train, test in folds:
        assert not set(train) & set(test)
        assert set(train) | set(test) == set(members)
        counts = {group: sum(members[name] == group for name in test) for group in GROUPS}
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
    real = visits.real_visits(cohort.measurements, cohort.table)
    mine = [m for m in cohort.measurements if m.row == "oracle"]
    made = visits.with_made(real, mine)
    assert len(made) == len(real) == len(mine)
    by_age = {(m.subject, round(m.age, 3)): m.volumes["ventricles"] for m in mine}
    for _, visit in made.iterrows():
        assert visit["made"] == by_age[visit["subject"], round(visit["age"], 3)]
    rounded = [Measurement(**{**vars(m), "age": round(m.age, 1)}) for m in mine]
    pd.testing.assert_frame_equal(visits.with_made(real, rounded), made)


def test_images_that_fit_nowhere_are_refused(cohort: Simulated) -> None:
    real = visits.real_visits(cohort.measurements, cohort.table)
    image = next(m for m in cohort.measurements if m.row == "oracle")
    for change, message in (
        ({"age": 99.0}, "no follow-up scan at that age"),
        ({"age": float("nan")}, "no follow-up scan at that age"),
        ({"subject": "nobody"}, "sub-nobody has an image, but no follow-up"),
    ):
        with pytest.raises(UserError, match=message):
            visits.with_made(real, [Measurement(**{**vars(image), **change})])
    with pytest.raises(UserError, match="two images at age"):
        visits.with_made(real, [image, image])


def test_real_scans_must_have_been_read(cohort: Simulated) -> None:
    with pytest.raises(UserError, match="no readings of the real scans"):
        STUDY.score(cohort.evidence([m for m in cohort.measurements if m.row != "real"]))
    missing = [m for m in cohort.measurements if (m.row, m.subject, m.session) != ("real", "old000", "02")]
    with pytest.raises(UserError, match="sub-old000 ses-02"):
        STUDY.score(cohort.evidence(missing))


def test_the_training_rate_never_sees_the_person_it_is_for(cohort: Simulated) -> None:
    real = visits.real_visits(cohort.measurements, cohort.table)
    folds = STUDY.folds(cohort.table, 0)
    before = visits.with_expected(real, folds)
    held_out = folds[0][1]
    changed = real.assign(real=real["real"] * np.where(real["subject"].isin(held_out), 3.0, 1.0))
    after = visits.with_expected(changed, folds)
    mine = real["subject"].isin(held_out)
    pd.testing.assert_series_equal(before["expected"][mine], after["expected"][mine])
    assert (before["expected"][~mine] != after["expected"][~mine]).all()
    for group, rate in ((OLD, 2.65), (HIV, 2.85), (ADOLESCENTS, 0.91)):  # planned for these people
        assert before["rate"][real["group"] == group].mean() == pytest.approx(rate, abs=0.35)


# Right, fivefold, still, noise.


def test_the_sound_rule_tells_them_apart(records: list[Record]) -> None:
    for group in (OLD, HIV):
        slope = values(records, terms.BIAS, group)
        assert abs(slope["oracle"]) < 0.4
        assert slope["fivefold"] > 10
        assert slope["copy-input"] < -2
        verdicts = {record.row: record.text for record in select(records, contrast=terms.VERDICT, group=group)}
        assert verdicts["oracle"] == "better"
        assert verdicts["fivefold"] == verdicts["noise"] == "worse"
        assert verdicts["copy-input"] == "inconclusive"
        skill = values(records, terms.NO_CHANGE, group)
        assert skill["oracle"] > skill["method"] > 0.3
        assert abs(skill["copy-input"]) < 0.15
        agreement = values(records, terms.CONCORDANCE, group)
        assert agreement["oracle"] > 0.7 > 0.3 > agreement["method"]
        assert (cell(records, "oracle", terms.TRAINING, group).low or 0) > 0
    assert cell(records, "method", terms.VERDICT, HIV).text == "better"


def test_the_paper_rule_cannot(records: list[Record]) -> None:
    r = values(records, terms.R, HIV)
    assert r["fivefold"] >= r["method"] - 0.1
    assert cell(records, "method", terms.TWO_VISITS).n == 41
    assert cell(records, "method", terms.R).n == 84
    assert "41 of 84" in cell(records, "method", terms.R_WARNING).text
    assert {cell(records, "method", heading).rule for heading in (terms.R, terms.NMSE)} == {"paper"}


def test_comparisons_are_scipys(records: list[Record]) -> None:
    ratios = select(records, metric=terms.RATIO, group=OLD)
    pairs = [(ratio.row, ratio.contrast.removeprefix("against ")) for ratio in ratios]
    assert set(pairs) == {
        ("method", "fivefold"), ("method", "oracle"), ("method", "copy-input"), ("method", "noise"),
        ("fivefold", "oracle"), ("fivefold", "copy-input"), ("fivefold", "noise"),
    }  # fmt: skip
    tests = {name: [r.estimate for r in select(records, metric=name, group=OLD)] for name in terms.COMPARED}
    for place, (first, second) in enumerate(pairs):
        a, b = (np.array(list(cell(records, row, terms.NMSE, OLD).by_unit.values())) for row in (first, second))
        t = stats.ttest_rel(a, b)
        assert (tests[terms.T][place], tests[terms.P_T][place]) == pytest.approx((t.statistic, t.pvalue))
        assert tests[terms.P][place] == pytest.approx(stats.wilcoxon(np.log(a), np.log(b)).pvalue)
        assert tests[terms.RATIO][place] == pytest.approx(stats.gmean(a / b))
    assert tests[terms.P_HOLM] == pytest.approx(holm(np.array(tests[terms.P])).tolist())


def test_missing_images_are_counted_and_not_averaged_over(cohort: Simulated) -> None:
    gone = {"hiv000", "hiv001"}
    some = [m for m in cohort.measurements if not (m.row == "method" and m.subject in gone)]
    records = STUDY.score(cohort.evidence(some))
    dropped = only(records, row="method", metric=terms.DROPPED, group=HIV)
    assert dropped is not None
    assert dropped.n == 2
    assert cell(records, "method", terms.BIAS, HIV).n == 39
    assert not gone & set(cell(records, "method", terms.NMSE, HIV).by_unit)
    pair = only(records, row="method", metric=terms.RATIO, group=HIV, contrast="against oracle")
    assert pair is not None
    assert pair.n == 39
    assert any("want of an image" in note for note in STUDY.tables(records)[0].notes)


def test_a_row_without_volumes_is_named(cohort: Simulated) -> None:
    none = [Measurement(**{**vars(m), "volumes": {}}) if m.row == "noise" else m for m in cohort.measurements]
    records = STUDY.score(cohort.evidence(none))
    overview = STUDY.tables(records)[0]
    assert "noise" not in {row[1] for row in overview.rows}
    assert "Not scored, no readings: noise." in overview.notes


def test_images_without_ventricles_have_a_large_and_finite_error(cohort: Simulated) -> None:
    none = [
        Measurement(**{**vars(m), "volumes": {"ventricles": 0.0}}) if m.row == "noise" else m
        for m in cohort.measurements
    ]
    records = STUDY.score(cohort.evidence(none))
    assert values(records, terms.BIAS, HIV)["noise"] < -100
    assert values(records, terms.NMSE, HIV)["noise"] == pytest.approx(1, abs=0.02)


# What is printed and drawn.


def test_the_method_stands_first_and_a_control_stands_once() -> None:
    assert [row.name for row in STUDY.rows("mine")][:3] == ["real", "mine", "oracle"]
    assert [row.name for row in STUDY.rows("oracle")].count("oracle") == 1
    assert RowKind.METHOD not in {row.kind for row in STUDY.rows("noise")}


def test_the_overviews_stand_first(records: list[Record]) -> None:
    tables = STUDY.tables(records)
    assert [t.name for t in tables if not t.detail] == ["overview-sound", "overview-paper", "people"]
    first = tables[0]
    assert [row[0] for row in first.rows[::5]] == list(GROUPS)
    assert [row[1] for row in first.rows[:5]] == ["method", "fivefold", "oracle", "copy-input", "noise"]
    assert any(note.startswith("WARNING") for note in tables[1].notes)


def test_a_column_that_ranks_a_control_above_the_methods_is_marked_with_its_group(records: list[Record]) -> None:
    def changed(record: Record, high: bool) -> Record:
        if record.contrast == terms.CONCORDANCE and record.row == "method":
            return Record(**{**vars(record), "estimate": 0.9})  # 0 in truth, as everybody's
        if high and record.row in ("oracle", "copy-input"):
            if record.contrast == terms.CONCORDANCE and record.group == HIV:
                return Record(**{**vars(record), "estimate": 0.99})
            if record.contrast == terms.NMSE and record.group == OLD:
                return Record(**{**vars(record), "estimate": 0.0})
        return record

    plain, *_ = STUDY.tables([changed(record, high=False) for record in records])
    assert [column.name for column in plain.columns if "(!)" in column.name] == []
    first, second, *_ = STUDY.tables([changed(record, high=True) for record in records])
    assert [column.name for column in first.columns if "(!)" in column.name] == ["concordance (!)"]
    assert first.notes[-1].endswith("cannot be read alone: concordance (HIV): copy-input.")
    assert [column.name for column in second.columns if "(!)" in column.name] == ["NMSE, old adults (!)"]
    assert second.notes[-1].endswith("NMSE (old adults): copy-input.")


def test_the_power_line_is_that_of_a_paired_t_test(records: list[Record]) -> None:
    errors = list(cell(records, "method", terms.BIAS, OLD).by_unit.values())
    n, sd = len(errors), np.std(errors, ddof=1)
    (line,) = (
        note for note in STUDY.tables(records)[0].notes if note.startswith("You could see a slope bias of method")
    )
    seen = float(line.split(f" (old adults, n = {n})")[0].split()[-1])
    t = stats.t.ppf(0.975, n - 1)
    assert stats.nct.sf(t, n - 1, seen / sd * np.sqrt(n)) == pytest.approx(0.8, abs=0.02)
    assert not any("slope bias of copy-input" in note for note in STUDY.tables(records)[0].notes)


def test_the_leaderboards_cells(records: list[Record]) -> None:
    board = [record for record in records if record.column]
    assert len({(record.row, record.column) for record in board}) == len(board) == 5 * (3 * 6 + 2)
    for record in board:
        assert record.estimate is not None
        assert record.low is not None
        assert record.high is not None
        assert record.low <= record.estimate <= record.high
        assert record.is_control == (record.kind is not RowKind.METHOD)
        assert (record.rule == "paper") == record.column.endswith("everybody")
        assert (record.direction == "nearest") == (record.target is not None)
        if record.by_unit:
            assert len(record.by_unit) == record.n
            assert np.mean(list(record.by_unit.values())) == pytest.approx(record.estimate)
    assert {record.metric for record in board} == {
        "aging-slope-1", "aging-slope-1 bias", "aging-skill-1", "aging-skill-1 training", "aging-agreement-1",
        "aging-agreement-1 sign", "ventricle-nmse-1", "ventricle-pearson-1",
    }  # fmt: skip


def test_the_same_records_whatever_the_order_of_the_measurements(cohort: Simulated, records: list[Record]) -> None:
    order = np.random.default_rng(0).permutation(len(cohort.measurements))
    assert STUDY.score(cohort.evidence()) == records
    shuffled = cohort.evidence([cohort.measurements[i] for i in order])
    assert STUDY.score(shuffled) == records
    assert rows_of(records)[:2] == ["method", "fivefold"]


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


def test_trajectories_begin_with_the_baseline(records: list[Record], cohort: Simulated) -> None:
    (plot,) = STUDY.plots(records)
    assert isinstance(plot, TrajectoriesPlot)
    person = plot.groups[OLD]["old000"]
    own = cohort.table[cohort.table["subject"] == "old000"]
    assert person.ages == pytest.approx(own["age"].tolist())
    assert all(line[0] == person.real[0] for line in person.made.values())
    assert {len(line) for line in person.made.values()} == {4}
    assert list(person.made) == ["method", "fivefold", "oracle", "copy-input", "noise"]
    assert STUDY.plots([]) == []


def test_a_trajectory_has_gaps_where_there_is_no_image(cohort: Simulated) -> None:
    some = [m for m in cohort.measurements if not (m.row == "method" and m.subject == "old000")]
    (plot,) = STUDY.plots(STUDY.score(cohort.evidence(some)))
    assert isinstance(plot, TrajectoriesPlot)
    person = plot.groups[OLD]["old000"]
    assert person.made["method"][0] == person.real[0]
    assert np.isnan(person.made["method"][1:]).all()
    assert np.isfinite(person.made["oracle"]).all()
