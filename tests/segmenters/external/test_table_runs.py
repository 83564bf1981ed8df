"""Runs whose volumes were measured elsewhere: what can be scored with a table, and what cannot."""

from __future__ import annotations

from pathlib import Path

import fakes
import fakes_studies
import pandas as pd
import pytest
from toy_registry import register
from toy_runs import derivatives
from toy_runs import records_of
from toy_runs import request

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import UserError
from pcgm_bench.runner.request import ImageFolder
from pcgm_bench.runner.request import RunRequest
from pcgm_bench.runner.run import RunResult
from pcgm_bench.runner.run import run
from pcgm_bench.segmenters.external import qc_scores
from pcgm_bench.store import DerivativeFolder
from pcgm_bench.store import ImageKey

GROUPS = dict.fromkeys(qc_scores.GROUPS, 0.9)


class GateStudy(fakes_studies.ToySampleStudy):
    """New brains that a QC score is asked of."""

    name = "toy-gate"
    metrics = ("qc-gate",)

    def score(self, evidence: Evidence) -> list[Record]:
        """The gate of every row: its share, and as values by unit what else it says."""
        return [
            Record(row, evidence.row(row).kind, name, gate.value, n=gate.n, text=gate.note, reason=gate.reason,
                   by_unit={**gate.details, **{part: share.value for part, share in gate.parts.items()}})
            for row, by_metric in evidence.images.items()
            for name, gate in by_metric.items()
        ]  # fmt: skip


