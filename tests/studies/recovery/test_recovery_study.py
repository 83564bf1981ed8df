"""The recovery study on simulated volumes: what is asked, what is recovered, and what is told apart."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recovery_people import STUDY
from recovery_people import VOLUMES
from recovery_people import evidence_of
from recovery_people import measured
from recovery_people import people
from recovery_people import records_of
from recovery_people import value
from recovery_people import verdicts
from scipy import stats

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.phantom.draw import anatomy_of
from pcgm_bench.cohort.phantom.make import Recipe
from pcgm_bench.contracts import DosesPlot
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import MetricUse
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import UserError
from pcgm_bench.metrics.change_map import ChangeCorrelation
from pcgm_bench.metrics.own_nearest import OwnNearest
from pcgm_bench.results.control_flags import flags
from pcgm_bench.results.scores import Scores
from pcgm_bench.results.scores import read_scores
from pcgm_bench.results.scores import write_scores
from pcgm_bench.results.select import only
from pcgm_bench.results.select import select
from pcgm_bench.statistics.ols import detectable_slope_error
from pcgm_bench.studies.recovery.records import BY_ORACLE
from pcgm_bench.studies.recovery.requests import DOSES
from pcgm_bench.studies.recovery.requests import REGIONS

SLOPE, ERROR, SPILL = "recovery lobe_slope", "recovery oracle_error", "recovery spill"


class Phantom:
    """What a cohort tells a study."""

    is_phantom = True


def test_every_region_is_asked_every_dose_and_some_nothing() -> None:
    asked = STUDY.interventions(people(200))
    assert len(asked) == 120
    assert len({index for index, _ in asked}) == 120  # another person every time
    doses = Counter(next(iter(do.items()), ("", 1.0)) for _, do in asked)
    assert doses.pop(("", 1.0)) == 8
    assert doses == {(region, dose): 4 for region in REGIONS for dose in DOSES}
    assert asked == STUDY.interventions(people(200))


def test_small_cohorts_are_asked_fewer_times_and_never_twice_the_same() -> None:
    assert len(STUDY.interventions(people(40))) == 36
    few = STUDY.interventions(people(6))
    assert len({(index, *do.items()) for index, do in few}) == len(few)


def test_folds_hold_everybody_out_once() -> None:
    folds = STUDY.folds(people(40), 0)
    assert sorted(name for _, held_out in folds for name in held_out) == sorted(people(40)["subject"])
    assert all(not set(train) & set(held_out) for train, held_out in folds)


def test_the_method_stands_first_and_a_control_stands_once() -> None:
    rows = STUDY.rows("mine")
    assert [row.name for row in rows][:3] == ["real", "mine", "oracle"]
    assert [row.kind for row in rows][:4] == [RowKind.REAL, RowKind.METHOD, RowKind.CEILING, RowKind.CONTROL]
    again = STUDY.rows("copy-input")
    assert [row.name for row in again].count("copy-input") == 1
    assert RowKind.METHOD not in {row.kind for row in again}


def test_ventricles_are_a_job_of_their_own() -> None:
    assert STUDY.needs == {Job.REGIONS}
    assert [STUDY.job_for(do) for do in ({"frontal": 0.9}, {"ventricles": 1.1}, {})] == [
        Job.REGIONS, Job.VENTRICLES, Job.REGIONS,
    ]  # fmt: skip


@pytest.mark.parametrize(("quick", "nulls", "trips"), [(False, 8, 14), (True, 3, 7)])
def test_chains_go_on_from_what_was_asked(quick: bool, nulls: int, trips: int) -> None:
    table = people(144)
    chains = STUDY.chains(table, quick)
    assert [len(dos) for _, dos in chains] == [10] * nulls + [2] * trips
    assert len({row for row, _ in chains}) == nulls + trips
    asked = STUDY.interventions(table)
    assert all((row, dos[0]) in asked for row, dos in chains)
    for _, (there, back) in chains[nulls:]:
        ((region, factor),) = there.items()
        assert back == {region: 1 / factor}


def test_slopes_verdicts_and_the_oracle() -> None:
    rows = {"oracle": 1.0, "good": 1.0, "weak": 0.6, "still": 0.0}
    records = records_of(people(200), rows)
    assert {row: value(records, row, SLOPE) for row in rows} == pytest.approx(rows, abs=0.03)
    for row in ("good", "weak"):
        slope = only(records, row=row, column="slope of the lobes")
        assert slope is not None
        assert slope.low < slope.estimate < slope.high  # type: ignore[operator]
    assert set(verdicts(records, "good").values()) == {"right"}
    assert set(verdicts(records, "weak").values()) == set(verdicts(records, "still").values()) == {"wrong"}
    overall = {record.row: record.text for record in select(records, metric="verdict", region="")}
    assert (overall["good"], overall["weak"]) == ("pass", "fail")
    assert value(records, "weak", ERROR) > 3 * value(records, "good", ERROR)
    oracle = only(records, row="oracle", column="error to the oracle, %")
    assert oracle is not None
    assert oracle.estimate is None


def test_where_the_segmenter_misreads_the_truth_rows_are_held_to_its_reading_of_it() -> None:
    rows = {"oracle": 0.75, "true": 0.75, "bold": 1.0, "copy-input": 0.0, "half-dose": 0.375, "double-dose": 1.5}
    records = records_of(people(200), rows)
    overall = {record.row: record for record in select(records, metric="verdict", region="")}
    assert {row: record.text for row, record in overall.items()} == {
        **dict.fromkeys(rows, "fail"), "true": "pass",
    }  # fmt: skip
    assert overall["true"].reason == ""
    assert overall["oracle"].reason.startswith("slope: 7 of 7 regions, such as frontal: 0.7")
    assert "on the oracle's reading" not in overall["oracle"].reason
    for row, ratio in (("bold", 1.33), ("half-dose", 0.5), ("double-dose", 2.0), ("copy-input", 0.0)):
        slope = float(overall[row].reason.partition("such as frontal: ")[2].split()[0])
        assert slope == pytest.approx(ratio, abs=0.1)
        assert "on the oracle's reading, 0.9 to 1.1 is needed" in overall[row].reason
    # A number stays what it was: read on asked.
    assert value(records, "bold", SLOPE) == pytest.approx(1.0, abs=0.03)
    overview = next(table for table in STUDY.tables(records) if table.name == "overview")
    notes = " ".join(overview.notes)
    assert "half-dose, regions: fail. slope: 7 of 7 regions" in notes
    assert "oracle, regions: fail." in notes
    assert "its slope is not 1 in cingulate, frontal" in notes
    headings = {column.name for column in overview.columns}
    assert {"regions", "verdict"} <= headings  # the cheats fail there, and the truth's reading is what they fail by


def test_a_region_that_the_segmenter_reads_right_is_held_to_the_request() -> None:
    records = records_of(people(200), {"oracle": 0.97, "mine": 1.0})
    (verdict,) = select(records, row="mine", metric="verdict", region="")
    assert verdict.text == "pass"
    assert not select(records, metric=BY_ORACLE)


def test_a_slope_is_that_of_least_squares() -> None:
    table = people(200)
    records = records_of(table, {"oracle": 1.0, "weak": 0.6})
    asked = only(records, row="weak", metric="asked change", region="insula")
    change = only(records, row="weak", metric="measured change", region="insula")
    slope = only(records, row="weak", metric="slope", region="insula")
    assert asked is not None
    assert change is not None
    assert slope is not None
    x = list(asked.by_unit.values())
    y = [change.by_unit[name] for name in asked.by_unit]
    fit = stats.linregress(x, y)
    assert slope.estimate == pytest.approx(fit.slope)
    half = stats.t.ppf(0.975, len(x) - 2) * fit.stderr
    assert (slope.low, slope.high) == pytest.approx((fit.slope - half, fit.slope + half))


def test_spill_over_is_seen_and_is_wrong() -> None:
    records = records_of(people(200), {"oracle": 1.0, "spiller": 1.0}, spill=0.3)
    assert value(records, "spiller", SPILL) == pytest.approx(3.0, abs=0.7)
    assert set(verdicts(records, "spiller").values()) == {"wrong"}


def test_requests_by_the_metrics_in_per_cent_and_ml() -> None:
    rows = {"oracle": 1.0, "weak": 0.6, "copy-input": 0.0}
    records = records_of(people(200), rows, spill=0.1, noise=0.0)
    share = "lobes: effectiveness, share of the change"
    effective = {row: value(records, row, "effectiveness", "lobes", share) for row in rows}
    assert effective == pytest.approx({"oracle": 1.0, "weak": 0.6, "copy-input": 0.0}, abs=1e-9)
    # Each lobe and dose as often as any other: what the copy misses is the change itself.
    missed = np.mean([abs(dose - 1) * VOLUMES[lobe] for dose in DOSES for lobe in LOBE_NAMES])
    error = only(records, row="copy-input", contrast="lobes: error of the volume asked for, mL")
    assert error is not None
    assert error.estimate == pytest.approx(missed)
    assert error.low < missed < error.high  # type: ignore[operator]
    weak = only(records, row="weak", column=share)
    assert weak is not None
    assert weak.n == len(DOSES) * len(LOBE_NAMES) * 4
    slopes = {row: value(records, row, "dose-response", "lobes", "lobes: dose-response, slope") for row in rows}
    assert slopes == pytest.approx({"oracle": 1.0, "weak": 0.6, "copy-input": 0.0}, abs=1e-9)
    # A tenth of what the target moves, in five of the seven volumes that were to stay.
    moved = 100 * np.mean([abs(0.6 * np.log(dose)) for dose in DOSES]) * 0.1 * 5 / 7
    assert value(records, "weak", "minimality-", "lobes", "lobes: minimality, %") == pytest.approx(moved)
    assert value(records, "copy-input", "minimality-", "lobes", "lobes: minimality, %") == 0
    lines = [f"lobes: minimality, {unit}" for unit in ("%", "mL")]
    above = {cell.contrast: rows for cell, rows in flags(records).items() if cell.region == "lobes"}
    assert above == {line: ["copy-input"] for line in lines}
    text = next(table for table in STUDY.tables(records) if table.name == "requests").markdown()
    assert "lobes: minimality, mL (!)" in text
    assert "lobes: effectiveness, share of the change |" in text


def test_the_overview_marks_what_a_copy_wins_and_says_what_could_be_seen() -> None:
    records = records_of(people(200), {"copy-input": 0.0, "mine": 1.0, "oracle": 1.0}, spill=0.02, noise=0.004)
    changed = {("copy-input", "insula"): 1.3, ("copy-input", "frontal"): 1.0}
    changed |= {("mine", "insula"): 0.5, ("mine", "frontal"): 0.5}
    records = [
        dataclasses.replace(record, estimate=changed[record.row, record.region])
        if record.metric == "slope" and (record.row, record.region) in changed
        else record
        for record in records
    ]
    tables = {table.name: table for table in STUDY.tables(records)}
    overview = tables["overview"]
    assert [row[0] for row in overview.rows] == ["mine", "oracle", "copy-input"]
    marked = [column.name for column in overview.columns if "(!)" in column.name]
    assert marked == ["largest spill-over, % per 10 % [95 %] (!)"]
    assert overview.notes[-1].endswith("[95 %]: copy-input.")
    assert [row[0] for row in tables["slopes"].rows if "(!)" in str(row[0])] == ["frontal (!)", "insula (!)"]
    (line,) = (note for note in overview.notes if note.startswith("With n = 16 images a region and 8 of nothing"))
    assert "slope of mine" in line
    slope = only(records, row="mine", metric="slope", region="temporal")
    assert slope is not None
    assert slope.low is not None
    assert slope.high is not None
    n = 16 + 8
    se = (slope.high - slope.low) / 2 / stats.t.ppf(0.975, n - 2)
    seen = detectable_slope_error(slope.low, slope.high, n)
    assert stats.nct.sf(stats.t.ppf(0.975, n - 2), n - 2, seen / se) == pytest.approx(0.8, abs=0.01)


def test_the_figure_has_the_methods_and_the_oracle() -> None:
    records = records_of(people(40), {"oracle": 1.0, "copy-input": 0.0, "mine": 0.9})
    (plot,) = STUDY.plots(records)
    assert isinstance(plot, DosesPlot)
    assert list(plot.points) == ["mine", "oracle"]
    slope = only(records, row="mine", metric="slope", region="insula")
    assert slope is not None
    points = plot.points["mine"]["insula"]
    assert len(points) == 8 + (slope.n or 0)
    assert Counter(round(asked, 6) for asked, _ in points)[0.0] == 8
    assert STUDY.plots([]) == []


def test_what_a_row_could_not_be_asked_is_not_possible() -> None:
    table = people(200)
    rows = [m for m in measured(table, {"oracle": 1.0, "lobes": 1.0}) if "ventricles" not in m.do]
    records = STUDY.score(evidence_of(rows, table))
    assert verdicts(records, "lobes")["ventricles"] == "not possible"
    assert verdicts(records, "lobes")["frontal"] == "right"
    requests = [record for record in select(records, row="lobes", region="ventricles") if "effect" in record.metric]
    assert {record.reason for record in requests} == {"not possible"}
    tables = {table.name: table for table in STUDY.tables(records)}
    assert [row[-1] for row in tables["recovery-lobes"].rows if row[0] == "ventricles"] == ["not possible"]
    assert any(note.startswith("Not possible") for note in tables["overview"].notes)


def test_own_scans_nearest_stand_in_the_overview() -> None:
    table = people(40)
    evidence = evidence_of(measured(table, {"oracle": 1.0, "mine": 0.9}), table)
    use = MetricUse("own-nearest", OwnNearest.record, "own-nearest-1")
    images = {"mine": {"own-nearest": Estimate(0.75, 0.5, 0.9, 36)}}
    records = STUDY.score(dataclasses.replace(evidence, images=images, uses={"own-nearest": use}))
    overview = STUDY.tables(records)[0]
    column = [head.name for head in overview.columns].index("own scan nearest, % [95 %]")
    assert [row[column] for row in overview.rows] == ["75 [50, 90]", None]


def test_tables_and_board_are_those_of_the_stored_records(tmp_path: Path) -> None:
    table = people(40)
    records = records_of(table, {"oracle": 1.0, "mine": 0.9})
    scores = Scores(scored_by="x", study="recovery", study_version="2", is_phantom=True, records=records)
    write_scores(tmp_path / "scores.json", scores)
    stored = read_scores(tmp_path / "scores.json").records
    assert stored == records
    tables = STUDY.tables(stored)
    assert [t.markdown() for t in tables] == [t.markdown() for t in STUDY.tables(records)]
    assert [t.name for t in tables if not t.detail] == ["overview", "slopes", "requests", "axioms", "recovery-mine"]
    board = [record for record in records if record.column]
    assert {record.row for record in board} == {"oracle", "mine"}
    columns = [record.column for record in board if record.row == "mine"]
    assert len(columns) == len(set(columns)) == 3 + 6  # three metrics of requests, of lobes and of ventricles
    assert not any(record.is_control for record in board if record.row == "mine")


def test_rows_stand_in_the_protocols_order_whatever_the_order_of_the_measurements() -> None:
    table = people(40)
    evidence = evidence_of(measured(table, {"oracle": 1.0, "copy-input": 0.0, "mine": 0.9}), table)
    order = np.random.default_rng(0).permutation(len(evidence.measurements))
    shuffled = dataclasses.replace(evidence, measurements=[evidence.measurements[i] for i in order])
    rows = [row[0] for row in STUDY.tables(STUDY.score(shuffled))[0].rows]
    assert rows == ["mine", "oracle", "copy-input"]


def test_warnings_say_what_not_to_believe() -> None:
    lines = STUDY.warnings(people(40), Phantom())  # type: ignore[arg-type]
    assert any("40 people" in line for line in lines)
    assert any("phantom" in line for line in lines)


def test_scores_need_the_factual_scans() -> None:
    table = people(40)
    rows = [m for m in measured(table, {"mine": 1.0}) if m.row != "real"]
    with pytest.raises(UserError, match="no readings of the factual scans"):
        STUDY.score(evidence_of(rows, table))


def test_cohorts_without_the_two_diagnoses_are_refused() -> None:
    table = pd.DataFrame({"subject": ["a", "b"], "diagnosis": ["AUD", "AUD"], "age": 50.0, "sex": "F", "session": ""})
    with pytest.raises(UserError, match="one control and one patient"):
        STUDY.interventions(table)


def test_the_oracle_gives_a_region_its_factor_and_leaves_the_rest(template_home: Path) -> None:
    recipe = Recipe(seed=12, per_group=2)
    visit = recipe.visits()[0]
    before = anatomy_of(recipe, visit, {}, template_home).volumes
    after = anatomy_of(recipe, visit, {"parietal": 0.93}, template_home).volumes
    assert after["parietal"] / before["parietal"] == pytest.approx(0.93, abs=1e-3)
    for name in (*LOBE_NAMES, "ventricles"):
        if name != "parietal":
            assert after[name] == pytest.approx(before[name], rel=2e-3)
    with pytest.raises(UserError, match="a factor of its volume"):
        anatomy_of(recipe, visit, {"parietal": -1}, template_home)


def test_a_change_in_the_wrong_place_fails_whatever_its_slope() -> None:
    table = people(120)
    evidence = evidence_of(measured(table, {"oracle": 1.0, "mine": 1.0}), table)
    right = {"change-correlation": Estimate(0.9, 0.85, 0.95, 40)}
    wrong = {"change-correlation": Estimate(0.2, 0.1, 0.3, 40)}
    found = {}
    for name, where in (("right", right), ("wrong", wrong)):
        use = MetricUse("change-correlation", ChangeCorrelation.record, "change-correlation-1")
        uses = {**evidence.uses, "change-correlation": use}
        images = {"oracle": right, "mine": where}
        records = STUDY.score(dataclasses.replace(evidence, images=images, uses=uses))
        (verdict,) = select(records, row="mine", metric="verdict", region="")
        found[name] = verdict.text
    assert found["right"] != "fail"
    assert found["wrong"] == "fail"
    overview = {shown.name: shown for shown in STUDY.tables(records)}["overview"]
    assert any(note.startswith("mine, where: fail. correlation of the change map") for note in overview.notes)
