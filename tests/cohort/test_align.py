"""Native scans to the grid and back: known maps are found again, changes land where they belong."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage as ndi
from scipy.spatial.transform import Rotation

from pcgm_bench.cohort.align import Aligned
from pcgm_bench.cohort.align import _keep
from pcgm_bench.cohort.align import _load
from pcgm_bench.cohort.align import align
from pcgm_bench.cohort.align import area_average
from pcgm_bench.cohort.bids import load_scan
from pcgm_bench.cohort.grid import grid
from pcgm_bench.cohort.registration import register
from pcgm_bench.cohort.registration import template
from pcgm_bench.cohort.volume import foreground
from pcgm_bench.contracts import UserError

G = grid("3mm")
SIZE = 0.95


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """Template mm -> mm of the made-up scanner: smaller, nodding by 20 degrees, turned by 8, far from the origin."""
    out = np.eye(4)
    out[:3, :3] = SIZE * Rotation.from_euler("xyz", [20, -4, 8], degrees=True).as_matrix()
    out[:3, 3] = [30, -25, 40]
    return out


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory, truth: np.ndarray) -> Path:
    """The template as somebody's scan: LAS, 2.2 x 2.2 x 2.5 mm, shading, its own intensity scale."""
    target = template()
    affine = np.diag([-2.2, 2.2, 2.5, 1.0])
    affine[:3, 3] = [140, -150, -80]
    shape = (100, 110, 90)
    to_template = np.linalg.inv(target.affine) @ np.linalg.inv(truth) @ affine
    data = ndi.affine_transform(np.asarray(target.dataobj), to_template, output_shape=shape, order=1)
    data *= 7 * np.exp(np.linspace(-0.15, 0.15, shape[1]))[None, :, None]
    path = tmp_path_factory.mktemp("native") / "sub-x_T1w.nii.gz"
    nib.save(nib.Nifti1Image(np.where(data > 60, data, 0).astype(np.float32), affine), path)
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def aligned(native: Path, home: Path) -> Aligned:
    return align(native, "3mm", home)


def test_a_known_map_is_found_again(aligned: Aligned, truth: np.ndarray) -> None:
    assert aligned.scale == pytest.approx(SIZE**-3, rel=0.02)
    assert aligned.scale == pytest.approx(np.linalg.det(aligned.matrix[:3, :3]))
    brain = np.argwhere(foreground(np.asarray(template().dataobj)))[::997]
    there = (template().affine @ np.c_[brain, np.ones(len(brain))].T)[:3]
    found = aligned.matrix @ truth @ np.r_[there, np.ones((1, there.shape[1]))]
    assert np.linalg.norm(found[:3] - there, axis=0).max() < 1.5  # half a voxel of the grid


def test_the_aligned_scan_looks_like_the_template(aligned: Aligned) -> None:
    target = template()
    there = area_average(np.asarray(target.dataobj, np.float32), np.linalg.inv(target.affine), G)
    inside = foreground(there)
    assert np.corrcoef(there[inside], aligned.image[inside])[0, 1] > 0.97
    assert np.quantile(aligned.image[foreground(aligned.image)], 0.9) == pytest.approx(0.99, abs=0.01)
    assert aligned.image.min() == 0
    assert aligned.image.max() <= 1.3
    assert aligned.image.dtype == np.float32
    assert (aligned.image[0] == 0).all()


def test_volumes_divided_by_scale_are_native(aligned: Aligned, native: Path) -> None:
    scan = nib.load(native)
    in_scanner = foreground(np.asarray(scan.dataobj)).sum() * 2.2 * 2.2 * 2.5 / 1000
    on_grid = (aligned.image / 0.6).clip(0, 1).sum() * 27 / 1000
    assert on_grid / aligned.scale == pytest.approx(in_scanner, rel=0.08)
    assert on_grid / in_scanner > 1.1  # undivided it would be wrong


def test_registration_is_the_same_to_the_bit() -> None:
    target = template()
    small = np.asarray(target.dataobj, np.float32)
    first, second = (register(small, target.affine, "template") for _ in range(2))
    np.testing.assert_array_equal(first.matrix, second.matrix)
    assert first.scale == pytest.approx(1.0, abs=0.01)
    assert first.overlap > 0.97


def test_what_was_kept_is_what_was_made(aligned: Aligned, native: Path, home: Path) -> None:
    again = align(native, "3mm", home)
    for name in ("image", "affine", "matrix", "gain"):
        np.testing.assert_array_equal(getattr(again, name), getattr(aligned, name))
    assert (again.scale, again.overlap) == (aligned.scale, aligned.overlap)
    assert len(list((home / "aligned").iterdir())) == 1


