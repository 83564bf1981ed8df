"""The one reader of volumes: scans, images made elsewhere, label maps, stored images."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.arrayproxy import ArrayProxy
from nibabel.orientations import inv_ornt_aff

from pcgm_bench.nifti.header import bytes_of
from pcgm_bench.nifti.header import place_fault
from pcgm_bench.nifti.header import read_header
from pcgm_bench.nifti.header import voxels_of
from pcgm_bench.nifti.stream import DamagedVolumeError
from pcgm_bench.nifti.stream import read_stream

WHOLE = 0.05
"""A label may be off a whole number by this much: files with a slope hold n +- .015."""


@dataclass(frozen=True, eq=False)
class StoredVolume:
    """One 3D volume as it lies in its file.

    Attributes:
        header: as stored.
        affine: ``(4, 4)``, voxel indices to millimetres, as the header says: sform, or qform where there is none.
        values: ``(X, Y, Z)`` real numbers, the header's slope applied; single precision where it was asked for.
    """

    header: nib.Nifti1Header
    affine: np.ndarray
    values: np.ndarray

    def ras(self) -> tuple[np.ndarray, np.ndarray]:
        """Values with their axes turned to the nearest RAS+, and their affine."""
        turn = nib.io_orientation(self.affine)
        return nib.apply_orientation(self.values, turn), self.affine @ inv_ornt_aff(turn, self.values.shape)


def read_stored(path: Path, kind: type[np.generic] | None = np.float32) -> StoredVolume:
    """Read a file to its end.

    Args:
        path: ``.nii`` or ``.nii.gz``; axes of length 1 behind the third are dropped.
        kind: of the values; None: as they are stored, or double precision where there is a slope.

    Raises:
        DamagedVolumeError: it is missing, damaged, longer or shorter than it should be, no NIfTI, not one volume of
            real numbers, or its header contradicts itself.
    """
    name = str(path)
    content = read_stream(Path(path), lambda start: bytes_of(_single_volume(read_header(start, name), name)))
    header = _single_volume(read_header(content, name), name)
    if fault := place_fault(header):
        raise DamagedVolumeError(f"{name}: {fault}")
    proxy = ArrayProxy(io.BytesIO(content), header)
    del content
    with np.errstate(over="ignore"):  # what is infinite in single precision is refused by who needs it finite
        values = np.asarray(proxy, dtype=kind).reshape(header.get_data_shape()[:3], order="F")
    return StoredVolume(header, np.asarray(header.get_best_affine()), values)


def read_real(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """An image turned to RAS+: finite voxels ``(X, Y, Z)`` float32 in C order, and the affine ``(4, 4)``.

    Raises:
        DamagedVolumeError: as `read_stored`, or a voxel is NaN or infinite.
    """
    data, affine = read_stored(path).ras()
    check_finite(path, data)
    return np.ascontiguousarray(data), affine


def read_labels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A label map turned to RAS+: ``(X, Y, Z)`` int64 in C order, and the affine ``(4, 4)``.

    Raises:
        DamagedVolumeError: as `read_stored`, or a value is no whole number from 0 to 2**31 - 1: it was resampled by
            interpolation, or it is no label map.
    """
    values, affine = read_stored(path, None).ras()
    check_finite(path, values)
    whole = values if values.dtype.kind in "iu" else np.round(values)
    away = np.abs(values - whole) > WHOLE
    if away.any():
        example = float(values[away][0])
        raise DamagedVolumeError(
            f"{path}: {int(away.sum())} voxels are no whole numbers (such as {example:g}): resample a label map by "
            "nearest neighbour, or segment on this grid"
        )
    if whole.min() < 0 or whole.max() >= 1 << 31:
        end = whole.min() if whole.min() < 0 else whole.max()
        raise DamagedVolumeError(f"{path}: a label of {end:g}: labels are whole numbers from 0 on; write the map again")
    return np.ascontiguousarray(whole, dtype=np.int64), affine


def check_finite(path: Path, data: np.ndarray) -> None:
    """Raise DamagedVolumeError where a voxel is NaN or infinite."""
    bad = 0 if data.dtype.kind in "iu" else int(data.size - np.isfinite(data).sum())
    if bad:
        raise DamagedVolumeError(
            f"{path}: {bad} of {data.size} voxels are NaN or infinite: set them to 0, or redo the preprocessing"
        )


def _single_volume(header: nib.Nifti1Header, name: str) -> nib.Nifti1Header:
    shape = header.get_data_shape()
    if len(shape) < 3 or voxels_of(header) != int(np.prod(shape[:3], dtype=np.int64)) or max(shape) == 1:
        size = " x ".join(map(str, shape))
        raise DamagedVolumeError(f"{name}: {size} voxels, a T1w scan is one 3D volume: extract one volume from it")
    return header
