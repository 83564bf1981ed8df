"""Quality of scans on the grid: good people pass every bar, and each kind of damage is called by a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage as ndi
from scipy.spatial.transform import Rotation

from pcgm_bench.cohort.check import check
from pcgm_bench.cohort.grid import grid
from pcgm_bench.cohort.phantom.training import DrawnTrainingScans
from pcgm_bench.cohort.quality.bars import QC_BARS
from pcgm_bench.cohort.quality.bars import bars_of
from pcgm_bench.cohort.quality.bars import reasons
from pcgm_bench.cohort.quality.masks import mask_warning
from pcgm_bench.cohort.quality.measures import ImageQuality
from pcgm_bench.cohort.quality.measures import ScanQuality
from pcgm_bench.cohort.quality.measures import image_quality
from pcgm_bench.cohort.quality.picture import draw_scan
from pcgm_bench.cohort.volume import foreground
from pcgm_bench.contracts import OWN_SCORE

G = grid("3mm")


@pytest.fixture(scope="module")
def images(template_home: Path, one_thread: None) -> list[np.ndarray]:
    """Three phantoms, drawn one by one."""
    scans = DrawnTrainingScans("3mm", template_home)
    return [np.asarray(scans[index].image, np.float32) for index in (0, 150, 399)]


def why(image: np.ndarray) -> str:
    return "; ".join(reasons(ScanQuality(image_quality(image, G.affine)), OWN_SCORE))


def cut(image: np.ndarray, share: float, tilt: float) -> np.ndarray:
    """Without the upper ``share`` of the head's height, above a plane that nods by ``tilt`` degrees."""
    points = np.argwhere(foreground(image))
    middle = points.mean(0)
    normal = Rotation.from_euler("x", tilt, degrees=True).apply([0.0, 0.0, 1.0])
    height = np.moveaxis(np.indices(image.shape), 0, -1) - middle
    level = (points - middle) @ normal
    top = level.max() - share * (level.max() - level.min())
    return np.where(height @ normal < top, image, 0).astype(np.float32)


def inverted(image: np.ndarray) -> np.ndarray:
    """A contrast like that of T2: what was bright is dark."""
    return np.where(foreground(image), np.clip(1.1 - image, 0.05, None), 0).astype(np.float32)


def noise(image: np.ndarray) -> np.ndarray:
    values = np.random.default_rng(0).normal(0.6, 0.2, image.shape)
    return np.where(foreground(image), np.clip(values, 0.05, None), 0).astype(np.float32)


def left_gone(image: np.ndarray) -> np.ndarray:
    return np.where(np.indices(image.shape)[0] < image.shape[0] // 2, 0, image).astype(np.float32)


def one_voxel(image: np.ndarray) -> np.ndarray:
    out = np.zeros_like(image)
    out[20, 20, 20] = 1
    return out


def test_good_people_pass_every_bar(images: list[np.ndarray]) -> None:
    for image in images:
        assert why(image) == ""


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda image: cut(image, 0.15, 0), "flat end"),
        (lambda image: cut(image, 0.15, 8), "flat end"),
        (lambda image: cut(image, 0.5, 0), "black where a brain is"),
        (left_gone, "left and right differ"),
        (inverted, "not T1-weighted"),
        (noise, "not T1-weighted"),
        (lambda image: image[:, :, ::-1].copy(), "likeness"),
        (lambda image: np.roll(image, 10, axis=1), "overlap"),
        (lambda image: np.transpose(np.pad(image, ((0, 0), (0, 0), (4, 4))), (0, 2, 1))[:, :, 4:60], "likeness"),
        (lambda image: image * 1000, "brightness"),
        (lambda image: image + 0.3, "the background is not 0"),
        (one_voxel, "overlap"),
        (np.zeros_like, "overlap"),
        (lambda image: ndi.zoom(np.pad(image, 12), 0.7, order=1)[: 56 + 0, : 64 + 0, : 56 + 0], "overlap"),
    ],
    ids=[
        "top cut", "top cut, nodding", "upper half", "half", "t2", "noise", "upside down", "shifted", "axes swapped",
        "x 1000", "background", "one voxel", "zero", "small",
    ],
)  # fmt: skip
def test_damage_is_named(images: list[np.ndarray], damage: Callable[[np.ndarray], np.ndarray], named: str) -> None:
    damaged = np.asarray(damage(images[0]), np.float32)
    room = [(0, max(0, side - have)) for side, have in zip(G.shape, damaged.shape, strict=True)]
    assert named in why(np.pad(damaged, room))


