"""The synthesis study: what it makes of the metrics of its rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pcgm_bench.anatomy import DK_REGIONS
from pcgm_bench.metrics.privacy import Privacy
from pcgm_bench.metrics.qc_gate import QCGate
from pcgm_bench.plain import plain_json
from pcgm_bench.runner.images import image_metrics
from pcgm_bench.statistics.effects import detectable
from pcgm_bench.studies.synthesis import SynthesisStudy

STUDY = SynthesisStudy()
WHY = "given as files: nothing says which scans their generator was trained on"


def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [[f"{i:03d}", "01", float(rng.uniform(12, 90)), "FM"[i % 2], "control"] for i in range(40)]
    return pd.DataFrame(rows, columns=["subject", "session", "age", "sex", "diagnosis"])


@pytest.fixture(scope="module")
def scores() -> Any:
    """A method and a folder of images beside the control that copies; privacy computed, Cohen's d made up."""
    rng = np.random.default_rng(1)
    training, made, held_out = (rng.standard_normal((20, 10)) for _ in range(3))
    said = {"training": "the other half", "n_training": 20, "n_held_out": 20}
    regions = {name: {"d": 0.1 * k, "ln_abs_d": math.log(0.1 * k) if k else None} for k, name in enumerate(DK_REGIONS)}
    d = {"value": 1.0, "low": 0.9, "high": 1.1, "n": 20, "n_real": 20, "regions": regions}
    shares = {"pcgm": 0.25, "other-half": 1.0, "noise": 0.5, "mine": 0.125}
    qc = pd.DataFrame({"qc": [0.9] * 19 + [0.5]})
    twice = (held_out, held_out + 0.1)
    images: dict[str, Mapping[str, Any]] = {
        "pcgm": {"privacy (uncnn)": {**Privacy()(training, made, held_out, twice), **said, "n_retest": 20}},
        "other-half": {"privacy (uncnn)": {**Privacy()(training, training, held_out), **said, "n_retest": 0}},
        "mine": {"privacy (uncnn)": {"value": None, "low": None, "high": None, "n": None, "reason": WHY}},
        "noise": {"qc-gate": QCGate()(qc, qc - 0.5)},
    }
    images["pcgm"] = {**images["pcgm"], "qc-gate": QCGate()(qc, qc)}
    images = {row: {**results, "cohens-d": {**d, "share_under_0.2": shares[row]}} for row, results in images.items()}
    records = {one.name: one.record for one in image_metrics(STUDY) if one.name in images["pcgm"]}
    return plain_json(STUDY.score([], table(), 0, False, images, records))


def test_privacy_is_asked_for_in_every_space() -> None:
    names = [one.name for one in image_metrics(STUDY)]
    assert {"privacy (uncnn)", "privacy (segmenter)"} <= set(names)


def test_privacy_has_a_topic_a_target_and_no_floor(scores: Any) -> None:
    cells = {cell.row: cell for cell in STUDY.board(scores) if cell.column == "privacy: privacy (uncnn)"}
    assert cells["other-half"].value == 1
    assert cells["other-half"].loss == 0.5
    assert cells["pcgm"].low < 0.5 < cells["pcgm"].high
    assert (cells["pcgm"].target, cells["pcgm"].floor, cells["pcgm"].n) == (0.5, None, 20)
    assert cells["mine"].value is None
    assert {cell.floor for cell in STUDY.board(scores) if cell.column == "anatomy: cohens-d"} == {1.0}


def test_the_tables_say_what_was_learnt_from_or_why_nobody_knows(scores: Any) -> None:
    tables = {one.name: one for one in STUDY.tables(scores)}
    assert any("privacy" in note and WHY in note for note in tables["overview"].notes)
    lines = {row[0]: row for row in tables["privacy"].rows}
    columns = [column.name for column in tables["privacy"].columns]
    assert lines["mine"][columns.index("learnt from")] == f"not known: {WHY}"
    assert lines["other-half"][columns.index("copies")] == "no retest"
    assert lines["pcgm"][columns.index("copies")].startswith("0.00 [0.00, ")
    assert lines["pcgm"][columns.index("training / held-out scans")] == "20 / 20"
    assert lines["pcgm"][columns.index("distance to retest")] == pytest.approx(0.1 * math.sqrt(10))


def test_the_overview_counts_regions_and_says_what_the_gate_is(scores: Any) -> None:
    overview = next(one for one in STUDY.tables(scores) if one.name == "overview")
    rows = [column.name for column in overview.columns][2:]
    lines = {str(line[0]): dict(zip(rows, line[2:], strict=True)) for line in overview.rows}
    # Noise stands above both methods there, the other half may.
    line = "cohens-d: share of 34 regions, abs(d) < 0.2"
    assert lines[f"{line} (!)"] == {"pcgm": "0.25", "mine": "0.12", "other-half": "1.00", "noise": "0.50"}
    assert any(f"{line}: noise" in note for note in overview.notes)
    assert not any("abs(d) < 0.5" in heading for heading in lines)  # nobody has it here
    assert lines["qc-gate: set passes"] == {"pcgm": "yes", "mine": None, "other-half": None, "noise": "no"}
    (gate,) = (note for note in overview.notes if note.startswith("qc-gate"))
    assert "pcgm-bench segmenter score, at least 0.65; 95 % of the real scans pass" in gate
    (power,) = (note for note in overview.notes if note.startswith("With n = 20 + 20"))
    assert f"d >= {detectable(20, 20, 34):.2f}" in power


def test_the_figure_has_every_region_of_every_row_the_method_first(scores: Any) -> None:
    (plot,) = STUDY.plots(scores)
    assert plot.kind == "effects"
    assert list(plot.data)[-2:] == ["other-half", "noise"]
    assert list(plot.data["pcgm"]) == list(DK_REGIONS)
    assert plot.data["pcgm"][DK_REGIONS[0]] is None
    assert plot.data["pcgm"][DK_REGIONS[3]] == pytest.approx(math.log(0.3))
