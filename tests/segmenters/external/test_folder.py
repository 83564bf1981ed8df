"""Label maps made elsewhere: found, read, hashed by content."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from volume_twins import GRID
from volume_twins import brain
from volume_twins import label_map
from volume_twins import nifti

from pcgm_bench.anatomy import DK_NUMBERS
from pcgm_bench.anatomy import LOBE_OF
from pcgm_bench.anatomy import LOBES
from pcgm_bench.anatomy import PARCELS
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import SegmenterOptions
from pcgm_bench.contracts import UserError
from pcgm_bench.segmenters.external.folder import FolderSegmenter
from pcgm_bench.segmenters.external.qc_scores import GROUPS


def scan(subject: str = "01", image: np.ndarray | None = None) -> Scan:
    return Scan(subject, "", brain() if image is None else image, GRID.affine, 40.0, "F", "control")


def save(folder: Path, labels: np.ndarray, subject: str = "01", affine: np.ndarray = GRID.affine) -> None:
    (folder / f"sub-{subject}_desc-aparcaseg_dseg.nii.gz").write_bytes(nifti(labels, affine))


def test_folder_segmenter(tmp_path: Path) -> None:
    labels = label_map()
    save(tmp_path, labels)
    segmenter = FolderSegmenter(tmp_path)
    reading = segmenter.segment(scan())
    assert np.isnan(reading.qc), "nobody has judged it"
    assert segmenter.qc_score == ""
    assert reading.volumes["insula"] == pytest.approx(np.isin(labels, (1035, 2035)).sum() * 0.027)
    assert reading.volumes["rh-superiorfrontal"] == pytest.approx((labels == 2028).sum() * 0.027)
    frontal = [reading.volumes[f"{side}-{region}"] for side in ("lh", "rh") for region in LOBES["frontal"]]
    assert reading.volumes[LOBE_OF["superiorfrontal"]] == pytest.approx(sum(frontal))
    assert reading.volumes["white_matter"] == pytest.approx(np.isin(labels, (2, 41)).sum() * 0.027)
    with pytest.raises(UserError, match="no label map for sub-02"):
        segmenter.segment(scan("02"))
    with pytest.raises(UserError, match="is not that of sub-01"):
        segmenter.segment(scan(image=np.ones((8, 8, 16), np.float32)))
    save(tmp_path, np.where(labels >= 1000, 0, labels), "03")
    with pytest.raises(UserError, match="no Desikan-Killiany labels"):
        segmenter.segment(scan("03"))
    with pytest.raises(UserError, match="--segmentations"):
        FolderSegmenter(tmp_path / "nothing")


def test_a_map_of_other_places_is_named_as_that(tmp_path: Path) -> None:
    moved = GRID.affine.copy()
    moved[0, 3] += 4
    save(tmp_path, label_map(), affine=moved)
    with pytest.raises(UserError, match=r"its affine is not that of sub-01 .* by up to 4 mm"):
        FolderSegmenter(tmp_path).segment(scan())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: np.where(x == 2, 3001, x), ""),
        (lambda x: np.where(x == 2028, 1050, x), r"label 1050 is in no list of labels; it fill.* % of the head"),
        (lambda x: np.where(x == 1035, 65536 + 1035, x.astype(np.int32)), "label 66571 is in no list"),
        (lambda x: np.where(x == 1035, 3, x), "label 3 is left cortex without a parcel"),
        (lambda x: x + 0.3 * (x > 0), r"no whole numbers \(such as .*resample a label map by nearest neighbour"),
        (lambda x: np.where(x == 4, -4, x), "a label of -4"),
        (lambda x: np.where((x >= 2000) & (x < 3000), 0, x), r"no voxel of the right frontal lobe \(label 2028\)"),
        (lambda x: np.where(x == 1028, 0, x), r"no voxel of lh-superiorfrontal \(label 1028\): frontal would be too"),
        (lambda x: np.where((x == 2) | (x == 41), 0, x), "no voxel of white_matter"),
        (lambda x: np.where(x == 41, 0, x), "white matter lies in one half of the head only"),
        (lambda x: np.where(np.arange(56) > 28, x, 0), "overlaps the brain of sub-01 by"),
        (lambda x: np.where(np.isin(x, (10, 49)), 16, x), ""),
        (lambda x: np.where(np.isin(x, (8, 47)), 10, x), r"deep_grey is 196.7 mL, 12.\d % of the head"),
        (lambda x: x[::-1], "left cortex lies right of right cortex"),
        (lambda x: x[:, ::-1], "the occipital lobe lies in front of the frontal lobe"),
        (lambda x: x[:, :, ::-1], "cerebellum and brainstem lie above the cortex"),
        (lambda x: 0 * x, "none of FreeSurfer's labels"),
    ],
)  # fmt: skip
def test_numbers_that_cannot_be_trusted_are_refused(
    tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], message: str
) -> None:
    save(tmp_path, change(label_map()))
    segmenter = FolderSegmenter(tmp_path)
    if not message:
        twin = np.isin(label_map(), (2, 41)).sum() * 0.027
        assert segmenter.segment(scan()).volumes["white_matter"] == pytest.approx(twin)
        return
    with pytest.raises(UserError, match=message):
        segmenter.segment(scan())


def test_what_a_map_has_no_label_for_is_not_zero(tmp_path: Path) -> None:
    lost = ("bankssts", "frontalpole", "temporalpole")
    numbers = [side + DK_NUMBERS[name] for name in lost for side in (1000, 2000)]
    save(tmp_path, np.where(np.isin(label_map(), numbers), 0, label_map()).astype(np.int16))
    found = FolderSegmenter(tmp_path).segment(scan()).volumes
    assert not {f"{side}-{name}" for side in ("lh", "rh") for name in lost} & set(found)
    assert len([name for name in found if name in PARCELS]) == 62


def test_a_folder_of_label_maps_may_hold_synthsegs_scores(tmp_path: Path) -> None:
    for subject in ("01", "02"):
        save(tmp_path, label_map(), subject)
    before = FolderSegmenter(tmp_path).identity
    heading = ",".join(["subject", *GROUPS])
    (tmp_path / "qc.csv").write_text(f"{heading}\nsub-01_T1w,0.9,0.9,0.9,0.9,0.9,0.55,0.9,0.9\n")
    segmenter = FolderSegmenter(tmp_path)
    assert segmenter.identity != before
    assert segmenter.qc_score == "SynthSeg QC"
    reading = segmenter.segment(scan())
    assert (reading.qc, reading.qc_parts["thalamus"], len(reading.qc_parts)) == (0.55, 0.55, 8)
    with pytest.raises(UserError, match=r"qc.csv: no row for sub-02 among 1"):
        segmenter.segment(scan("02"))
    (tmp_path / "qc.csv").write_text("subject,score\nsub-01,0.9\n")
    with pytest.raises(UserError, match=r"qc.csv: unknown column 'score'"):
        FolderSegmenter(tmp_path)


def test_identity_follows_the_contents_alone(tmp_path: Path) -> None:
    path = tmp_path / "sub-01_dseg.nii"
    labels = np.full((8, 8, 8), 1035, np.int16)
    nib.save(nib.Nifti1Image(labels, GRID.affine), path)
    before, status = FolderSegmenter(tmp_path).identity, path.stat()
    time.sleep(0.05)  # a file system's clock is coarse
    os.utime(path, (1, 1))
    assert FolderSegmenter(tmp_path).identity == before
    labels[0] = 2028
    with path.open("r+b") as file:
        file.write(nib.Nifti1Image(labels, GRID.affine).to_bytes())
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    assert FolderSegmenter(tmp_path).identity != before


def test_it_is_opened_with_the_users_folder(tmp_path: Path) -> None:
    assert FolderSegmenter.open(SegmenterOptions(home=Path(), segmentations=tmp_path)).identity
    with pytest.raises(UserError, match="--segmentations DIR"):
        FolderSegmenter.open(SegmenterOptions(home=Path()))