def test_a_kept_scan_that_is_damaged_or_anothers_is_not_used(tmp_path: Path) -> None:
    one, other = tmp_path / "aligned" / "one.npz", tmp_path / "aligned" / "other.npz"
    for number, path in enumerate((one, other)):
        image = np.full((2, 2, 2), float(number), np.float32)
        _keep(path, Aligned(image, np.eye(4), np.eye(4), 1.0, image, 0.9))
    kept = _load(other, "3mm")
    assert kept is not None
    assert kept.image[0, 0, 0] == 1
    whole = one.read_bytes()
    for content in (other.read_bytes(), whole[:-1], whole[:200] + b"\0" + whole[201:], b""):
        one.write_bytes(content)
        assert _load(one, "3mm") is None
    assert _load(tmp_path / "aligned" / "nobody.npz", "3mm") is None


def test_load_scan_and_the_way_back(native: Path, home: Path) -> None:
    scan, back = load_scan(native, 41, "female", "control", home)
    assert (scan.subject, scan.session, scan.age, scan.sex, scan.diagnosis) == ("x", "", 41.0, "F", "control")
    original = nib.load(native)
    before = np.asarray(original.dataobj)
    unchanged = back(scan.image)
    assert unchanged.shape == original.shape
    np.testing.assert_array_equal(unchanged.affine, original.affine)
    np.testing.assert_array_equal(np.asarray(unchanged.dataobj), before)

    changed = scan.image.copy()
    changed[26:30, 34:38, 40:44] *= 0.5
    after = np.asarray(back(changed).dataobj)
    difference = before - after
    assert (after[before == 0] == 0).all()
    assert difference.min() > -1e-3
    spot = np.argwhere(difference > 0.25 * before.max())
    assert len(spot) > 20
    middle = original.affine @ [*spot.mean(0), 1.0]
    aligned = align(native, "3mm", home)
    expected = np.linalg.inv(aligned.matrix) @ G.affine @ [27.5, 35.5, 41.5, 1.0]
    assert np.linalg.norm((middle - expected)[:3]) < 3


def test_back_on_the_grid_is_the_counterfactual_itself(tmp_path: Path) -> None:
    image = np.zeros(G.shape, np.float32)
    image[20:40, 20:40, 20:40] = np.random.default_rng(0).uniform(0.3, 1, (20, 20, 20))
    path = tmp_path / "sub-1_ses-02_T1w.nii.gz"
    nib.save(nib.Nifti1Image(image, G.affine), path)
    scan, back = load_scan(path, 20, "M", "AUD")
    assert (scan.scale, scan.session) == (1.0, "02")
    np.testing.assert_array_equal(scan.image, image)
    changed = np.where(image > 0, 0.9 * image + 0.01, 0).astype(np.float32)
    np.testing.assert_allclose(np.asarray(back(changed).dataobj), changed, atol=1e-6)


def test_area_average_keeps_the_sum() -> None:
    fine = grid("1mm")
    data = np.zeros(fine.shape, np.float32)
    data[60:101, 70:120, 55:90] = 1
    out = area_average(data, np.linalg.inv(fine.affine), G)
    assert out.sum() * 27 == pytest.approx(data.sum(), rel=1e-3)
    blocks = data.reshape(56, 3, 64, 3, 56, 3).mean((1, 3, 5))
    np.testing.assert_allclose(out, blocks, atol=1e-5)


def test_what_is_no_brain_is_refused(tmp_path: Path) -> None:
    slab = np.zeros((50, 55, 45), np.float32)
    slab[3:47, 3:52, 20:27] = 1.0 + np.random.default_rng(0).uniform(0, 0.1, (44, 49, 7))
    path = tmp_path / "slab.nii.gz"
    nib.save(nib.Nifti1Image(slab, np.diag([4.0, 4.0, 4.0, 1.0])), path)
    with pytest.raises(UserError, match=r"slab.nii.gz: could not be aligned to the template \(.*\): check orientation"):
        align(path)


@pytest.mark.parametrize(
    ("age", "sex", "diagnosis", "message"),
    [
        (-1, "F", "AUD", "age -1 is not between 0 and 120"),
        (40, "x", "AUD", "sex 'x' is neither F nor M"),
        (40, "F", "aud", "unknown diagnosis 'aud': use control, AUD, HIV"),
    ],
)
def test_impossible_people_are_refused(native: Path, age: float, sex: str, diagnosis: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_scan(native, age, sex, diagnosis)


@pytest.mark.slow
def test_a_real_scan_aligns() -> None:
    root = os.environ.get("PCGM_BENCH_DATA")
    path = Path(root or ".") / "ds002748" / "sub-01" / "anat" / "sub-01_T1w.nii.gz"
    if root is None or not path.exists():
        message = "real scans not aligned: set PCGM_BENCH_DATA to the folder that holds ds002748"
        warnings.warn(message, stacklevel=1)
        pytest.skip(message)
    found = align(path)
    assert found.overlap > 0.92
    assert 0.8 < found.scale < 1.4
