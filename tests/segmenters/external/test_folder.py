"""Label maps made elsewhere: found, read, hashed by content."""

from __future__ import annotations

import os
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from pcgm_bench.anatomy import LOBE_OF
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import SegmenterOptions
from pcgm_bench.contracts import UserError
from pcgm_bench.segmenters.external.folder import FolderSegmenter
from pcgm_bench.segmenters.external.qc_scores import GROUPS

AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])


def scan(image: np.ndarray, subject: str = "01") -> Scan:
    return Scan(subject, "", image.astype(np.float32), AFFINE, 40.0, "F", "control")


def test_folder_segmenter(tmp_path: Path) -> None:
    labels = np.zeros((8, 8, 8), np.int16)
    labels[1:7, 1:7, 1:7] = 2
    labels[1], labels[6] = 1035, 2028
    nib.save(nib.Nifti1Image(labels, AFFINE), tmp_path / "sub-01_desc-aparcaseg_dseg.nii.gz")
    segmenter = FolderSegmenter(tmp_path)
    reading = segmenter.segment(scan(np.ones((8, 8, 8))))
    assert np.isnan(reading.qc), "nobody has judged it"
    assert segmenter.qc_score == ""
    assert reading.volumes["insula"] == pytest.approx(64 * 0.027)
    assert reading.volumes["rh-superiorfrontal"] == pytest.approx(64 * 0.027)
    assert reading.volumes[LOBE_OF["superiorfrontal"]] == pytest.approx(64 * 0.027)
    assert reading.volumes["white_matter"] == pytest.approx((labels == 2).sum() * 0.027)
    with pytest.raises(UserError, match="no label map for sub-02"):
        segmenter.segment(scan(np.ones((8, 8, 8)), "02"))
    with pytest.raises(UserError, match="is not that of sub-01"):
        segmenter.segment(scan(np.ones((8, 8, 16))))
    nib.save(nib.Nifti1Image(np.minimum(labels, 2), AFFINE), tmp_path / "sub-03_dseg.nii.gz")
    with pytest.raises(UserError, match="no Desikan-Killiany labels"):
        segmenter.segment(scan(np.ones((8, 8, 8)), "03"))
    with pytest.raises(UserError, match="--segmentations"):
        FolderSegmenter(tmp_path / "nothing")


def test_a_folder_of_label_maps_may_hold_synthsegs_scores(tmp_path: Path) -> None:
    labels = np.full((8, 8, 8), 1035, np.int16)
    for name in ("sub-01_dseg.nii.gz", "sub-02_dseg.nii.gz"):
        nib.save(nib.Nifti1Image(labels, AFFINE), tmp_path / name)
    before = FolderSegmenter(tmp_path).identity
    heading = ",".join(["subject", *GROUPS])
    (tmp_path / "qc.csv").write_text(f"{heading}\nsub-01_T1w,0.9,0.9,0.9,0.9,0.9,0.55,0.9,0.9\n")
    segmenter = FolderSegmenter(tmp_path)
    assert segmenter.identity != before
    assert segmenter.qc_score == "SynthSeg QC"
    reading = segmenter.segment(scan(np.ones((8, 8, 8))))
    assert (reading.qc, reading.qc_parts["thalamus"], len(reading.qc_parts)) == (0.55, 0.55, 8)
    with pytest.raises(UserError, match=r"qc.csv: no row for sub-02 among 1"):
        segmenter.segment(scan(np.ones((8, 8, 8)), "02"))
    (tmp_path / "qc.csv").write_text("subject,score\nsub-01,0.9\n")
    with pytest.raises(UserError, match=r"qc.csv: unknown column 'score'"):
        FolderSegmenter(tmp_path)


def test_identity_follows_the_contents_alone(tmp_path: Path) -> None:
    path = tmp_path / "sub-01_dseg.nii"
    labels = np.full((8, 8, 8), 1035, np.int16)
    nib.save(nib.Nifti1Image(labels, AFFINE), path)
    before, status = FolderSegmenter(tmp_path).identity, path.stat()
    time.sleep(0.05)  # a file system's clock is coarse
    os.utime(path, (1, 1))
    assert FolderSegmenter(tmp_path).identity == before
    labels[0] = 2028
    with path.open("r+b") as file:
        file.write(nib.Nifti1Image(labels, AFFINE).to_bytes())
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    assert FolderSegmenter(tmp_path).identity != before


def test_it_is_opened_with_the_users_folder(tmp_path: Path) -> None:
    assert FolderSegmenter.open(SegmenterOptions(home=Path(), segmentations=tmp_path)).identity
    with pytest.raises(UserError, match="--segmentations DIR"):
        FolderSegmenter.open(SegmenterOptions(home=Path()))
