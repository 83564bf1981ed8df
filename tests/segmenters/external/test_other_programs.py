"""Tables as FreeSurfer and SynthSeg write them: understood as they are, or refused in one line."""

from __future__ import annotations

from pathlib import Path

import fakes
import numpy as np
import pandas as pd
import pytest

from pcgm_bench.anatomy import LOBES
from pcgm_bench.anatomy import PARCELS
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.segmenters.external.table import TableSegmenter

PER_PARCEL = {"frontal": 7200.0, "parietal": 11000.0, "temporal": 6500.0, "occipital": 7000.0, "cingulate": 2500.0,
              "insula": 7000.0}  # fmt: skip
PARCEL_MM3 = {region: PER_PARCEL[lobe] for lobe, regions in LOBES.items() for region in regions}
DEEP = {"Thalamus": 7500, "Caudate": 3600, "Putamen": 5000, "Pallidum": 2000, "Hippocampus": 4100, "Amygdala": 1700,
        "Accumbens-area": 550, "VentralDC": 4000}  # fmt: skip
ASEG = {
    **{f"{side}-{name}": float(mm3) for side in ("Left", "Right") for name, mm3 in DEEP.items()},
    **{f"{side}-Lateral-Ventricle": 7000.0 for side in ("Left", "Right")},
    **{f"{side}-Inf-Lat-Vent": 300.0 for side in ("Left", "Right")},
    **{f"{side}-choroid-plexus": 500.0 for side in ("Left", "Right")},
    **{f"{side}-Cerebellum-White-Matter": 15000.0 for side in ("Left", "Right")},
    **{f"{side}-Cerebellum-Cortex": 55000.0 for side in ("Left", "Right")},
    "3rd-Ventricle": 900.0, "4th-Ventricle": 1500.0, "Brain-Stem": 21000.0, "CSF": 1000.0, "Left-vessel": 30.0,
    "WM-hypointensities": 900.0, "Optic-Chiasm": 200.0, "CC_Mid_Anterior": 500.0, "BrainSegVol": 1.15e6,
    "BrainSegVolNotVent": 1.13e6, "lhCortexVol": 2.3e5, "lhCerebralWhiteMatterVol": 2.3e5,
    "rhCerebralWhiteMatterVol": 2.3e5, "CerebralWhiteMatterVol": 4.6e5, "SubCortGrayVol": 6e4, "TotalGrayVol": 6e5,
    "SupraTentorialVolNotVent": 9.6e5, "MaskVol": 1.55e6, "BrainSegVol-to-eTIV": 0.75, "lhSurfaceHoles": 20.0,
    "SurfaceHoles": 41.0, "EstimatedTotalIntraCranialVol": 1.5e6,
}  # fmt: skip
EXPECTED = {
    "frontal": 2 * 7.2 * len(LOBES["frontal"]), "insula": 14.0, "ventricles": 16.5, "white_matter": 460.0,
    "deep_grey": 2 * sum(DEEP.values()) / 1000, "cerebellum_brainstem": 162.5, "csf": 1.0, "lh-insula": 7.0,
}  # fmt: skip


def aparc(side: str) -> dict[str, float]:
    parcels = {f"{side}_{region}_volume": mm3 for region, mm3 in PARCEL_MM3.items()}
    return {**parcels, "BrainSegVolNotVent": 1.13e6, "eTIV": 1.5e6}


def write(path: Path, first: str, *columns: dict[str, float], separator: str = "\t") -> Path:
    """Tables of two people, joined as pandas joins them: columns that are there twice get ``_x`` and ``_y``."""
    tables = [pd.DataFrame([{first: f"sub-0{i}", **table} for i in (1, 2)]) for table in columns]
    joined = tables[0]
    for table in tables[1:]:
        joined = joined.merge(table, on=first)
    joined.to_csv(path, sep=separator, index=False)
    return path


def volumes(path: Path, subject: str = "01") -> dict[str, float]:
    scan = Scan(subject, "", np.ones(fakes.SHAPE, np.float32), fakes.AFFINE, 40.0, "F", "control")
    found = TableSegmenter(path).segment(scan)
    return {**found.volumes, "head_size": found.head_size}


@pytest.mark.parametrize(("first", "separator"), [("lh.aparc.volume", "\t"), ("Measure:volume", ","), ("subject", ";")])
def test_freesurfers_tables_joined(tmp_path: Path, first: str, separator: str) -> None:
    path = write(tmp_path / "all.csv", first, aparc("lh"), aparc("rh"), ASEG, separator=separator)
    found = volumes(path, "02")
    assert found["head_size"] == 1500
    assert {name: found[name] for name in EXPECTED} == pytest.approx(EXPECTED)
    assert len(found) == len(PARCELS) + 6 + 6


