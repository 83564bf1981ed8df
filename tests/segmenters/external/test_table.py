"""Volumes made elsewhere, in a table: what it must say, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import fakes
import numpy as np
import pandas as pd
import pytest

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import LOBES
from pcgm_bench.anatomy import PARCELS
from pcgm_bench.contracts import OWN_SCORE
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import SegmenterOptions
from pcgm_bench.contracts import UserError
from pcgm_bench.segmenters.external import qc_scores
from pcgm_bench.segmenters.external.table import TableSegmenter
from pcgm_bench.store import DerivativeFolder
from pcgm_bench.store import ImageKey

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
    segmentation = TableSegmenter(path).segment(scan("01", description="cfAUD"))
    assert TableSegmenter(path).qc_score == "", "nobody said whose score it is"
    assert (segmentation.volumes["frontal"], segmentation.head_size, segmentation.qc) == (150, 1400, 0.8)
    assert set(segmentation.volumes) == {*LOBE_NAMES, "ventricles"}
    assert segmentation.labels.size == segmentation.fractions.size == 0
    with pytest.raises(UserError, match=r"volumes\..sv: no row for sub-02_ses-01"):
        TableSegmenter(path).segment(scan("02"))


def test_file_names_and_other_spellings_are_understood(tmp_path: Path) -> None:
    parcels = dict.fromkeys(PARCELS, 2.0)
    spelled = {
        name.replace("lh-", "ctx-lh-").replace("rh-", "rh_") + "_volume" * ("rh-" in name): v
        for name, v in parcels.items()
    }
    line = {"subject": "sub-01_ses-01_desc-cfAUD_T1w.nii.gz", **spelled, "ventricles": 15, "head_size": 1400}
    segmentation = TableSegmenter(write(tmp_path / "synthseg.csv", [line])).segment(scan("01", description="cfAUD"))
    assert segmentation.volumes["rh-insula"] == 2
    assert segmentation.volumes["frontal"] == 2 * 2 * len(LOBES["frontal"])


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
        (
            lambda t: t.assign(head_size=15, ventricles=1432),
            "head_size is 15 mL in the median: adults have",
        ),
        (lambda t: t.assign(**{lobe: t[lobe] / 1000 for lobe in LOBE_NAMES}), "frontal is 0.16 mL in the median, 0.01"),
        (lambda t: t.assign(frontal=14.0, insula=160.0), r"frontal is 14 mL .*insula is 160 mL in the median, 11.4 %"),
        (lambda t: t.assign(white_matter=[450, 1300]), "sub-02_ses-01: all regions have 1794 mL and the head 1400"),
        (lambda t: t.assign(frontal=[160, 1500]), "sub-02_ses-01: frontal has 1500 mL and the head 1400"),
        (lambda t: pd.concat([t, t.assign(subject=["03", "04"], insula=[14, 1.4])]), "sub-04_ses-01: insula is 1.4 mL"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str) -> None:
    path = tmp_path / "volumes.csv"
    change(pd.DataFrame([row("01"), row("02")])).to_csv(path, index=False)
    with pytest.raises(UserError, match=f"^{path}: .*{message}"):
        TableSegmenter(path)


def test_one_bad_drawing_is_no_fault_of_the_table(tmp_path: Path) -> None:
    odd = {"frontal": 5.0, "ventricles": 700.0, "head_size": 1100.0}
    lines = [row("01"), row("02"), row("03"), row("01", desc="cfAUD", **odd)]
    assert (
        TableSegmenter(write(tmp_path / "v.csv", lines)).segment(scan("01", description="cfAUD")).volumes["frontal"]
        == 5
    )


def test_a_hemisphere_that_is_another_things_is_seen(tmp_path: Path) -> None:
    parcels = {name: 3.0 if name.startswith("lh") else 0.5 for name in PARCELS}
    line = {"subject": "01", **parcels, "ventricles": 15, "head_size": 1400}
    with pytest.raises(UserError, match=r"frontal is 33 mL left and 5\.5 mL right in the median"):
        TableSegmenter(write(tmp_path / "v.csv", [line]))


def test_one_parcel_in_mm3_is_seen(tmp_path: Path) -> None:
    path = write(tmp_path / "v.csv", [row("01", **(dict.fromkeys(PARCELS, 2.0) | {"lh-frontalpole": 950.0}))])
    with pytest.raises(UserError, match="lh-frontalpole: 950 mL is too much"):
        TableSegmenter(path)


def test_no_table_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--segmentations TABLE\.csv; give one"):
        TableSegmenter.open(SegmenterOptions(tmp_path))
    with pytest.raises(UserError, match=r"--segmentations TABLE\.csv"):
        TableSegmenter(tmp_path)
    (tmp_path / "x.csv").write_bytes(b"")
    with pytest.raises(UserError, match=r"x\.csv: the file is empty"):
        TableSegmenter(tmp_path / "x.csv")


GROUPS = dict.fromkeys(qc_scores.GROUPS, 0.9)


@pytest.mark.parametrize(
    ("columns", "score", "qc", "parts"),
    [
        ({"qc_synthseg": 0.7}, "SynthSeg QC", 0.7, 0),
        ({**GROUPS, "thalamus": 0.4}, "SynthSeg QC", 0.4, 8),
        ({"euler": -38}, "Euler number", -38, 0),
        ({"euler_lh": -38, "euler_rh": 2}, "Euler number", -38, 2),
        ({"qc_unet": 0.7}, OWN_SCORE, 0.7, 0),
    ],
)
def test_a_columns_name_says_whose_score_it_is(
    tmp_path: Path, columns: dict[str, float], score: str, qc: float, parts: int
) -> None:
    segmenter = TableSegmenter(write(tmp_path / "volumes.csv", [row("01", **columns)]))
    segmentation = segmenter.segment(scan("01"))
    assert (segmenter.qc_score, segmentation.qc, len(segmentation.qc_parts)) == (score, qc, parts)
    assert set(segmentation.volumes) == {*LOBE_NAMES, "ventricles"}
    folder, key = DerivativeFolder(tmp_path / "row"), ImageKey("01", "01")
    folder.write_segmentation(key, segmentation, fakes.AFFINE)
    back = folder.read_volumes(key)
    assert (dict(back.volumes), back.qc, dict(back.qc_parts)) == (
        segmentation.volumes,
        segmentation.qc,
        segmentation.qc_parts,
    )
