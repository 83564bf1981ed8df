"""Files that are whole or not there: write beside, fsync, rename. And a NIfTI file read back, or named as damaged.

Bytes depend on the content alone (gzip and zip carry no time), so a resumed run equals an uninterrupted one.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from pcgm_bench.contracts import UserError
from pcgm_bench.jsonable import jsonable
from pcgm_bench.nifti.reading import read_stored
from pcgm_bench.nifti.stream import DamagedVolumeError
from pcgm_bench.nifti.writing import bytes_for
from pcgm_bench.nifti.writing import grid_image
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
    """A NIfTI file in millimetres, RAS+ sform and qform; float32, or int16 for labels. Raises as `write_image`.

    Args:
        path: ends in ``.nii``, or in ``.nii.gz``: then it is compressed.
        volume: ``(X, Y, Z)``.
        affine: ``(4, 4)``, voxel to millimetres.
    """
    kind = np.int16 if np.issubdtype(volume.dtype, np.integer) else np.float32
    write_image(path, grid_image(np.asarray(volume, dtype=kind), affine))


def write_image(path: Path, image: nib.Nifti1Image) -> None:
    """A NIfTI file with the image's own space; compressed where the name ends in ``.gz``.

    Raises:
        UserError: the name is not that of a NIfTI file, or as `write_bytes`.
    """
    write_bytes(path, bytes_for(path, image))


def read_nifti(path: Path, kind: type[np.generic], remedy: str) -> tuple[np.ndarray, np.ndarray]:
    """Voxels ``(X, Y, Z)`` of a file that was written here, in C order, and its affine ``(4, 4)``.

    Args:
        path: ``.nii`` or ``.nii.gz``.
        kind: of the voxels: float32, or int16 for labels.
        remedy: what to do if it cannot be read.

    Raises:
        UserError: it is missing, damaged or truncated; ends in the remedy.
    """
    try:
        stored = read_stored(path, kind)
    except DamagedVolumeError as error:
        raise UserError(f"{error}; {remedy}") from error
    return np.ascontiguousarray(stored.values), stored.affine
