"""What a NIfTI header says of a file's voxels: their kind, their number, and where they lie in millimetres.

A header says some things twice (sform, qform and voxel sizes). Where they contradict each other, nobody knows which is
right: a volume in mL would follow one of them by chance, and left and right likewise.
"""

from __future__ import annotations

import struct

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError

from pcgm_bench.nifti.stream import DamagedVolumeError

MAX_VOXELS = 1 << 28
"""Voxels of the largest file that is read: a head at 0.35 mm. As float32 they take 1 GiB."""
SPACING_TOLERANCE = 0.005
"""Voxel sizes that differ by more contradict each other; rounding in a header stays below 1e-4."""
TILT_DEGREES = 60.0
"""Two spaces (scanner and template) may be turned against each other by less."""
METRES_AND_MICRONS = (1, 3)
KNOWN_CODES = range(6)


def read_header(start: bytes, name: str) -> nib.Nifti1Header:
    """The header at the start of a file.

    Args:
        start: its first bytes.
        name: of the file, for errors.

    Raises:
        DamagedVolumeError: no NIfTI header of one file (Analyze, or the ``.hdr`` of a pair), or one that says something
            impossible of the voxels' kind, number or place in the file.
    """
    kind = _kind(start, name)
    try:
        header = kind(start[: kind.sizeof_hdr], check=False)
        dtype = header.get_data_dtype()
        _check_voxels(header, dtype, name)
        header.get_slope_inter()
    except (HeaderDataError, ValueError, KeyError) as error:
        raise DamagedVolumeError(
            f"{name}: not a readable NIfTI image ({error}): convert or download it again"
        ) from error
    return header


def bytes_of(header: nib.Nifti1Header) -> int:
    """Of header and voxels together: the length of the file."""
    return int(header["vox_offset"]) + voxels_of(header) * header.get_data_dtype().itemsize


def voxels_of(header: nib.Nifti1Header) -> int:
    """How many there are."""
    return int(np.prod([int(side) for side in header.get_data_shape()], dtype=object))


def _kind(start: bytes, name: str) -> type[nib.Nifti1Header]:
    if len(start) < nib.Nifti1Header.sizeof_hdr:
        raise DamagedVolumeError(f"{name}: truncated or damaged (it ends within the header): copy or download it again")
    sizes = {struct.unpack(f"{order}i", start[:4])[0] for order in "<>"}
    if 540 in sizes and start[4:8] == b"n+2\0":
        return nib.Nifti2Header
    if 348 in sizes and start[344:348] == b"n+1\0":
        return nib.Nifti1Header
    if 348 in sizes:
        what = "an Analyze file, or half of a .hdr/.img pair: left and right are not known"
        raise DamagedVolumeError(f"{name}: not a readable NIfTI image ({what}): convert it to .nii.gz")
    raise DamagedVolumeError(
        f"{name}: not a readable NIfTI image (it does not begin as one): convert or download it again"
    )


def _check_voxels(header: nib.Nifti1Header, dtype: np.dtype, name: str) -> None:
    shape = [int(side) for side in header.get_data_shape()]
    sizes = " x ".join(map(str, shape)) or "no"
    known = int(header["sizeof_hdr"]) == header.sizeof_hdr and len(shape) == int(header["dim"][0])
    if not known or not shape or min(shape) < 1:
        raise DamagedVolumeError(f"{name}: {sizes} voxels: the header is damaged; convert or download it again")
    if dtype.kind not in "iuf":
        kind = "RGB colours" if dtype.names else str(dtype)
        raise DamagedVolumeError(f"{name}: voxels of type {kind}: save it as one real number a voxel")
    if int(header["bitpix"]) != dtype.itemsize * 8:
        raise DamagedVolumeError(
            f"{name}: {int(header['bitpix'])} bits a voxel, its type {dtype} has {dtype.itemsize * 8}: the header is "
            "damaged; convert or download it again"
        )
    if voxels_of(header) > MAX_VOXELS:
        raise DamagedVolumeError(
            f"{name}: the header says {sizes} voxels, more than {MAX_VOXELS}: a damaged header, or resample it to 1 mm"
        )
    offset = float(header["vox_offset"])
    if offset != int(offset) or offset < header.sizeof_hdr + 4:
        raise DamagedVolumeError(f"{name}: voxels begin at byte {offset:g}: the header is damaged; convert it again")


