"""The recovery study on simulated readings: what is asked, what is recovered, and what is told apart."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.controls import CopyInput
from pcgm_bench.methods.controls import Oracle
from pcgm_bench.methods.controls import RandomOther
from pcgm_bench.methods.controls.blind import BlurredCopy
from pcgm_bench.methods.pcgm import PCGM
from pcgm_bench.studies.recovery import BESIDE
from pcgm_bench.studies.recovery import CONTROLS
from pcgm_bench.studies.recovery import DOSES
from pcgm_bench.studies.recovery import IMAGES
from pcgm_bench.studies.recovery import IMAGES_QUICK
from pcgm_bench.studies.recovery import RecoveryStudy
from pcgm_bench.studies.recovery import VentricleRecoveryStudy

STUDY = RecoveryStudy()
REGIONS = (*LOBE_NAMES, *BESIDE)
READING = 0.003


class Phantom:
    """What a cohort tells a study."""

    is_phantom = True


def people(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(n)
    return pd.DataFrame(
        {
            "subject": [f"{i:03d}" for i in range(n)],
            "session": "",
            "age": rng.uniform(20, 70, n),
            "sex": [("F", "M")[i // 2 % 2] for i in range(n)],
            "diagnosis": [("control", "AUD")[i % 2] for i in range(n)],
            "head_size": 1500.0,
        }
    )


def simulate(table: pd.DataFrame, gains: dict[str, float], study: Any = STUDY, spill: float = 0.0) -> list[Measurement]:
    """Readings with 0.3 % noise; a row changes by ``gain`` of what is asked (log), and ``spill`` of it elsewhere."""
    rng = np.random.default_rng(3)
    true = {s: dict(zip(REGIONS, rng.uniform(20, 200, len(REGIONS)), strict=True)) for s in table["subject"]}

    def read(row: str, index: int, do: dict[str, float], gain: float) -> Measurement:
        person = table.iloc[index]
        asked = sum(np.log(factor) for factor in do.values())
        volumes = {}
        for region, volume in true[person["subject"]].items():
            change = gain * np.log(do[region]) if region in do else spill * asked * (row not in ("real", "oracle"))
            volumes[region] = float(volume * np.exp(change + READING * rng.standard_normal()))
        return Measurement(
            row, person["subject"], "", float(person["age"]), person["sex"], person["diagnosis"], person["diagnosis"],
            1500.0, volumes, 1.0, do,
        )  # fmt: skip

    found = [read("real", i, {}, 0) for i in range(len(table))]
    for row, gain in gains.items():
        found += [read(row, index, do, gain) for index, do in study.interventions(table)]
    return found


@pytest.fixture(scope="module")
def scored() -> tuple[list[Measurement], dict[str, Any]]:
    table = people(200)
    measured = simulate(table, {"halving": 0.5, "oracle": 1.0, "copy-input": 0.0}, spill=0.2)
    return measured, STUDY.score(measured, table, 0, True, images={"halving": {"own-nearest": NEAR}})


NEAR = {"value": 1.0, "low": 0.9, "high": 1.0, "n": 120}


@pytest.mark.parametrize(("n", "images"), [(200, IMAGES), (120, IMAGES), (119, IMAGES_QUICK), (40, 40), (20, 20)])
def test_how_many_are_asked(n: int, images: int) -> None:
    asked = STUDY.interventions(people(n))
    assert len(asked) == images
    assert len({index for index, _ in asked}) == images  # one image a person


@pytest.mark.parametrize(("n", "least"), [(200, 4), (40, 1)])
def test_every_lobe_meets_every_dose(n: int, least: int) -> None:
    asked = [do for _, do in STUDY.interventions(people(n))]
    assert all(len(do) <= 1 for do in asked)
    counts = Counter(pair for do in asked for pair in do.items())
    assert set(counts) == {(lobe, dose) for lobe in LOBE_NAMES for dose in DOSES}
    assert min(counts.values()) >= least
    assert max(counts.values()) - min(counts.values()) <= 1
    assert asked.count({}) >= len(asked) // 8


def test_the_design_is_frozen() -> None:
    """Another order of the table asks the same of the same people."""
    table = people(60)
    turned = table.iloc[::-1].reset_index(drop=True)
    one = {table["subject"][index]: do for index, do in STUDY.interventions(table)}
    assert one == {turned["subject"][index]: do for index, do in STUDY.interventions(turned)}


def test_only_the_two_groups_and_first_visits_are_asked() -> None:
    table = people(50)
    table.loc[:9, "diagnosis"] = "other"
    again = pd.concat([table, table.assign(session="2")], ignore_index=True)
    asked = {index for index, _ in STUDY.interventions(again)}
    assert min(asked) >= 10
    assert max(asked) < 50
    held_out = {name for _, test in STUDY.folds(again, 0) for name in test}
    assert set(again["subject"].iloc[list(asked)]) <= held_out


def test_known_gains_come_out(scored: tuple[list[Measurement], dict[str, Any]]) -> None:
    rows = scored[1]["rows"]
    assert rows["halving"]["all"]["value"] == pytest.approx(0.5, abs=0.05)
    assert rows["oracle"]["all"]["value"] == pytest.approx(1.0, abs=0.05)
    assert (rows["halving"]["verdict"], rows["oracle"]["verdict"], rows["copy-input"]["verdict"]) == (
        "missed", "met", "missed",
    )  # fmt: skip
    for region in LOBE_NAMES:
        cell = rows["halving"]["regions"][region]
        assert cell["low"] <= cell["value"] <= cell["high"]
        assert cell["against_oracle"]["value"] == pytest.approx(0.5, abs=0.08)
        assert cell["spill"]["white_matter"]["value"] == pytest.approx(2.0, abs=0.6)  # 0.2 of 10 %
        assert rows["oracle"]["regions"][region]["spill"]["white_matter"]["value"] == pytest.approx(0, abs=0.6)
    assert rows["halving"]["spill"]["value"] == pytest.approx(2.0, abs=0.4)
    assert rows["oracle"]["spill"]["value"] == pytest.approx(0, abs=0.4)
    assert rows["oracle"]["oracle_error"] is None
    assert rows["halving"]["minimality"]["value"] > 2 * rows["oracle"]["minimality"]["value"]


def test_a_regions_slope_is_scipys(scored: tuple[list[Measurement], dict[str, Any]]) -> None:
    measured, scores = scored
    real = {m.subject: m.volumes["insula"] for m in measured if m.row == "real"}
    own = [m for m in measured if m.row == "halving" and (not m.do or "insula" in m.do)]
    x = [np.log(m.do.get("insula", 1.0)) for m in own]
    y = [np.log(m.volumes["insula"] / real[m.subject]) for m in own]
    cell = scores["rows"]["halving"]["regions"]["insula"]
    assert cell["value"] == pytest.approx(stats.linregress(x, y).slope, rel=1e-6)
    assert cell["bias"]["value"] == pytest.approx(100 * np.mean([b for a, b in zip(x, y, strict=True) if a == 0]))
    assert (cell["asked"], cell["null"]) == (sum(bool(m.do) for m in own), sum(not m.do for m in own))


def test_a_bias_of_one_region_is_not_a_slope() -> None:
    """Copies of everybody, the insula read 30 % too large in all of them."""
    table = people(200)
    measured = simulate(table, {"biased": 0.0})
    for one in measured:
        if one.row == "biased":
            one.volumes["insula"] *= 1.3  # type: ignore[index]
    entry = STUDY.score(measured, table, 0, True)["rows"]["biased"]
    assert entry["all"]["value"] == pytest.approx(0, abs=0.02)
    assert entry["regions"]["insula"]["value"] == pytest.approx(0, abs=0.05)
    assert entry["regions"]["insula"]["bias"]["value"] == pytest.approx(100 * np.log(1.3), abs=0.5)


def test_tables_and_board_are_made_of_stored_scores(scored: tuple[list[Measurement], dict[str, Any]]) -> None:
    scores = json.loads(json.dumps(scored[1], sort_keys=True))
    tables = STUDY.tables(scores)
    assert [table.name for table in tables] == ["overview", "regions", "spill-over", "doses"]
    assert [row[0] for row in tables[0].rows] == ["halving", "oracle", "copy-input"]
    assert any("Ventricles are not asked" in note for note in tables[0].notes)
    assert len(tables[1].rows) == 3 * len(LOBE_NAMES)
    for table in tables:
        assert "nan" not in table.markdown()
    cells = STUDY.board(scores)
    assert len({(cell.row, cell.column) for cell in cells}) == len(cells)
    assert {cell.row for cell in cells if cell.is_control} == {"oracle", "copy-input"}
    mine = {cell.column: cell for cell in cells if cell.row == "halving"}
    assert mine["dose-response slope: insula"].target == 1.0
    by_unit = mine["error to asked, log-% (one lobe asked)"].by_unit
    assert by_unit is not None
    assert len(by_unit) == sum(bool(do) for _, do in STUDY.interventions(people(200)))
    assert mine["own scan nearest, share (one lobe asked)"].value == 1.0


def test_without_an_oracle_the_asked_is_what_counts() -> None:
    table = people(40)
    scores = STUDY.score(simulate(table, {"halving": 0.5}), table, 0, True)
    entry = scores["rows"]["halving"]
    assert entry["oracle_error"] is None
    assert entry["regions"]["insula"]["against_oracle"] is None
    assert all("nan" not in table.markdown() for table in STUDY.tables(scores))


def test_ventricles_are_asked_of_those_who_can() -> None:
    table = people(40)
    study = VentricleRecoveryStudy()
    assert {name for _, do in study.interventions(table) for name in do} == {"ventricles"}
    scores = study.score(simulate(table, {"oracle": 1.0}, study), table, 0, True)
    assert scores["rows"]["oracle"]["verdict"] == "met"
    assert set(scores["rows"]["oracle"]["regions"]["ventricles"]["spill"]) == {*LOBE_NAMES, "white_matter"}
    assert not any("Ventricles are not asked" in note for note in study.tables(scores)[0].notes)
    assert study.needs_job not in PCGM.card.jobs


def test_generators_say_whether_they_can() -> None:
    assert set(STUDY.regions) <= PCGM.regions
    for generator in (PCGM, Oracle, CopyInput, RandomOther, BlurredCopy):
        assert STUDY.needs_job in generator.card.jobs
    assert tuple(STUDY.rows("pcgm")) == CONTROLS


def test_warnings() -> None:
    assert len(STUDY.warnings(people(200), Phantom())) == 0  # type: ignore[arg-type]
    (few,) = STUDY.warnings(people(40), Phantom())  # type: ignore[arg-type]
    assert few.startswith("40 images a row, about 5 a region")


def test_missing_readings_are_named() -> None:
    table = people(40)
    measured = simulate(table, {"halving": 0.5})
    with pytest.raises(UserError, match="no reading of the factual scan"):
        STUDY.score([m for m in measured if m.row != "real"], table, 0, True)
    measured[-1].volumes["insula"] = float("nan")  # type: ignore[index]
    with pytest.raises(UserError, match="the insula of halving was not read"):
        STUDY.score(measured, table, 0, True)
