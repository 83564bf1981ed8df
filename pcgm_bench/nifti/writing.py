"""The one writer of volumes: the bytes of a NIfTI file, which depend on its content alone."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np

from pcgm_bench.contracts import UserError

SUFFIXES = (".nii", ".nii.gz")


def check_name(path: Path) -> None:
    """Raise UserError where a file's name does not say NIfTI: ask before the work is done."""
    if not path.name.lower().endswith(SUFFIXES) or path.name.lower() in SUFFIXES:
        raise UserError(
            f"{path}: name a NIfTI file (.nii or .nii.gz), such as {path.name.split('.')[0] or 'out'}.nii.gz"
        )


def grid_image(volume: np.ndarray, affine: np.ndarray) -> nib.Nifti1Image:
    """A volume ``(X, Y, Z)`` or ``(X, Y, Z, C)`` on a standard grid: sform and qform in MNI space, millimetres."""
    image = nib.Nifti1Image(np.ascontiguousarray(volume), affine)
    image.header.set_xyzt_units("mm", "sec" if volume.ndim == 4 else None)
    image.set_sform(affine, code="mni")
    image.set_qform(affine, code="mni")
    return image


def like(header: nib.Nifti1Header, volume: np.ndarray) -> nib.Nifti1Image:
    """A volume in the space of another file: its sform, qform and their codes; nothing else of the header is kept.

    Args:
        header: of the other file.
        volume: of that file's shape; stored with its own type.
    """
    image = nib.Nifti1Image(volume, header.get_best_affine())
    image.header.set_xyzt_units("mm")
    if code := int(header["qform_code"]):
        image.set_qform(header.get_qform(), code)
    if code := int(header["sform_code"]):
        image.set_sform(header.get_sform(), code)
    else:
        image.set_sform(None)
    return image


def bytes_for(path: Path, image: nib.Nifti1Image) -> bytes:
    """The file's bytes, compressed where its name ends in ``.gz``; no time stamp.

    Raises:
        UserError: the name is not that of a NIfTI file.
    """
    check_name(path)
    data = image.to_bytes()
    return gzip.compress(data, compresslevel=6, mtime=0) if path.name.lower().endswith(".gz") else bytes(data)