def place_fault(header: nib.Nifti1Header) -> str | None:
    """What is wrong with the map from voxels to millimetres, and what to do; None if nothing is.

    Spacing, handedness and direction of sform and qform, and the voxel sizes, must tell the same.
    """
    codes = int(header["sform_code"]), int(header["qform_code"])
    if codes == (0, 0):
        return "sform and qform codes are 0, so left and right are unknown: set one in the header"
    if any(code not in KNOWN_CODES for code in codes):
        return f"sform and qform codes are {codes[0]} and {codes[1]}, NIfTI knows 0 to 5: repair the header"
    sizes = np.asarray(header["pixdim"], float)
    if not np.isfinite(sizes[:4]).all() or (sizes[1:4] <= 0).any() or sizes[0] not in (-1, 0, 1):
        told = ", ".join(f"{size:g}" for size in sizes[:4])
        return f"voxel sizes (pixdim) of {told} are impossible: repair the header"
    if int(header["xyzt_units"]) & 7 in METRES_AND_MICRONS:
        return "its units are not millimetres: convert it to millimetres, and say so in the header"
    sform, qform = header.get_sform(), None
    if codes[0] and (not np.isfinite(sform).all() or abs(np.linalg.det(sform[:3, :3])) < 1e-6):
        return "the affine is singular or not finite: repair the header (sform or qform)"
    if codes[1]:
        try:
            qform = header.get_qform()
        except (HeaderDataError, ValueError, ArithmeticError):
            qform = np.full((4, 4), np.nan)
        if not np.isfinite(qform).all():
            return "the affine is singular or not finite: repair the header (sform or qform)"
    return _contradiction(header, sform if codes[0] else None, qform, sizes[1:4])


def _contradiction(
    header: nib.Nifti1Header, sform: np.ndarray | None, qform: np.ndarray | None, sizes: np.ndarray
) -> str | None:
    if sform is None:
        return None  # the qform is made of the voxel sizes
    spacing = np.linalg.norm(sform[:3, :3], axis=0)
    if (np.abs(spacing / sizes - 1) > SPACING_TOLERANCE).any():
        ratio = float(np.prod(spacing / sizes))
        return (
            f"voxels of {_steps(spacing)} mm by the sform, of {_steps(sizes)} mm by pixdim: volumes would differ by a "
            f"factor of {ratio:.3g}; repair the header, or give the scan in its own space"
        )
    if qform is None:
        return None
    if np.linalg.det(sform[:3, :3]) * np.linalg.det(qform[:3, :3]) < 0:
        return "sform and qform are mirrored, so left and right are unknown: repair the header"
    axes = (sform[:3, :3] / spacing) * (qform[:3, :3] / np.linalg.norm(qform[:3, :3], axis=0))
    tilt = float(np.degrees(np.arccos(np.clip(axes.sum(0), -1, 1))).max())
    if tilt > TILT_DEGREES:
        return f"sform and qform are turned by {tilt:.0f} degrees against each other: repair the header"
    if int(header["sform_code"]) == int(header["qform_code"]):
        ends = np.array(header.get_data_shape()[:3], float) - 1
        corners = np.array([[x, y, z, 1] for x in (0, ends[0]) for y in (0, ends[1]) for z in (0, ends[2])])
        apart = float(np.linalg.norm(corners @ (sform - qform).T, axis=1).max())
        if apart > max(1.0, float(spacing.max())):
            return f"sform and qform name one space and lie {apart:.0f} mm apart: repair the header"
    return None


def _steps(sizes: np.ndarray) -> str:
    return " x ".join(f"{size:.3g}" for size in sizes)
