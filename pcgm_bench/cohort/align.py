"""A native scan onto the standard grid, and a changed one back.

On the grid a brain has the template's size; every volume read there is divided by `Aligned.scale` to be in native mL.
"""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.spatialimages import SpatialImage
from scipy import ndimage as ndi

from pcgm_bench.block_means import block_means
from pcgm_bench.cohort.crop import cropped
from pcgm_bench.cohort.grid import Grid
from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.cohort.grid import standard_grid
from pcgm_bench.cohort.intensity import intensity_of
from pcgm_bench.cohort.intensity import negative_fault
from pcgm_bench.cohort.volume import foreground
from pcgm_bench.cohort.volume import read_volume
from pcgm_bench.cohort.volume import skull_fault
from pcgm_bench.contracts import UserError
from pcgm_bench.file_hash import file_hash
from pcgm_bench.nifti.reading import read_stored
from pcgm_bench.nifti.writing import like
from pcgm_bench.store.sealed import read_sealed
from pcgm_bench.store.sealed import write_sealed

VERSION = "1"
"""Part of every cache key: raise it when aligned images change."""
BRIGHT_QUANTILE, BRIGHT = 0.90, 0.99
"""A phantom's brain has its 90th percentile at 0.99, where white matter is 1: real scans get the same."""
CEILING = 1.3
"""Vessels and eyes are brighter than white matter; nothing is learnt from how much."""


@dataclass(frozen=True)
class Aligned:
    """A scan on a standard grid and the way back.

    Attributes:
        image: ``(X, Y, Z)`` float32 on the grid: background 0, white matter about 1.
        affine: ``(4, 4)`` of the grid.
        matrix: ``(4, 4)``, native millimetres -> grid millimetres.
        scale: determinant of ``matrix``: volume on the grid / native volume; 1 for a scan that was on the grid already.
        gain: ``(X, Y, Z)`` float32: native intensity of an image value of 1, shading included.
        overlap: Dice with the template after alignment; NaN where nothing was aligned.
    """

    image: np.ndarray
    affine: np.ndarray
    matrix: np.ndarray
    scale: float
    gain: np.ndarray
    overlap: float


def standard_grid_of(image: SpatialImage) -> Grid | None:
    """The standard grid on which a RAS+ image lies, or None."""
    return standard_grid(image.shape, image.affine)


def align(path: Path, grid: str = "3mm", home: Path | None = None, *, even_out: bool = True) -> Aligned:
    """Bring one skull-stripped T1w file onto the grid; 7 to 12 s, or at once from ``home``.

    A scan that lies on a standard grid is used as it is, whatever ``grid`` says.

    Args:
        path: NIfTI file, any orientation and voxel size.
        grid: name of the grid.
        home: where results are kept, under ``aligned/``; None: nowhere.
        even_out: take out shading with N4.

    Raises:
        UserError: a faulty file, or a head with its skull.
        PoorScanError: a registration that fails.
    """
    kept = None if home is None else home / "aligned" / f"{_key(path, grid, even_out)}.npz"
    if kept is not None and (before := _load(kept, grid)) is not None:
        return before
    source = read_volume(path)
    data = np.asarray(source.dataobj, np.float32)
    on = standard_grid_of(source)
    if on is not None:
        return Aligned(data, on.affine, np.eye(4), 1.0, np.ones(on.shape, np.float32), float("nan"))
    if negative := negative_fault(intensity_of(data)):
        raise UserError(f"{path}: {negative}")
    if fault := skull_fault(path, source):
        raise UserError(fault)
    out = _align(data, source.affine, grid_called(grid), str(path), even_out)
    if kept is not None:
        _keep(kept, out)
    return out


def _align(data: np.ndarray, affine: np.ndarray, target: Grid, name: str, even_out: bool) -> Aligned:
    from pcgm_bench.cohort.registration import bias_field  # SimpleITK takes half a second to import
    from pcgm_bench.cohort.registration import register

    brain, affine = cropped(np.where(foreground(data), data, 0).astype(np.float32), affine)
    shading = bias_field(brain, affine) if even_out else np.ones_like(brain)
    brain /= shading
    found = register(brain, affine, name)
    to_native = np.linalg.inv(affine) @ np.linalg.inv(found.matrix)
    image = area_average(brain, to_native, target)
    bright = bright_level(image)
    there = ndi.affine_transform(shading, to_native @ target.affine, output_shape=target.shape, order=1, mode="nearest")
    gain = (bright * there).astype(np.float32)
    return Aligned(levelled(image, bright), target.affine, found.matrix, found.scale, gain, found.overlap)


