"""The reader of volumes: what contradicts itself is named, and what is right is read as nibabel reads it."""

from __future__ import annotations

import gzip
import os
import tracemalloc
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from pcgm_bench.contracts import UserError
from pcgm_bench.file_hash import file_hash
from pcgm_bench.nifti.reading import read_labels
from pcgm_bench.nifti.reading import read_real
from pcgm_bench.nifti.reading import read_stored
from pcgm_bench.nifti.stream import check_gzip

AFFINE = np.array([[0.0, 2, 0, -9], [-1.5, 0, 0, 4], [0, 0, 3, 7], [0, 0, 0, 1]])
VOXELS = np.random.default_rng(0).uniform(0, 900, (9, 10, 11)).astype(np.float32)


def header_of(image: nib.Nifti1Image | None = None) -> tuple[nib.Nifti1Header, bytes]:
    image = image or nib.Nifti1Image(VOXELS, AFFINE)
    image.set_qform(AFFINE, 1)
    image.set_sform(AFFINE, 1)
    raw = image.to_bytes()
    return nib.Nifti1Header(raw[:348]), raw[348:]


def write(path: Path, **fields: object) -> Path:
    header, rest = header_of()
    for name, value in fields.items():
        header[name] = value
    path.write_bytes(gzip.compress(header.binaryblock + rest))
    return path


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_voxels_are_those_of_nibabel(tmp_path: Path, kind: type[np.generic], name: str) -> None:
    nib.save(nib.Nifti1Image((VOXELS / 4).astype(kind), AFFINE), tmp_path / name)
    theirs = nib.as_closest_canonical(nib.load(tmp_path / name))
    data, affine = read_real(tmp_path / name)
    np.testing.assert_array_equal(data, np.asarray(theirs.dataobj, np.float32))
    np.testing.assert_array_equal(affine, theirs.affine)
    assert data.dtype == np.float32
    assert data.flags.c_contiguous


