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
from pcgm_bench.nifti.reading import check_finite
from pcgm_bench.nifti.reading import read_stored
from pcgm_bench.nifti.stream import DamagedVolumeError

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
        stored = read_stored(path)
    except DamagedVolumeError as error:
        return None, [str(error)]
    data = stored.values
    if min(data.shape) < 8:
        size = " x ".join(map(str, data.shape))
        return None, [f"{path}: {size} voxels, a T1w scan is one 3D volume: extract one volume from it"]
    faults = _affine_faults(path, stored.affine)
    try:
        check_finite(path, data)
    except DamagedVolumeError as error:
        faults.append(str(error))
    else:
        if data.max() < np.finfo(np.float32).tiny or data.max() == data.min():
            faults.append(f"{path}: every voxel is {data.max():g}, there is no image: redo the preprocessing")
    if faults:
        return None, faults
    return nib.Nifti1Image(*stored.ras()), []


def _affine_faults(path: Path, affine: np.ndarray) -> list[str]:
    """Faults of the map from voxels to millimetres that a scan must not have."""
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
