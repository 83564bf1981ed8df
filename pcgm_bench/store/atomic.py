"""Files that are whole or not there: write beside, fsync, rename. And a NIfTI file read back, or named as damaged.

Bytes depend on the content alone (gzip and zip carry no time), so a resumed run equals an uninterrupted one.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import io
import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError

from pcgm_bench.contracts import UserError
from pcgm_bench.jsonable import jsonable
from pcgm_bench.store.parts import part_of


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that a kill at any moment leaves the old file or the new one.

    Raises:
        UserError: the folder cannot be written to, or the disk is full.
    """
    part = part_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> UserError:
    """The one line for a folder that is read-only, missing or full."""
    if error.errno == errno.ENOSPC:
        return UserError(f"{path}: no space left on the disk; free some, or choose another place with --home")
    reason = error.strerror or type(error).__name__
    return UserError(f"{path}: cannot write ({reason}); choose another place with --home or PCGM_BENCH_HOME")


def write_text(path: Path, text: str) -> None:
    """UTF-8 text, with a file's name that is no text as ``\\udcfc``; raises as `write_bytes`."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, content: Any) -> None:
    """Indented JSON with sorted keys; NaN and infinity become null. Raises as `write_bytes`, or TypeError."""
    write_text(path, json.dumps(jsonable(content), indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Compressed NumPy archive; raises as `write_bytes`."""
    buffer = io.BytesIO()
    # In C order, or the memory layout of an array would show in the bytes.
    np.savez_compressed(buffer, **{name: np.ascontiguousarray(array) for name, array in arrays.items()})  # type: ignore[arg-type]
    write_bytes(path, buffer.getvalue())


def write_nifti(path: Path, volume: np.ndarray, affine: np.ndarray) -> None:
    """``.nii.gz`` in millimetres, RAS+ sform and qform; float32, or int16 for labels. Raises as `write_bytes`.

    Args:
        path: ends in ``.nii.gz``.
        volume: ``(X, Y, Z)``.
        affine: ``(4, 4)``, voxel to millimetres.
    """
    kind = np.int16 if np.issubdtype(volume.dtype, np.integer) else np.float32
    image = nib.Nifti1Image(np.ascontiguousarray(volume, dtype=kind), affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code="mni")
    image.set_qform(affine, code="mni")
    write_bytes(path, gzip.compress(image.to_bytes(), compresslevel=6, mtime=0))


def read_nifti(path: Path, kind: type[np.generic], remedy: str) -> tuple[np.ndarray, np.ndarray]:
    """Voxels ``(X, Y, Z)`` of a file, in C order, and its affine ``(4, 4)``.

    Args:
        path: ``.nii`` or ``.nii.gz``.
        kind: of the voxels: float32, or int16 for labels.
        remedy: what to do if it cannot be read.

    Raises:
        UserError: it is missing, damaged or truncated; ends in the remedy.
    """
    try:
        image = nib.load(path)
        return np.ascontiguousarray(image.dataobj, dtype=kind), np.asarray(image.affine)
    except (OSError, EOFError, ValueError, zlib.error, ImageFileError) as error:
        raise UserError(f"{path}: cannot be read ({error}); {remedy}") from error