def bright_level(image: np.ndarray) -> float:
    """What an image on the grid, in native intensities, is divided by (`levelled`); background 0."""
    return float(np.quantile(image[foreground(image)], BRIGHT_QUANTILE)) / BRIGHT


def levelled(image: np.ndarray, bright: float) -> np.ndarray:
    """An image over its `bright_level`, cut off at `CEILING`; float32."""
    return np.clip(image / bright, 0, CEILING).astype(np.float32)


def area_average(data: np.ndarray, to_voxels: np.ndarray, target: Grid) -> np.ndarray:
    """Resample so that every grid voxel is the mean of what it covers (no aliasing, partial volumes kept).

    Args:
        data: ``(X, Y, Z)`` source.
        to_voxels: ``(4, 4)``, grid millimetres -> source voxel indices.
        target: the grid.
    """
    spacing = float(target.affine[0, 0])
    fineness = spacing * float(np.linalg.norm(to_voxels[:3, :3], axis=0).max())
    step = max(1, round(fineness))
    fine = target.affine @ np.diag([1 / step, 1 / step, 1 / step, 1.0])
    fine[:3, 3] = target.affine[:3, 3] + spacing * (1 / (2 * step) - 0.5)
    out = np.zeros(target.shape, np.float32)
    for i in range(target.shape[0]):  # a slab of one voxel: the fine image at 1 mm would take gigabytes
        slab = fine.copy()
        slab[:3, 3] += fine[:3, 0] * i * step
        size = (step, target.shape[1] * step, target.shape[2] * step)
        values = ndi.affine_transform(data, to_voxels @ slab, output_shape=size, order=1, output=np.float32)
        out[i] = block_means(values, step)[0]
    return out


def to_native(path: Path, aligned: Aligned, changed: np.ndarray) -> nib.Nifti1Image:
    """Carry the change from ``aligned.image`` to ``changed`` over to the native scan, inside its brain.

    The native scan's own detail stays; only the difference is resampled, so nothing is blurred where nothing changed.

    Args:
        path: the file that `align` read.
        aligned: what it returned.
        changed: ``(X, Y, Z)`` on the grid.

    Returns:
        A 3D image of the file's shape, affine and codes, float32, never below 0. Nothing else of its header is kept.
    """
    native = read_stored(path)
    volume = native.values
    difference = (changed - aligned.image) * aligned.gain
    to_grid = np.linalg.inv(aligned.affine) @ aligned.matrix @ native.affine
    change = ndi.affine_transform(difference, to_grid, output_shape=volume.shape, order=1, output=np.float32)
    inside = foreground(volume)
    out = np.where(inside, np.maximum(volume + change, 0), volume).astype(np.float32)
    return like(native.header, out)


def _key(path: Path, grid: str, even_out: bool) -> str:
    text = json.dumps([file_hash(path), grid, even_out, VERSION])
    return blake2b(text.encode(), digest_size=10).hexdigest()


def _keep(path: Path, aligned: Aligned) -> None:
    """Write whole or not at all; a cache that cannot be written costs time, not the run."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, image=aligned.image, matrix=aligned.matrix, gain=aligned.gain, numbers=[aligned.scale, aligned.overlap]
    )
    with contextlib.suppress(UserError):
        write_sealed(path, buffer.getvalue(), path.parent.name)


def _load(path: Path, grid: str) -> Aligned | None:
    """A kept scan; None where there is none, or it is damaged or another's."""
    content = read_sealed(path, path.parent.name)
    if content is None:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as kept:
        scale, overlap = (float(number) for number in kept["numbers"])
        return Aligned(kept["image"], grid_called(grid).affine, kept["matrix"], scale, kept["gain"], overlap)