def test_finer_grids_are_judged_as_the_coarse_one(images: list[np.ndarray]) -> None:
    fine = images[0].repeat(3, 0).repeat(3, 1).repeat(3, 2)
    coarse, same = image_quality(images[0], G.affine), image_quality(fine, grid("1mm").affine)
    assert same.as_mapping() == pytest.approx(coarse.as_mapping(), abs=1e-3)
    assert ImageQuality.of(coarse.as_mapping()) == coarse
    two = fine.reshape(84, 2, 96, 2, 84, 2).mean((1, 3, 5))  # does not fit into blocks of 3 mm
    near = image_quality(two, grid("2mm").affine)
    assert near.overlap == pytest.approx(coarse.overlap, abs=0.01)
    assert near.likeness == pytest.approx(coarse.likeness, abs=0.01)
    assert near.brightness == pytest.approx(coarse.brightness, abs=0.03)
    assert reasons(ScanQuality(near), OWN_SCORE) == reasons(ScanQuality(coarse), OWN_SCORE) == ()


def test_on_another_grid_nothing_is_known_and_nothing_refused() -> None:
    unknown = image_quality(np.ones((6, 6, 6), np.float32), np.eye(4))
    assert np.isnan(list(unknown.as_mapping().values())).all()
    assert reasons(ScanQuality(unknown), OWN_SCORE) == ()


def test_the_score_is_judged_by_whose_it_is() -> None:
    low = ScanQuality(ImageQuality(), qc=QC_BARS[OWN_SCORE] - 0.01, head_size=1400)
    (reason,) = reasons(low, OWN_SCORE)
    assert reason.startswith("quality score 0.59 is below 0.6")
    assert reasons(low, "Euler number") == ()
    for head_size in (500.0, 2600.0):
        assert "head size" in reasons(ScanQuality(ImageQuality(), 0.9, head_size), OWN_SCORE)[0]
    assert len({bar.name for bar in bars_of(low, OWN_SCORE)}) == 9


def test_a_tighter_mask_shows_at_the_rim(images: list[np.ndarray]) -> None:
    whole = [image_quality(image, G.affine).rim for image in images]
    tight = []
    for image in images:
        inside = ndi.binary_erosion(ndi.binary_fill_holes(foreground(image)))
        tight.append(image_quality(np.where(inside, image, 0).astype(np.float32), G.affine).rim)
    assert min(np.subtract(tight, whole)) > 0.05


def of_rims(values: np.ndarray) -> list[ImageQuality]:
    return [ImageQuality(rim=float(value)) for value in values]


def test_groups_with_different_masks_are_warned_of() -> None:
    rng = np.random.default_rng(1)
    rims = np.r_[rng.normal(0.165, 0.008, 20), rng.normal(0.24, 0.01, 20)]
    (line,) = mask_warning(of_rims(rims), ["control"] * 20 + ["AUD"] * 20)
    assert "AUD and control differ at their rim" in line
    assert mask_warning(of_rims(rims), ["control", "AUD"] * 20) == []
    # What a disease does to the fluid around a brain is no matter of masks, however many people show it.
    disease = np.r_[rng.normal(0.165, 0.008, 2000), rng.normal(0.170, 0.008, 2000)]
    assert mask_warning(of_rims(disease), ["control"] * 2000 + ["AUD"] * 2000) == []
    assert mask_warning(of_rims(rims[17:23]), ["control"] * 3 + ["AUD"] * 3) == []


def test_a_scan_on_the_grid_is_judged_by_check(tmp_path: Path, images: list[np.ndarray]) -> None:
    rows = ["participant_id\tage\tsex\tdiagnosis"]
    for number, image in enumerate((images[0], images[1] * 1000)):
        rows.append(f"sub-{number}\t40\tF\t{('control', 'AUD')[number]}")
        anat = tmp_path / f"sub-{number}" / "anat"
        anat.mkdir(parents=True)
        nib.save(nib.Nifti1Image(image.astype(np.float32), G.affine), anat / f"sub-{number}_T1w.nii.gz")
    (tmp_path / "participants.tsv").write_text("\n".join(rows) + "\n")
    report = check(tmp_path)
    assert report.ok
    (poor,) = report.poor
    assert poor.startswith("sub-1_T1w.nii.gz: brightness")
    assert report.lines()[-1] == "ready to run; 1 poor scan(s) are left out of it"


def test_a_picture_has_the_outlines(tmp_path: Path, images: list[np.ndarray]) -> None:
    labels = foreground(images[0]).astype(np.int16) * 2
    with_labels, without = tmp_path / "new" / "with.png", tmp_path / "new" / "without.png"
    draw_scan(with_labels, images[0], labels, "sub-1", "a reason")
    draw_scan(without, images[0], np.empty((0, 0, 0), np.int16), "sub-1", "a reason")
    assert with_labels.read_bytes() != without.read_bytes()
