"""The synthesis study: what it makes of the metrics of its rows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from pcgm_bench.anatomy import DK_REGIONS
from pcgm_bench.contracts import EffectsPlot
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import MetricUse
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import UserError
from pcgm_bench.metrics.cohens_d import CohensD
from pcgm_bench.metrics.fid import FID
from pcgm_bench.metrics.paper_mmd import PaperImageMMD
from pcgm_bench.metrics.privacy import Privacy
from pcgm_bench.metrics.qc_gate import QCGate
from pcgm_bench.results.select import only
from pcgm_bench.results.select import select
from pcgm_bench.statistics.effects import detectable
from pcgm_bench.studies.synthesis import SynthesisStudy
from pcgm_bench.tables import Table

STUDY = SynthesisStudy()
WHY = "given as files: nothing says which scans their generator was trained on"
SHARE = "cohens-d: share of 34 regions, abs(d) < 0.2"
USES = {
    name: MetricUse(name, metric.record, f"{metric.record.name}-{metric.record.version}{where}")
    for name, metric, where in (
        ("fid (uncnn)", FID, " in uncnn-1"),
        ("cohens-d", CohensD, ""),
        ("qc-gate", QCGate, ""),
        ("privacy (uncnn)", Privacy, " in uncnn-1"),
        ("paper-mmd-image", PaperImageMMD, ""),
    )
}


def table(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [[f"{i:03d}", "01", float(rng.uniform(12, 90)), "FM"[i % 2], "control"] for i in range(n)]
    return pd.DataFrame(rows, columns=["subject", "session", "age", "sex", "diagnosis"])


def said(estimate: Estimate, retests: int) -> Estimate:
    """What the harness adds: whom the row learnt from, and how many scans."""
    sizes = {"n_training": 20, "n_held_out": 20, "n_retest": retests}
    return dataclasses.replace(estimate, note="the other half", details={**estimate.details, **sizes})


def evidence() -> Evidence:
    """A method and a folder of images beside the control that copies; privacy computed, Cohen's d made up."""
    rng = np.random.default_rng(1)
    training, made, held_out = (rng.standard_normal((20, 10)) for _ in range(3))
    parts = {name: Estimate(0.1 * k, 0.1 * k - 1, 0.1 * k + 1, 20) for k, name in enumerate(DK_REGIONS)}
    shares = {"pcgm": 0.25, "mine": 0.125, "other-half": 1.0, "noise": 0.5}
    d = {row: Estimate(1.0, 0.9, 1.1, 20, details={"share_under_0.2": x}, parts=parts) for row, x in shares.items()}
    twice = (held_out, held_out + 0.1)
    qc = pd.DataFrame({"qc": [0.9] * 19 + [0.5]})
    private = {
        "pcgm": said(Privacy()(training, made, held_out, twice), 20),
        "mine": Estimate(reason=WHY),
        "other-half": said(Privacy()(training, training, held_out), 0),
    }
    images = {row: {"cohens-d": d[row]} for row in shares}
    for row, estimate in private.items():
        images[row]["privacy (uncnn)"] = estimate
    images["pcgm"] |= {"qc-gate": QCGate()(qc, qc), "fid (uncnn)": Estimate(2.0, 1.5, 2.5, 20)}
    images["other-half"] |= {"fid (uncnn)": Estimate(1.0, 0.5, 1.5, 20), "paper-mmd-image": Estimate(7.0, n=20)}
    images["noise"] |= {"qc-gate": QCGate()(qc, qc - 0.5), "paper-mmd-image": Estimate(6291.26, n=20)}
    rows = [*STUDY.rows("pcgm")[:2], Row("mine", RowKind.METHOD), *STUDY.rows("pcgm")[2:]]
    new = [Measurement("pcgm", str(i), "", math.nan, "", "", "", 1400.0) for i in range(20)]
    return Evidence(new, table(), rows, images=images, uses=USES)


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return STUDY.score(evidence())


def named(records: Sequence[Record], name: str) -> Table:
    return next(table for table in STUDY.tables(records) if table.name == name)


def lines_of(table: Table, start: int = 2) -> dict[str, dict[str, object]]:
    """Line -> row -> cell."""
    rows = [column.name for column in table.columns][start:]
    return {str(line[0]): dict(zip(rows, line[start:], strict=True)) for line in table.rows}


def test_the_floor_stands_behind_the_method() -> None:
    rows = STUDY.rows("pcgm")
    assert [row.name for row in rows][:3] == ["real", "pcgm", "other-half"]
    assert [row.kind for row in rows][1:4] == [RowKind.METHOD, RowKind.FLOOR, RowKind.CONTROL]
    assert [row.name for row in STUDY.rows("noise")].count("noise") == 1


def test_halves_are_matched_and_the_reference_is_one_of_them() -> None:
    people = table()
    ((half, reference),) = STUDY.folds(people, 0)
    assert sorted([*half, *reference]) == sorted(people["subject"])
    chosen = people.iloc[STUDY.real_rows(people, 0)]
    assert sorted(chosen["subject"]) == reference
    assert (chosen["sex"] == "F").mean() == pytest.approx(0.5, abs=0.06)
    assert STUDY.folds(people, 0) != STUDY.folds(people, 1)
    with pytest.raises(UserError, match="at least 20 people, has 19"):
        STUDY.folds(table(19), 0)


