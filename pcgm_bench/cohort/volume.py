"""One NIfTI file in, one checked RAS+ volume out; everything that can be wrong with it said in one line."""

from __future__ import annotations

import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.spatialimages import SpatialImage

from pcgm_bench.contracts import UserError

MAX_SHEAR = 0.01
"""Largest cosine between two voxel axes: half a degree; rounding in a header stays below 1e-4."""
BRAIN_ML = (600.0, 2400.0)
"""Intracranial volumes of adults are 950 to 1900 mL; a head with its skull and neck is above 3000 mL."""
FAINT = 0.02
"""Share of the bright end below which a voxel counts as air: interpolation leaves traces outside a stripped brain."""

UNREADABLE = (ImageFileError, HeaderDataError, EOFError, OSError, ValueError, zlib.error)


def read_volume(path: Path) -> SpatialImage:
    """Load a 3D image, voxel axes turned to the nearest RAS+, data float32.

    Args:
        path: ``.nii`` or ``.nii.gz``; a fourth axis of length 1 is dropped.

    Returns:
        A nibabel image of shape ``(X, Y, Z)``; its affine maps voxel indices to millimetres.

    Raises:
        UserError: the first of `volume_faults`.
    """
    image, faults = _inspect(path)
    if faults or image is None:
        raise UserError(faults[0])
    return image


def volume_faults(path: Path) -> list[str]:
    """Everything that makes a scan unusable, a line each: unreadable, truncated, not 3D, NaN, sheared, empty."""
    return _inspect(path)[1]


def foreground(data: np.ndarray) -> np.ndarray:
    """Where a skull-stripped scan shows brain: brighter than 2 % of its 99th percentile. Boolean, ``data``'s shape."""
    inside = data[data > 0]
    level = FAINT * float(np.quantile(inside[:: max(1, inside.size // 500_000)], 0.99)) if inside.size else 0.0
    return data > level


def skull_fault(path: Path, image: SpatialImage) -> str | None:
    """The line for a scan that is not one stripped brain, judged by how many mL are not black; None if it may be."""
    voxel_ml = abs(float(np.linalg.det(image.affine[:3, :3]))) / 1000
    size = float(foreground(np.asarray(image.dataobj)).sum()) * voxel_ml
    low, high = BRAIN_ML
    if size > high:
        return (
            f"{path}: {size:.0f} mL are not black, a brain has at most {high:.0f}: strip the skull first "
            "(SynthStrip or HD-BET), background 0"
        )
    if size < low:
        return f"{path}: only {size:.0f} mL are not black, a brain has at least {low:.0f}: give a whole brain in mm"
    return None


def _inspect(path: Path) -> tuple[SpatialImage | None, list[str]]:
    try:
        stored = nib.load(path)
    except FileNotFoundError:
        return None, [f"{path}: no such file: check the path, or fetch the file (a dangling link counts as missing)"]
    except UNREADABLE as error:
        return None, [f"{path}: not a readable NIfTI image ({_short(error)}): convert or download it again"]
    shape = tuple(stored.shape)
    if len(shape) == 4 and shape[3] == 1:
        shape = shape[:3]
    if len(shape) != 3 or min(shape) < 8:
        size = " x ".join(map(str, stored.shape))
        return None, [f"{path}: {size} voxels, a T1w scan is one 3D volume: extract one volume from it"]
    if stored.get_data_dtype().kind not in "iuf":
        return None, [f"{path}: voxels of type {stored.get_data_dtype()}: save it as one real number a voxel"]
    try:
        data = np.asarray(stored.dataobj, dtype=np.float32).reshape(shape)
    except UNREADABLE as error:
        return None, [f"{path}: truncated or damaged ({_short(error)}): copy or download it again"]
    faults = _affine_faults(path, stored)
    bad = int((~np.isfinite(data)).sum())
    if bad:
        faults.append(
            f"{path}: {bad} of {data.size} voxels are NaN or infinite: set them to 0, or redo the preprocessing"
        )
    elif data.max() <= 0 or data.max() == data.min():
        faults.append(f"{path}: every voxel is {data.max():g}, there is no image: redo the preprocessing")
    if faults:
        return None, faults
    return nib.as_closest_canonical(nib.Nifti1Image(data, stored.affine)), []


def _affine_faults(path: Path, image: SpatialImage) -> list[str]:
    """Faults of the map from voxels to millimetres."""
    affine = np.asarray(image.affine, float)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-6:
        return [f"{path}: the affine is singular or not finite: repair the header (sform or qform)"]
    header = image.header
    if isinstance(header, nib.Nifti1Header) and int(header["sform_code"]) == int(header["qform_code"]) == 0:
        return [f"{path}: sform and qform codes are 0, so left and right are unknown: set one in the header"]
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    shear = float(np.abs(axes.T @ axes - np.eye(3)).max())
    if shear > MAX_SHEAR:
        angle = np.degrees(np.arccos(min(1.0, shear)))
        return [f"{path}: sheared affine (two voxel axes meet at {angle:.0f} degrees): resample it to a straight grid"]
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if spacing.max() > 6 or spacing.min() < 0.2:
        steps = " x ".join(f"{s:.2g}" for s in spacing)
        return [f"{path}: voxels of {steps} mm: a T1w scan has 0.2 to 6 mm; check the header's units"]
    return []


def _short(error: BaseException) -> str:
    """First line of a library's message, without the path it may repeat."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return text if len(text) <= 100 else text[:97] + "..."
