"""The writer of volumes: compressed by the name, in the space of the scan."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from pcgm_bench.cohort.align import Aligned
from pcgm_bench.cohort.align import to_native
from pcgm_bench.contracts import UserError
from pcgm_bench.nifti.reading import read_stored
from pcgm_bench.nifti.writing import check_name
from pcgm_bench.store import atomic

VOXELS = np.random.default_rng(0).uniform(0, 2, (8, 9, 10)).astype(np.float32)


@pytest.mark.parametrize(("name", "packed"), [("out.nii", False), ("out.nii.gz", True), ("OUT.NII", False)])
def test_compressed_where_the_name_says_so(tmp_path: Path, name: str, packed: bool) -> None:
    atomic.write_nifti(tmp_path / name, VOXELS, np.eye(4))
    content = (tmp_path / name).read_bytes()
    assert content.startswith(b"\x1f\x8b") is packed
    raw = gzip.decompress(content) if packed else content
    assert len(raw) == 352 + VOXELS.nbytes
    np.testing.assert_array_equal(read_stored(tmp_path / name).values, VOXELS)


@pytest.mark.parametrize("name", ["out.mgz", "out.img", "out", "out.gz", ".nii.gz", "nii", "a.nii.bz2"])
def test_other_names_are_refused_before_the_work(name: str) -> None:
    with pytest.raises(UserError, match=r"name a NIfTI file \(.nii or .nii.gz\)"):
        check_name(Path(name))


@pytest.mark.parametrize(("sform_code", "qform_code"), [(1, 1), (0, 1), (2, 0), (4, 1)])
def test_a_changed_scan_keeps_the_space_and_the_codes_of_its_own(
    tmp_path: Path, sform_code: int, qform_code: int
) -> None:
    affine = nib.affines.from_matvec(np.diag([-1.0, 1.2, 2.0]), [40, -50, 3])
    other = affine.copy()
    other[:3, 3] += 5 * (sform_code == 4)
    image = nib.Nifti1Image(VOXELS, None)
    image.header["descrip"] = b"somebody's name"
    image.set_qform(affine, qform_code)
    image.header["pixdim"][1:4] = (1, 1.2, 2)
    image.set_sform(other if sform_code else None, sform_code)
    nib.save(image, tmp_path / "scan.nii")
    there = np.eye(4)
    aligned = Aligned(np.zeros((4, 4, 4), np.float32), there, there, 1.0, np.ones((4, 4, 4), np.float32), 0.9)
    back = to_native(tmp_path / "scan.nii", aligned, np.zeros((4, 4, 4), np.float32))
    atomic.write_image(tmp_path / "out.nii.gz", back)
    old, new = nib.load(tmp_path / "scan.nii"), nib.load(tmp_path / "out.nii.gz")
    np.testing.assert_allclose(new.affine, old.affine, atol=1e-5)
    assert [int(new.header[name]) for name in ("sform_code", "qform_code")] == [sform_code, qform_code]
    if qform_code:
        np.testing.assert_allclose(new.get_qform(), old.get_qform(), atol=1e-5)
    np.testing.assert_allclose(new.header["pixdim"][1:4], (1, 1.2, 2), atol=1e-6)
    assert bytes(new.header["descrip"]).strip(b"\0") == b""
    np.testing.assert_array_equal(np.asarray(new.dataobj), VOXELS)
    read_stored(tmp_path / "out.nii.gz")