def test_privacy_has_a_topic_a_target_and_no_floor(records: list[Record]) -> None:
    cells = {record.row: record for record in select(records, column="privacy: privacy (uncnn)")}
    assert cells["other-half"].estimate == 1
    assert cells["other-half"].loss == 0.5
    assert cells["pcgm"].low < 0.5 < cells["pcgm"].high  # type: ignore[operator]
    assert (cells["pcgm"].target, cells["pcgm"].floor, cells["pcgm"].n) == (0.5, None, 20)
    assert cells["mine"].estimate is None
    assert cells["mine"].reason == WHY
    assert {record.floor for record in select(records, column="anatomy: cohens-d")} == {1.0}


def test_the_leaderboards_cells_say_what_must_be_equal(records: list[Record]) -> None:
    fid = only(records, row="pcgm", column="realism: fid (uncnn)")
    assert fid is not None
    assert (fid.metric, fid.direction, fid.floor, fid.n) == ("fid-2 in uncnn-1", "lower", 1.0, 20)
    paper = only(records, row="noise", column="paper-mmd-image")
    assert paper is not None
    assert paper.rule == "paper"
    assert not [record for record in records if record.column and "share" in record.column]


def test_the_tables_say_what_was_learnt_from_or_why_nobody_knows(records: list[Record]) -> None:
    assert any("privacy" in note and WHY in note for note in named(records, "overview").notes)
    privacy = named(records, "privacy")
    lines = lines_of(privacy)
    assert list(lines) == ["pcgm", "mine", "other-half"]
    assert lines["mine"]["learnt from"] == f"not known: {WHY}"
    assert lines["mine"]["near 0.5"] is None
    assert lines["other-half"]["copies"] == "no retest"
    assert str(lines["pcgm"]["copies"]).startswith("0.00 [0.00, ")
    assert lines["pcgm"]["training / held-out scans"] == "20 / 20"
    assert lines["pcgm"]["n"] == 20
    assert lines["pcgm"]["distance to retest"] == pytest.approx(0.1 * math.sqrt(10))
    assert "distance to held-out" in lines["pcgm"]


def test_the_overview_counts_regions_and_says_what_the_gate_is(records: list[Record]) -> None:
    overview = named(records, "overview")
    lines = lines_of(overview)
    # Noise stands above both methods there, the other half may.
    shares = {"pcgm": "0.25", "mine": "0.12", "other-half": "1.00", "noise": "0.50"}
    assert {row: lines[f"{SHARE} (!)"][row] for row in shares} == shares
    assert any(f"{SHARE}: noise" in note for note in overview.notes)
    assert not any("abs(d) < 0.5" in heading for heading in lines)  # nobody has it here
    passes = lines["qc-gate: set passes"]
    assert [passes[row] for row in ("pcgm", "mine", "other-half", "noise")] == ["yes", None, None, "no"]
    (gate,) = (note for note in overview.notes if note.startswith("qc-gate"))
    assert "pcgm-bench segmenter score >= 0.65; 95 % of the real scans pass" in gate
    (power,) = (note for note in overview.notes if note.startswith("With n = 20 + 20"))
    assert f"d >= {detectable(20, 20, 34):.2f}" in power
    assert lines["fid (uncnn)"]["pcgm"] == "2 [1.5, 2.5]"
    better = {str(row[0]): row[1] for row in overview.rows}
    assert (better["fid (uncnn)"], better["privacy (uncnn)"]) == ("lower", "near 0.5")


def test_the_papers_formulae_stand_apart(records: list[Record]) -> None:
    lines = lines_of(named(records, "paper"))
    assert list(lines) == ["paper-mmd-image"]
    assert lines["paper-mmd-image"]["noise"] == "6.29e+03"


def test_the_figure_has_every_region_of_every_row_the_method_first(records: list[Record]) -> None:
    (plot,) = STUDY.plots(records)
    assert isinstance(plot, EffectsPlot)
    assert list(plot.values) == ["pcgm", "mine", "other-half", "noise"]
    assert list(plot.values["pcgm"]) == list(DK_REGIONS)
    assert math.isnan(plot.values["pcgm"][DK_REGIONS[0]])
    assert plot.values["pcgm"][DK_REGIONS[3]] == pytest.approx(math.log(0.3))
    assert "20 real" in plot.title
    assert STUDY.plots([]) == []


def test_a_metric_that_was_added_to_the_run_has_its_line() -> None:
    base = evidence()
    fid = USES["fid (uncnn)"]
    record = dataclasses.replace(fid.record, name="mine-own", direction="perfect", perfect=3.0)
    uses = {**USES, "mine-own": MetricUse("mine-own", record, "mine-own-1")}
    images = {**base.images, "pcgm": {**base.images["pcgm"], "mine-own": Estimate(2.0, 1.0, 3.0, 20)}}
    records = STUDY.score(dataclasses.replace(base, uses=uses, images=images))
    assert lines_of(named(records, "overview"))["mine-own"]["pcgm"] == "2 [1, 3]"
    cell = only(records, row="pcgm", column="mine-own")
    assert cell is not None
    assert cell.loss == 1.0