@pytest.fixture
def with_table(toys: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The toys, with the segmenter ``table``, the metric ``qc-gate`` and its study."""
    monkeypatch.setattr(fakes_studies, "GateStudy", GateStudy, raising=False)
    register(
        monkeypatch,
        {
            "segmenters": {"table": "pcgm_bench.segmenters.external.table:TableSegmenter"},
            "metrics": {"qc-gate": "pcgm_bench.metrics.qc_gate:QCGate"},
            "studies": {"toy-gate": "fakes_studies:GateStudy"},
        },
    )
    return toys


def line(subject: str, session: str = "01", desc: str = "", **more: float) -> dict[str, object]:
    """One image in the table."""
    lobes = dict(zip(LOBE_NAMES, (160.0, 110.0, 100.0, 60.0, 20.0, 14.0), strict=True))
    who = {"subject": subject, "session": session, "desc": desc}
    return {**who, **lobes, "ventricles": 15.0, "head_size": 1400.0, **more}


def real_lines() -> list[dict[str, object]]:
    """The toy people's factual scans."""
    return [line(person.subject, person.session) for person in fakes.person_table(12).itertuples()]


def write(path: Path, lines: list[dict[str, object]]) -> Path:
    """The table as a CSV file."""
    pd.DataFrame(lines).to_csv(path, index=False)
    return path


def images_of(home: Path, study: str, method: str) -> Path:
    """The folder of images that a toy method has made."""
    run(request(home, method=method, study=study))
    return derivatives(home, method)


def test_an_image_folder_is_scored_by_a_table_and_controls_say_why_not(tmp_path: Path, with_table: list[str]) -> None:
    folder = images_of(tmp_path / "a", "toy", "shifter")
    made = []
    for person in fakes.person_table(12).itertuples():
        desc = "cfcontrol" if person.diagnosis == "AUD" else "cfAUD"
        made.append(line(person.subject, person.session, desc, frontal=150.0))
    table = write(tmp_path / "volumes.csv", [*real_lines(), *made])
    wanted = request(
        tmp_path / "b", method="mine", segmenter="table", segmentations=table, image_folder=ImageFolder(folder)
    )
    with_table.clear()
    result = run(wanted)
    volumes = records_of(result, "frontal")
    assert (volumes["real"].estimate, volumes["real"].n) == (160, 13)
    assert (volumes["mine"].estimate, volumes["mine"].n) == (150, 13)
    assert records_of(result, "brightness")["mine"].n == 13
    # The oracle's images have the names of the given ones: their volumes must not be taken for its.
    assert "truth" not in volumes
    assert "this run makes the images of truth" in result.scores.skipped["truth"]
    assert not [call for call in with_table if call.startswith(("segment", "oracle"))]
    assert result.examples
    assert all(example.labels() is None for example in result.examples)


def test_an_image_without_a_row_is_named(tmp_path: Path, with_table: list[str]) -> None:
    folder = images_of(tmp_path / "a", "toy", "shifter")
    table = write(tmp_path / "volumes.csv", real_lines())
    with pytest.raises(UserError, match=r"volumes.csv: no row for sub-000_ses-01_desc-cfAUD"):
        run(
            request(
                tmp_path / "b", method="mine", segmenter="table", segmentations=table, image_folder=ImageFolder(folder)
            )
        )
    with pytest.raises(UserError, match="this run makes the images of shifter; 'table' knows only"):
        run(request(tmp_path / "b", study="toy-copy", segmenter="table", segmentations=table))


def test_a_method_that_needs_fractions_is_told_so(tmp_path: Path, with_table: list[str]) -> None:
    table = write(tmp_path / "volumes.csv", real_lines())
    result = run(request(tmp_path, method="planner", segmenter="table", segmentations=table))
    assert records_of(result, "frontal")["planner (volumes)"].n == 13
    (folder,) = (tmp_path / "segmentations").glob("toy--*")
    with pytest.raises(UserError, match="bring no tissue fractions; give label maps"):
        DerivativeFolder(folder).read_fractions(ImageKey("000", "01"))
    with pytest.raises(UserError, match="bring no label map"):
        DerivativeFolder(folder).read_labels(ImageKey("000", "01"))


def brains_request(tmp_path: Path, lines: list[dict[str, object]], study: str, **changes: object) -> RunRequest:
    """Six new brains made elsewhere, whose volumes are in a table."""
    folder = images_of(tmp_path / "a", "toy-samples", "copier")
    table = write(tmp_path / "volumes.csv", lines)
    return request(
        tmp_path / "b", method="mine", study=study, segmenter="table", segmentations=table,
        image_folder=ImageFolder(folder), **changes,
    )  # fmt: skip


def test_new_brains_keep_the_metrics_of_images(tmp_path: Path, with_table: list[str]) -> None:
    brains = [line(f"{number:04d}", "", "sample") for number in range(1, 7)]
    wanted = brains_request(tmp_path, [*real_lines(), *brains], "toy-samples")
    assert records_of(run(wanted), "contrast")["mine"].n == 6
    plugin = request(
        tmp_path / "b", method="copier", study="toy-samples", segmenter="table", segmentations=wanted.segmentations
    )
    result = run(plugin)
    assert records_of(result, "contrast")["copier"].n == 6
    assert "frontal" not in result.scores.metrics


def gate_of(
    tmp_path: Path, real: dict[str, float], made: dict[str, float], threshold: float | None = None
) -> tuple[Record, RunResult]:
    """The QC gate of six given brains, two of which are ``made`` and four ``real``."""
    brains = [line(f"{number:04d}", "", "sample", **(made if number < 3 else real)) for number in range(1, 7)]
    people = [{**person, **real} for person in real_lines()]
    result = run(brains_request(tmp_path, [*people, *brains], "toy-gate", qc_threshold=threshold))
    return records_of(result, "qc-gate")["mine"], result


def test_the_gate_judges_synthsegs_groups_apart(tmp_path: Path, with_table: list[str]) -> None:
    gate, result = gate_of(tmp_path, GROUPS, {**GROUPS, "thalamus": 0.6})
    assert gate.text == "SynthSeg QC >= 0.65"
    assert gate.by_unit["passed"] == 0
    assert gate.estimate == gate.by_unit["qc_thalamus"] == pytest.approx(4 / 6)
    assert gate.by_unit["qc_brainstem"] == 1
    assert sum(name.startswith("qc_") for name in gate.by_unit) == 8
    assert result.scores.metrics["qc-gate"] == "qc-gate-1 (SynthSeg QC >= 0.65)"


def test_euler_numbers_want_a_threshold(tmp_path: Path, with_table: list[str]) -> None:
    gate, result = gate_of(tmp_path / "1", {"euler": -20}, {"euler": -200})
    assert gate.estimate is None
    assert "Euler number has no accepted threshold; give one (--qc-threshold) (mine" in result.scores.skipped["qc-gate"]
    gate, result = gate_of(tmp_path / "2", {"euler": -20}, {"euler": -200}, threshold=-60.0)
    assert (gate.estimate, gate.text) == (pytest.approx(4 / 6), "Euler number >= -60")
    assert "qc-gate" not in result.scores.skipped


def test_a_score_of_nobodys_is_not_judged(tmp_path: Path, with_table: list[str]) -> None:
    gate, result = gate_of(tmp_path, {"qc": 0.9}, {"qc": 0.2})
    assert gate.estimate is None
    assert "nobody says whose QC score this is" in result.scores.skipped["qc-gate"]


def test_a_threshold_that_nothing_asks_for_is_refused(tmp_path: Path, toys: list[str]) -> None:
    with pytest.raises(UserError, match="--qc-threshold: the study toy has no metric"):
        run(request(tmp_path, qc_threshold=0.5))