def test_a_slope_is_applied(tmp_path: Path) -> None:
    image = nib.Nifti1Image(VOXELS, AFFINE)
    image.set_data_dtype(np.int16)
    nib.save(image, tmp_path / "a.nii.gz")
    stored = read_stored(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(stored.values, np.asarray(nib.load(tmp_path / "a.nii.gz").dataobj, np.float32))
    np.testing.assert_allclose(stored.values, VOXELS, atol=0.02)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"srow_x": [0, 2.2, 0, -9], "srow_y": [-1.65, 0, 0, 4], "srow_z": [0, 0, 3.3, 7]},
         r"voxels of 1.65 x 2.2 x 3.3 mm by the sform, of 1.5 x 2 x 3 mm by pixdim: .* a factor of 1.33"),
        ({"srow_z": [0, 0, -3, 7]}, "sform and qform are mirrored, so left and right are unknown"),
        ({"srow_x": [0, -2, 0, -9], "srow_y": [1.5, 0, 0, 4]}, "sform and qform are turned by 180 degrees"),
        ({"qoffset_z": 97}, "sform and qform name one space and lie 90 mm apart"),
        ({"sform_code": 0, "qform_code": 0}, "sform and qform codes are 0"),
        ({"sform_code": 8}, "sform and qform codes are 8 and 1, NIfTI knows 0 to 5"),
        ({"pixdim": [1, 1.5, -2, 3, 0, 0, 0, 0]}, r"voxel sizes \(pixdim\) of 1, 1.5, -2, 3 are impossible"),
        ({"quatern_b": 5}, "the affine is singular or not finite"),
        ({"srow_x": [0, 0, 0, 0]}, "the affine is singular or not finite"),
        ({"xyzt_units": 3}, "its units are not millimetres"),
        ({"bitpix": 16}, "16 bits a voxel, its type float32 has 32"),
        ({"datatype": 128, "bitpix": 24}, "voxels of type RGB colours"),
        ({"datatype": 32, "bitpix": 64}, "voxels of type complex64"),
        ({"dim": [3, 9, 10, 12, 1, 1, 1, 1]}, "truncated or damaged"),
        ({"dim": [3, 9, 10, 10, 1, 1, 1, 1]}, "longer than its header says"),
        ({"dim": [3, 1200, 1200, 1200, 1, 1, 1, 1]}, "the header says 1200 x 1200 x 1200 voxels, more than"),
        ({"dim": [4, 9, 10, 5, 2, 1, 1, 1]}, "9 x 10 x 5 x 2 voxels, a T1w scan is one 3D volume"),
        ({"vox_offset": 356}, "truncated or damaged"),
        ({"vox_offset": 100}, "voxels begin at byte 100"),
        ({"magic": b""}, "an Analyze file, or half of a .hdr/.img pair"),
        ({"sizeof_hdr": 1}, "not a readable NIfTI image"),
    ],
)  # fmt: skip
def test_a_header_that_contradicts_itself_is_named(tmp_path: Path, fields: dict[str, object], message: str) -> None:
    path = write(tmp_path / "a.nii.gz", **fields)
    with pytest.raises(UserError, match=message) as caught:
        read_real(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_two_spaces_may_differ_in_place_but_not_in_size(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii.gz", sform_code=4, qoffset_z=97)
    assert read_real(path)[0].shape == (10, 9, 11)
    path = write(tmp_path / "b.nii.gz", sform_code=4, srow_z=[0, 0, 3.3, 7])
    with pytest.raises(UserError, match=r"volumes would differ by a factor of 1\.1"):
        read_real(path)


@pytest.mark.parametrize("bit", [3, 77, 400, 901])
def test_every_bit_of_a_gzip_stream_counts(tmp_path: Path, bit: int) -> None:
    path = write(tmp_path / "a.nii.gz")
    data = bytearray(path.read_bytes())
    data[len(data) * bit // 902] ^= 16
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"damaged|not a readable|pixdim|sform"):
        read_real(path)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.nii.gz")
    (tmp_path / "b.nii.gz").symlink_to("/dev/zero")
    for name in ("a.nii.gz", "b.nii.gz"):
        with pytest.raises(UserError, match="a pipe, socket or device, not a file"):
            read_real(tmp_path / name)
        with pytest.raises(UserError, match="not a regular file"):
            file_hash(tmp_path / name)
    with pytest.raises(UserError, match="a folder, not a file"):
        read_real(tmp_path)
    with pytest.raises(UserError, match="no such file"):
        read_real(tmp_path / "c.nii.gz")


def test_memory_is_bounded_by_the_header(tmp_path: Path) -> None:
    header, _rest = header_of()
    packed = gzip.compress(header.binaryblock + bytes(64 << 20))
    (tmp_path / "bomb.nii.gz").write_bytes(packed)
    tracemalloc.start()
    with pytest.raises(UserError, match="longer than its header says"):
        read_real(tmp_path / "bomb.nii.gz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 << 20


def test_labels_are_whole_numbers_before_they_are_narrowed(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    labels = np.arange(512).reshape(8, 8, 8)
    nib.save(nib.Nifti1Image((labels + 0.04).astype(np.float32), np.eye(4)), path)
    np.testing.assert_array_equal(read_labels(path)[0], labels)
    nib.save(nib.Nifti1Image((labels + 66000).astype(np.int32), np.eye(4)), path)
    assert read_labels(path)[0].max() == 66511
    for change, message in ((0.3, "512 voxels are no whole numbers .such as 0.3"), (np.nan, "NaN or infinite")):
        nib.save(nib.Nifti1Image((labels + change).astype(np.float32), np.eye(4)), path)
        with pytest.raises(UserError, match=message):
            read_labels(path)
    for value, message in ((-3, "a label of -3"), (2**40, "a label of 1.09951e.12")):
        nib.save(nib.Nifti1Image(np.where(labels == 5, value, labels).astype(np.float64), np.eye(4)), path)
        with pytest.raises(UserError, match=message):
            read_labels(path)


def test_labels_of_64_bits_are_read(tmp_path: Path) -> None:
    labels = np.arange(512).reshape(8, 8, 8)
    nib.save(nib.Nifti1Image(labels, np.diag([-1.0, 1, 1, 1]), dtype=np.int64), tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.nii.gz")[0], labels[::-1])


def test_a_stream_of_another_format_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.mgz"
    nib.save(nib.MGHImage(VOXELS, AFFINE), path)
    check_gzip(path, 1 << 20)
    with pytest.raises(UserError, match="holds more than any volume"):
        check_gzip(path, 1 << 10)
    data = bytearray(path.read_bytes())
    data[-6] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"a\.mgz: truncated or damaged"):
        check_gzip(path, 1 << 20)
    path.write_bytes(data[:-300])
    with pytest.raises(UserError, match=r"a\.mgz: truncated or damaged"):
        check_gzip(path, 1 << 20)