def test_synthsegs_table(tmp_path: Path) -> None:
    structures = {}
    for name, mm3 in ASEG.items():
        if name[:4] in ("Left", "Righ", "3rd-", "4th-", "Brai", "CSF") and "Vol" not in name:
            spelled = name.replace("Inf-Lat-Vent", "Inferior-Lateral-Ventricle").replace("VentralDC", "Ventral-DC")
            structures[spelled.replace("-", " ").lower()] = mm3
    for side in ("left", "right"):
        structures |= {f"{side} cerebral white matter": 2.3e5, f"{side} cerebral cortex": 2.4e5}
        structures.pop(f"{side} choroid plexus")
    structures["brain-stem"] = structures.pop("brain stem")
    parcels = {f"ctx-{side}-{region}": mm3 for side in ("lh", "rh") for region, mm3 in PARCEL_MM3.items()}
    table = {"total intracranial": 1.5e6, **structures, **parcels}
    found = volumes(write(tmp_path / "synthseg.csv", "subject", table, separator=","))
    assert {name: found[name] for name in EXPECTED} == pytest.approx({**EXPECTED, "ventricles": 15.5})


@pytest.mark.parametrize(
    ("first", "columns", "said"),
    [
        ("lh.aparc.volume", [aparc("lh")], "34 of 68 parcels are there, and no left lateral ventricle, "),
        ("Measure:volume", [ASEG], "0 of 68 parcels are there: join aparcstats2table --meas volume"),
        ("lh.aparc.volume", [aparc("lh"), aparc("rh")], "68 of 68 parcels are there, and no total intracranial, "),
        ("lh.aparc.thickness", [{"lh_insula_thickness": 3.0, "eTIV": 1.5e6}], "insula_thickness' is no volume"),
        ("subject", [{**ASEG, "Left-Something": 1.0}], "'Left-Something' is none of FreeSurfer's or SynthSeg's"),
        ("subject", [{**ASEG, "Left-Thalamus-Proper": 1.0}, aparc("lh"), aparc("rh")], "are the same; drop one"),
    ],
)  # fmt: skip
def test_what_is_not_enough_is_said_in_one_line(
    tmp_path: Path, first: str, columns: list[dict[str, float]], said: str
) -> None:
    path = write(tmp_path / "t.tsv", first, *columns)
    with pytest.raises(UserError, match=f"^{path}: ") as caught:
        TableSegmenter(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_volumes_that_were_divided_already_stay(tmp_path: Path) -> None:
    in_ml = [{name: value / 1000 for name, value in table.items()} for table in (aparc("lh"), aparc("rh"), ASEG)]
    assert volumes(write(tmp_path / "ml.tsv", "subject", *in_ml))["head_size"] == 1500


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",1500.0", ',"1500,0"', "'1500,0' has a comma: write 1500.0 if it is a decimal comma"),
        (",1500.0", ",1500 mL", "head_size: '1500 mL' is not a number"),
        (",1500.0", ",1_500", "head_size: '1_500' is not a number"),
        (",1500.0", ",", "head_size: '' is not a number; give one"),
        ("sub-02", "sub-01", "line 3: a second row of sub-01, beside line 2"),
        ("sub-02", "", "line 3: no subject"),
        ("sub-02", '"sub-02', "row 3 has a stray quotation mark"),
        ("subject", "Subject", "no column 'subject'; the table has Subject, frontal"),
        ("sub-02,", "sub-02,1,", "row 3 has 10 cells, the header 9"),
    ],
)
def test_cells_in_doubt_are_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    lobes = {name: 2e-3 * len(LOBES[name]) * PER_PARCEL[name] for name in LOBES}
    path = write(tmp_path / "v.csv", "subject", {**lobes, "ventricles": 15.0, "head_size": 1500.0}, separator=",")
    assert volumes(path)["head_size"] == 1500
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError) as caught:
        TableSegmenter(path)
    assert said in str(caught.value)


def test_zeros_that_a_spreadsheet_dropped_are_named(tmp_path: Path) -> None:
    lobes = {name: 2e-3 * len(LOBES[name]) * PER_PARCEL[name] for name in LOBES}
    path = write(tmp_path / "v.csv", "subject", {**lobes, "ventricles": 15.0, "head_size": 1500.0}, separator=",")
    path.write_text(path.read_text().replace("sub-01", "1"))
    with pytest.raises(UserError, match=r"no row for sub-01 among 2 .*; its row is called sub-1: write it as the scan"):
        volumes(path)


def test_a_part_of_the_table_in_another_unit_is_seen(tmp_path: Path) -> None:
    in_ml = {name: value / 1000 for name, value in aparc("lh").items()}
    with pytest.raises(UserError, match=r"mixed\.tsv: .* is a hemisphere wrong|mixed\.tsv: .*: a hemisphere is wrong"):
        TableSegmenter(write(tmp_path / "mixed.tsv", "subject", in_ml, aparc("rh"), ASEG))
