"""Volumes made elsewhere, in a table: what it must say, what is wrong with it, and what can be scored with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import toy_plugins
import fakes
import numpy as np
import pandas as pd
import pytest

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import LOBES
from pcgm_bench.anatomy import parcel_names
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.metrics.qc_gate import QCGate
from pcgm_bench.runner import CohortRequest
from pcgm_bench.runner import Given
from pcgm_bench.runner import Request
from pcgm_bench.runner import run
from pcgm_bench.runner.images import ImageMetric
from pcgm_bench.runner.images import _lacking
from pcgm_bench.runner.images import _of_volumes
from pcgm_bench.runner.images import not_possible
from pcgm_bench.segmenters.external import qc_scores
from pcgm_bench.segmenters.external.table import TableSegmenter
from pcgm_bench.store import Stage
from pcgm_bench.store import Unit

RIGHT = {"frontal": 160.0, "parietal": 110.0, "temporal": 120.0, "occipital": 55.0, "cingulate": 20.0, "insula": 14.0}


def row(subject: str, session: str = "01", desc: str = "", **more: object) -> dict[str, object]:
    return {
        "subject": subject,
        "session": session,
        "desc": desc,
        **RIGHT,
        "ventricles": 15.0,
        "head_size": 1400.0,
        **more,
    }


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    pd.DataFrame(rows).to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


def scan(subject: str, session: str = "01", description: str = "") -> Scan:
    image = np.ones(fakes.SHAPE, np.float32)
    return Scan(subject, session, image, fakes.AFFINE, 40.0, "F", "control", description=description)


@pytest.mark.parametrize("name", ["volumes.csv", "volumes.tsv"])
def test_a_row_is_found_by_person_visit_and_description(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, [row("sub-01"), row("01", "ses-01", "cfAUD", frontal=150.0, qc=0.8)][:1])
    assert TableSegmenter(path).segment(scan("01")).volumes["frontal"] == 160
    path = write(tmp_path / name, [row("01", qc=0.9), row("01", "01", "desc-cfAUD", frontal=150.0, qc=0.8)])
    reading = TableSegmenter(path).segment(scan("01", description="cfAUD"))
    assert TableSegmenter(path).qc_score == "", "nobody said whose score it is"
    assert (reading.volumes["frontal"], reading.head_size, reading.qc) == (150, 1400, 0.8)
    assert set(reading.volumes) == {*LOBE_NAMES, "ventricles"}
    assert reading.labels.size == reading.fractions.size == 0
    with pytest.raises(UserError, match=r"volumes\..sv: no row for sub-02_ses-01"):
        TableSegmenter(path).segment(scan("02"))


def test_file_names_and_other_spellings_are_understood(tmp_path: Path) -> None:
    parcels = dict.fromkeys(parcel_names(), 2.0)
    spelled = {
        name.replace("lh-", "ctx-lh-").replace("rh-", "rh_") + "_volume" * ("rh-" in name): v
        for name, v in parcels.items()
    }
    one = {"subject": "sub-01_ses-01_desc-cfAUD_T1w.nii.gz", **spelled, "ventricles": 15, "head_size": 1400}
    reading = TableSegmenter(write(tmp_path / "synthseg.csv", [one])).segment(scan("01", description="cfAUD"))
    assert reading.volumes["rh-insula"] == 2
    assert reading.volumes["frontal"] == 2 * 2 * len(LOBES["frontal"])


def test_identity_follows_the_content(tmp_path: Path) -> None:
    first = TableSegmenter(write(tmp_path / "a.csv", [row("01")])).identity
    assert TableSegmenter(write(tmp_path / "b.csv", [row("01")])).identity == first
    assert TableSegmenter(write(tmp_path / "b.csv", [row("01", frontal=161)])).identity != first


def without(name: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda table: table.drop(columns=name)


def mm3(table: pd.DataFrame) -> pd.DataFrame:
    regions = [*LOBE_NAMES, "ventricles", "head_size"]
    return table.assign(**{name: table[name] * 1000 for name in regions})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("subject"), "no column 'subject'"),
        (without("insula"), "column 'insula' is missing"),
        (without("head_size"), "column 'head_size' is missing"),
        (lambda t: t.assign(fontal=1.0), "unknown column 'fontal'; did you mean frontal"),
        (lambda t: t.assign(**{"lh-insula": 7.0}), "column 'lh-bankssts' is missing .1 of 68"),
        (lambda t: t.iloc[:0], "a heading and no row"),
        (lambda t: t.iloc[[0, 1, 0]], r"line 4: a second row of sub-01_ses-01, beside line 2"),
        (lambda t: t.assign(frontal=[160, ""]), r"line 3 \(sub-02_ses-01\), frontal: '' is not a number"),
        (lambda t: t.assign(frontal=[160, "NaN"]), r"line 3 \(sub-02_ses-01\), frontal: 'NaN' is not a number"),
        (lambda t: t.assign(insula=[-1, 14]), r"line 2 \(sub-01_ses-01\), insula: -1 mL is negative"),
        (lambda t: t.assign(subject=["01", ""]), "line 3: no subject"),
        (lambda t: t.assign(qc=[0.5, 70]), "line 3 .*qc: 70 is not between 0 and 1"),
        (lambda t: t.assign(qc_synthseg=[-2, 0.9]), "line 2 .*qc_synthseg: -2 is not between 0 and 1"),
        (lambda t: t.assign(euler_lh=-40, euler_rh=[2, 4]), "line 3 .*euler_rh: 4 is more than 2"),
        (lambda t: t.assign(euler_lh=2), "column 'euler_rh' is missing .1 of 2 QC columns"),
        (lambda t: t.assign(thalamus=0.9), "column 'qc_general_white_matter' is missing .1 of 8 QC columns"),
        (lambda t: t.assign(qc=0.9, euler=-4), "QC scores of two kinds .qc, euler.; keep one"),
        (lambda t: t.assign(qc_freesurfer=0.9), "unknown column 'qc_freesurfer'"),
        (mm3, r"line 2 \(sub-01_ses-01\), frontal: 160000 mL is too much for a head: is it mm3"),
        (lambda t: t.assign(head_size=1.4), "head_size is 1.4 mL in the median: is it litres"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str) -> None:
    path = tmp_path / "volumes.csv"
    change(pd.DataFrame([row("01"), row("02")])).to_csv(path, index=False)
    with pytest.raises(UserError, match=f"^{path}: .*{message}"):
        TableSegmenter(path)


def test_one_parcel_in_mm3_is_seen(tmp_path: Path) -> None:
    path = write(tmp_path / "v.csv", [row("01", **(dict.fromkeys(parcel_names(), 2.0) | {"lh-frontalpole": 950.0}))])
    with pytest.raises(UserError, match="lh-frontalpole: 950 mL is too much"):
        TableSegmenter(path)


def test_no_table_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--segmentations TABLE\.csv"):
        TableSegmenter(tmp_path)
    (tmp_path / "x.csv").write_bytes(b"")
    with pytest.raises(UserError, match=r"x\.csv: not a CSV or TSV table"):
        TableSegmenter(tmp_path / "x.csv")


@pytest.fixture
def with_table(toys: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(fakes, "TableSegmenter", TableSegmenter, raising=False)
    monkeypatch.setitem(toy_plugins.TOYS, "segmenters", {"toy": "ToySegmenter", "table": "TableSegmenter"})
    return toys


@pytest.fixture
def with_gate(with_table: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    study = type("GateStudy", (fakes.ToySampleStudy,), {"name": "toy-gate", "image_metrics": ("qc-gate",)})
    monkeypatch.setattr(fakes, "GateStudy", study, raising=False)
    monkeypatch.setattr(fakes, "QCGate", QCGate, raising=False)
    monkeypatch.setitem(toy_plugins.TOYS, "studies", {**toy_plugins.TOYS["studies"], "toy-gate": "GateStudy"})
    monkeypatch.setitem(toy_plugins.TOYS, "metrics", {**toy_plugins.TOYS["metrics"], "qc-gate": "QCGate"})


def made_images(home: Path, study: str, method: str) -> Path:
    run(Request(method, study, home, CohortRequest("toy"), segmenter="toy"))
    (folder,) = home.glob(f"runs/*/derivatives/{method}")
    return folder


def toy_rows() -> list[dict[str, object]]:
    return [row(person.subject, person.session) for person in fakes.person_table(12).itertuples()]


def test_given_images_are_scored_by_a_table_and_controls_say_why_not(tmp_path: Path, with_table: list[str]) -> None:
    folder = made_images(tmp_path / "a", "toy", "shifter")
    real = toy_rows()
    other = {True: "cfcontrol", False: "cfAUD"}
    made = [row(r["subject"], r["session"], other[int(r["subject"]) % 2 == 1], frontal=150.0) for r in real]  # type: ignore[arg-type,call-overload]
    request = Request(
        "mine",
        "toy",
        tmp_path / "b",
        CohortRequest("toy"),
        segmenter="table",
        segmentations=write(tmp_path / "volumes.csv", [*real, *made]),
        given=Given(folder, "mine"),
    )
    with_table.clear()
    scored = run(request)
    scores = scored.folder.scores["scores"]
    assert scores["rows"]["real"] == [160, 13]
    assert scores["rows"]["mine"] == [150, 13]
    assert len(scores["images"]["mine"]["brightness"]) == 2
    # The oracle's images have the names of the given ones: their volumes must not be taken for its.
    assert "truth" not in scores["rows"]
    assert "this run makes the images of truth" in scored.skipped["truth"]
    assert not [call for call in with_table if call.startswith(("segment", "oracle"))]
    assert all(example.labels() is None for example in scored.examples)


def test_an_image_without_a_row_is_named(tmp_path: Path, with_table: list[str]) -> None:
    folder = made_images(tmp_path / "a", "toy", "shifter")
    table = write(tmp_path / "volumes.csv", toy_rows())
    wanted = Request("mine", "toy", tmp_path / "b", CohortRequest("toy"), segmenter="table", segmentations=table)
    with pytest.raises(UserError, match=r"volumes.csv: no row for sub-000_ses-01_desc-cfAUD"):
        run(Request(**{**vars(wanted), "given": Given(folder, "mine")}))
    with pytest.raises(UserError, match="this run makes the images of truth; 'table' knows only"):
        run(Request(**{**vars(wanted), "method": "truth"}))


def test_a_method_that_needs_fractions_is_told_so(tmp_path: Path, with_table: list[str]) -> None:
    table = write(tmp_path / "volumes.csv", toy_rows())
    scored = run(Request("planner", "toy", tmp_path, CohortRequest("toy"), segmenter="table", segmentations=table))
    assert scored.folder.scores["scores"]["rows"]["planner (volumes)"][1] == 13
    (stage,) = (tmp_path / "readings").iterdir()
    with pytest.raises(UserError, match="bring no tissue fractions; give label maps"):
        Stage(stage).read_fractions(Unit("000", "01"))
    with pytest.raises(UserError, match="bring no label map"):
        Stage(stage).read_labels(Unit("000", "01"))


def test_new_brains_keep_the_metrics_of_images(tmp_path: Path, with_table: list[str]) -> None:
    folder = made_images(tmp_path / "a", "toy-samples", "copier")
    brains = [row(f"{i + 1:04d}", "", "sample") for i in range(6)]
    table = write(tmp_path / "volumes.csv", [*toy_rows(), *brains])
    request = Request(
        "mine", "toy-samples", tmp_path / "b", CohortRequest("toy"), segmenter="table", segmentations=table
    )
    scored = run(Request(**{**vars(request), "given": Given(folder, "mine")}))
    assert scored.folder.scores["scores"]["images"]["mine"]["contrast"]["n"] == [6, 6]
    scored = run(Request(**{**vars(request), "method": "copier"}))
    scores = scored.folder.scores["scores"]
    assert scores["images"]["copier"]["contrast"]["n"] == [6, 6]
    assert "copier" not in scores["rows"]


GROUPS = dict.fromkeys(qc_scores.GROUPS, 0.9)


@pytest.mark.parametrize(
    ("columns", "score", "qc", "parts"),
    [
        ({"qc_synthseg": 0.7}, "SynthSeg QC", 0.7, 0),
        ({**GROUPS, "thalamus": 0.4}, "SynthSeg QC", 0.4, 8),
        ({"euler": -38}, "Euler number", -38, 0),
        ({"euler_lh": -38, "euler_rh": 2}, "Euler number", -38, 2),
        ({"qc_unet": 0.7}, QCGate().__call__.__defaults__[0], 0.7, 0),
    ],
)
def test_a_columns_name_says_whose_score_it_is(
    tmp_path: Path, columns: dict[str, float], score: str, qc: float, parts: int
) -> None:
    segmenter = TableSegmenter(write(tmp_path / "volumes.csv", [row("01", **columns)]))
    reading = segmenter.segment(scan("01"))
    assert (segmenter.qc_score, reading.qc, len(reading.qc_parts)) == (score, qc, parts)
    assert set(reading.volumes) == {*LOBE_NAMES, "ventricles"}
    stage, unit = Stage(tmp_path / "stage"), Unit("01", "01")
    stage.write_reading(unit, reading, fakes.AFFINE)
    back = stage.read_reading(unit)
    assert (dict(back.volumes), back.qc, dict(back.qc_parts)) == (reading.volumes, reading.qc, reading.qc_parts)


def scored_gate(tmp_path: Path, real: dict[str, float], made: dict[str, float], threshold: float | None = None) -> Any:
    """The QC gate of six given brains, two of which are ``made`` and four ``real``, in the toy study of new brains."""
    folder = made_images(tmp_path / "a", "toy-gate", "copier")
    brains = [row(f"{i + 1:04d}", "", "sample", **(made if i < 2 else real)) for i in range(6)]
    table = write(tmp_path / "volumes.csv", [*(one | real for one in toy_rows()), *brains])
    request = Request(
        "mine", "toy-gate", tmp_path / "b", CohortRequest("toy"), segmenter="table", segmentations=table,
        given=Given(folder, "mine"), qc_threshold=threshold,
    )  # fmt: skip
    scored = run(request)
    scores = scored.folder.scores
    return scores["scores"]["images"]["mine"]["qc-gate"], scores["skipped"], scores["scores"]["records"]["qc-gate"]


def test_the_gate_judges_synthsegs_groups_apart(tmp_path: Path, with_gate: None) -> None:
    gate, _, record = scored_gate(tmp_path, GROUPS, {**GROUPS, "thalamus": 0.6})
    assert (gate["score"], gate["threshold"], gate["passed"]) == ("SynthSeg QC", 0.65, False)
    assert gate["value"] == gate["columns"]["qc_thalamus"] == pytest.approx(4 / 6)
    assert gate["columns"]["qc_brainstem"] == 1
    assert len(gate["columns"]) == 8
    assert record["identity"] == "qc-gate-1 (score: SynthSeg QC)"


def test_euler_numbers_want_a_threshold(tmp_path: Path, with_gate: None) -> None:
    gate, skipped, _ = scored_gate(tmp_path, {"euler": -20}, {"euler": -200})
    assert (gate["value"], gate["score"], gate["threshold"]) == (None, "Euler number", None)
    assert "Euler number has no accepted threshold; give one (--qc-threshold) (mine" in skipped["qc-gate"]
    gate, skipped, _ = scored_gate(tmp_path, {"euler": -20}, {"euler": -200}, threshold=-60.0)
    assert (gate["value"], gate["threshold"]) == (pytest.approx(4 / 6), -60)
    assert "qc-gate" not in skipped


def test_a_score_of_nobodys_is_not_judged(tmp_path: Path, with_gate: None) -> None:
    gate, skipped, _ = scored_gate(tmp_path, {"qc": 0.9}, {"qc": 0.2})
    assert (gate["value"], gate["score"]) == (None, "")
    assert "nobody says whose QC score this is" in skipped["qc-gate"]


def test_a_threshold_that_nothing_asks_for_is_refused(tmp_path: Path, toys: list[str]) -> None:
    with pytest.raises(UserError, match="--qc-threshold: the study toy has no metric"):
        run(Request("shifter", "toy", tmp_path, CohortRequest("toy"), segmenter="toy", qc_threshold=0.5))


def test_metrics_of_volumes_say_what_they_lack() -> None:
    whole = pd.DataFrame({"qc": [0.9, np.nan]})
    assert _lacking(QCGate, (whole, whole)) == ""
    assert _lacking(QCGate, (whole.rename(columns={"qc": "qc_thalamus"}),)) == ""
    assert _lacking(QCGate, (whole, whole.iloc[1:])) == "nobody has measured qc"
    assert _lacking(QCGate, (whole, pd.DataFrame())) == "no volumes were measured on these images"
    assert ImageMetric("qc-gate", QCGate).record["inputs"] == "volumes"
    missing = {"value": None, "reason": "nobody has measured qc"}
    scores = {"a": {"qc-gate": missing, "fid": {"value": 1.0}}, "b": {"qc-gate": missing}}
    assert not_possible(scores) == {"qc-gate": "not possible: nobody has measured qc (a, b)"}


def test_a_volume_that_is_no_number_leaves_a_metric_without_a_value() -> None:
    class Refuses:
        columns = ("insula",)

        def __call__(self, real: pd.DataFrame, made: pd.DataFrame) -> dict[str, float]:
            raise ValueError("insula of subject 02 is nan, not mL")

    tables = (pd.DataFrame({"insula": [7.0, 8.0]}), pd.DataFrame({"insula": [7.0, float("nan")]}))
    found = _of_volumes(ImageMetric("refuses", Refuses), Refuses(), tables)
    assert found["value"] is None
    assert found["reason"] == "insula of subject 02 is nan, not mL"
