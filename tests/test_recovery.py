"""The recovery study on simulated readings: what is asked, what is recovered, and what is told apart."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.phantom.draw import anatomy_of
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.controls import CopyInput
from pcgm_bench.methods.controls import Oracle
from pcgm_bench.methods.pcgm.generator import PCGM
from pcgm_bench.runner.generate import Ask
from pcgm_bench.runner.generate import Fold
from pcgm_bench.runner.work import cannot
from pcgm_bench.runner.work import possible
from pcgm_bench.store import Unit
from pcgm_bench.studies.recovery import DOSES
from pcgm_bench.studies.recovery import REGIONS
from pcgm_bench.studies.recovery import RecoveryStudy
from pcgm_bench.studies.recovery_tables import seen

STUDY = RecoveryStudy()
VOLUMES = dict(zip(LOBE_NAMES, (180.0, 110.0, 105.0, 48.0, 20.0, 14.0), strict=True)) | {
    "white_matter": 450.0,
    "ventricles": 20.0,
}


def people(n: int) -> pd.DataFrame:
    """Half controls, half AUD."""
    return pd.DataFrame(
        {
            "subject": [f"{i:03d}" for i in range(n)],
            "session": "01",
            "age": np.linspace(30, 70, n),
            "sex": ["F", "M"] * (n // 2),
            "diagnosis": ["control"] * (n // 2) + ["AUD"] * (n // 2),
        }
    )


def measured(table: pd.DataFrame, slopes: dict[str, float], spill: float = 0.0, noise: float = 0.003) -> list[Any]:
    """Readings of the factual scans, and of a row each that answers with its own slope."""
    rng = np.random.default_rng(5)

    def one(row: str, index: int, do: dict[str, float], log: dict[str, float]) -> Measurement:
        person = table.iloc[index]
        volumes = {
            name: value * np.exp(log.get(name, 0.0) + (row != "real") * noise * rng.standard_normal())
            for name, value in VOLUMES.items()
        }
        common = {"age": 50.0, "sex": "F", "diagnosis": "control", "factual_diagnosis": "control"}
        return Measurement(
            row=row, subject=person["subject"], session="01", head_size=1400.0, volumes=volumes, do=do, **common
        )

    found = [one("real", index, {}, {}) for index in range(len(table))]
    for row, slope in slopes.items():
        for index, do in STUDY.interventions(table):
            log = {region: slope * np.log(factor) for region, factor in do.items()}
            if row != "oracle":
                log |= {name: spill * sum(log.values()) for name in LOBE_NAMES if name not in do}
            found.append(one(row, index, do, log))
    return found


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


def test_slopes_verdicts_and_the_oracle() -> None:
    table = people(200)
    scores = STUDY.score(measured(table, {"oracle": 1.0, "good": 1.0, "weak": 0.6, "still": 0.0}), table, 0, False)
    slope = {row: entry["lobe_slope"]["value"] for row, entry in scores["rows"].items()}
    assert slope == pytest.approx({"oracle": 1.0, "good": 1.0, "weak": 0.6, "still": 0.0}, abs=0.03)
    for row in ("good", "weak"):
        cell = scores["rows"][row]["lobe_slope"]
        assert cell["low"] <= cell["value"] <= cell["high"]
    verdicts = {row: {one["verdict"] for one in entry["regions"].values()} for row, entry in scores["rows"].items()}
    assert verdicts["good"] == {"right"}
    assert verdicts["weak"] == verdicts["still"] == {"wrong"}
    assert scores["rows"]["weak"]["oracle_error"]["value"] > 3 * scores["rows"]["good"]["oracle_error"]["value"]


def test_spill_over_is_seen_and_is_wrong() -> None:
    table = people(200)
    scores = STUDY.score(measured(table, {"oracle": 1.0, "spiller": 1.0}, spill=0.3), table, 0, False)
    assert scores["rows"]["spiller"]["spill"]["value"] == pytest.approx(3.0, abs=0.7)
    assert {one["verdict"] for one in scores["rows"]["spiller"]["regions"].values()} == {"wrong"}


def test_requests_by_the_metrics_in_per_cent_and_ml() -> None:
    table = people(200)
    rows = {"oracle": 1.0, "weak": 0.6, "copy-input": 0.0}
    scores = STUDY.score(measured(table, rows, spill=0.1, noise=0.0), table, 0, False)
    found = {row: parts["lobes"] for row, parts in scores["changes"]["rows"].items()}
    effective = {row: one["effectiveness"] for row, one in found.items()}
    assert {row: one["value"] for row, one in effective.items()} == pytest.approx(
        {"oracle": 1.0, "weak": 0.6, "copy-input": 0.0}, abs=1e-9
    )
    # Each lobe and dose as often as any other: what the copy misses is the change itself.
    missed = np.mean([abs(dose - 1) * VOLUMES[lobe] for dose in DOSES for lobe in LOBE_NAMES])
    assert effective["copy-input"]["ml"] == pytest.approx(missed)
    assert effective["copy-input"]["ml_low"] < missed < effective["copy-input"]["ml_high"]
    assert effective["weak"]["n"] == len(DOSES) * len(LOBE_NAMES) * 4
    slopes = {row: one["dose-response"]["value"] for row, one in found.items()}
    assert slopes == pytest.approx({"oracle": 1.0, "weak": 0.6, "copy-input": 0.0}, abs=1e-9)
    # A tenth of what the target moves, in five of the seven volumes that were to stay.
    moved = 100 * np.mean([abs(0.6 * np.log(dose)) for dose in DOSES]) * 0.1 * 5 / 7
    assert found["weak"]["minimality"]["value"] == pytest.approx(moved)
    assert found["copy-input"]["minimality"]["value"] == 0
    lines = [f"lobes: minimality, {unit}" for unit in ("%", "mL")]
    beaten = {line: better for line, better in scores["changes"]["beaten"].items() if "lobes" in line}
    assert beaten == {line: ["copy-input"] for line in lines}
    text = next(one for one in STUDY.tables(scores) if one.name == "requests").markdown()
    assert "lobes: minimality, mL (!)" in text
    assert "lobes: effectiveness, share of the change |" in text


def test_the_overview_marks_what_a_copy_wins_and_says_what_could_be_seen() -> None:
    table = people(200)
    rows = {"copy-input": 0.0, "mine": 1.0, "oracle": 1.0}
    scores = STUDY.score(measured(table, rows, spill=0.02, noise=0.004), table, 0, False)
    for region, slope in (("insula", 0.3), ("frontal", 0.0)):
        scores["rows"]["copy-input"]["regions"][region]["slope"] = 1.0 + slope
        scores["rows"]["mine"]["regions"][region]["slope"] = 0.5
    tables = {one.name: one for one in STUDY.tables(scores)}
    overview = tables["overview"]
    assert [row[0] for row in overview.rows] == ["mine", "oracle", "copy-input"]
    marked = [column.name for column in overview.columns if "(!)" in column.name]
    assert marked == ["largest spill-over, % per 10 % [95 %] (!)"]
    assert overview.notes[-1].endswith("[95 %]: copy-input.")
    assert [row[0] for row in tables["slopes"].rows if "(!)" in str(row[0])] == ["frontal (!)", "insula (!)"]
    (line,) = (note for note in overview.notes if note.startswith("With n = 16 images a region and 8 of nothing"))
    assert "slope of mine" in line
    region = scores["rows"]["mine"]["regions"]["temporal"]
    dof = region["n"] + region["n_null"] - 2
    se = (region["high"] - region["low"]) / 2 / stats.t.ppf(0.975, dof)
    power = stats.nct.sf(stats.t.ppf(0.975, dof), dof, seen(region) / se)
    assert power == pytest.approx(0.8, abs=0.01)


def test_scores_from_before_the_metrics_of_requests_are_shown_without_them() -> None:
    table = people(40)
    scores = STUDY.score(measured(table, {"oracle": 1.0, "mine": 0.9}), table, 0, True)
    (plot,) = STUDY.plots(scores)
    assert list(plot.data) == ["mine", "oracle"]
    nulls, dosed = 8, scores["rows"]["mine"]["regions"]["insula"]["n"]
    insula = plot.data["mine"]["insula"]
    assert Counter(np.round(insula["asked"], 6))[0.0] == nulls
    assert len(insula["read"]) == len(insula["asked"]) == nulls + dosed
    del scores["changes"], scores["points"]
    assert STUDY.plots(scores) == []
    assert "requests" not in {one.name for one in STUDY.tables(scores)}
    assert len([entry for entry in STUDY.board(scores) if entry.row == "mine"]) == 3


def test_what_a_row_could_not_be_asked_is_not_possible() -> None:
    table = people(200)
    rows = [one for one in measured(table, {"oracle": 1.0, "lobes": 1.0}) if "ventricles" not in one.do]
    scores = STUDY.score(rows, table, 0, False)
    regions = scores["rows"]["lobes"]["regions"]
    assert scores["changes"]["rows"]["lobes"].keys() == {"lobes"}
    assert regions["ventricles"]["verdict"] == "not possible"
    assert regions["frontal"]["verdict"] == "right"


def test_tables_board_and_warnings() -> None:
    table = people(40)
    scores = STUDY.score(measured(table, {"oracle": 1.0, "mine": 0.9}), table, 0, True)
    tables = STUDY.tables(scores)
    assert [one.name for one in tables][:1]
    assert "mine" in tables[0].markdown()
    entries = STUDY.board(scores)
    assert {entry.row for entry in entries} == {"oracle", "mine"}
    columns = [entry.column for entry in entries if entry.row == "mine"]
    assert len(columns) == len(set(columns)) == 3 + 6  # three metrics of requests, of lobes and of ventricles
    assert not any(entry.is_control for entry in entries if entry.row == "mine")

    class Phantom:
        is_phantom = True

    lines = STUDY.warnings(table, Phantom())  # type: ignore[arg-type]
    assert any("40 people" in line for line in lines)
    assert any("phantom" in line for line in lines)


def test_scores_need_the_factual_scans() -> None:
    table = people(40)
    rows = [one for one in measured(table, {"mine": 1.0}) if one.row != "real"]
    with pytest.raises(UserError, match="no readings of the factual scans"):
        STUDY.score(rows, table, 0, True)


def test_who_can_be_asked_what() -> None:
    asks = [Ask(i, do, Unit(f"{i}", "", "")) for i, do in enumerate(({"frontal": 0.9}, {"ventricles": 1.1}, {}))]
    folds = [Fold(("x",), tuple(asks))]
    for method, regions in ((PCGM, 2), (Oracle, 3), (CopyInput, 3)):
        assert cannot(method.card, STUDY) == ""
        assert len(possible(method.card, STUDY, folds)[0].asks) == regions
    plain = Card("plain", "Plain", "1", "", "", frozenset({"counterfactual"}))
    assert "plain cannot change the volume of a region on request" in cannot(plain, STUDY)


def test_the_oracle_gives_a_region_its_factor_and_leaves_the_rest() -> None:
    recipe = Recipe(seed=12, per_group=2)
    visit = recipe.visits()[0]
    before = anatomy_of(recipe, visit, {}, None).volumes
    after = anatomy_of(recipe, visit, {"parietal": 0.93}, None).volumes
    assert after["parietal"] / before["parietal"] == pytest.approx(0.93, abs=1e-3)
    for name in (*LOBE_NAMES, "ventricles"):
        if name != "parietal":
            assert after[name] == pytest.approx(before[name], rel=2e-3)
    with pytest.raises(UserError, match="a factor of its volume"):
        anatomy_of(recipe, visit, {"parietal": -1}, None)
