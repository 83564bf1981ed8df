"""Images of a few people for the report's viewer: kept beside the run, since only a running study has them at hand."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from pcgm_bench.report.page.people import Person
from pcgm_bench.runner.examples import Example
from pcgm_bench.store import RunFolder
from pcgm_bench.store import atomic
from pcgm_bench.store.identity import safe_filename

STEP = 0.005
"""Intensity (units of white matter) between two grey levels of a stored image."""
FACTUAL, MADE, TRUTH = "factual", "made", "truth"
MARGIN = 2
"""Voxels kept around a head."""
SLOPE = slice(112, 120)
"""Of a NIfTI-1 header: ``scl_slope`` and ``scl_inter``."""
HEAD = 0.05
"""Intensity above which a voxel is kept."""


@dataclass(frozen=True)
class PersonImages:
    """What the viewer shows of one person.

    Attributes:
        person: whose.
        factual: the scan, ``(X, Y, Z)``, white matter near 1.
        made: the image of the run's own row.
        truth: the true counterfactual with the scan's own noise; None where it is not known.
        affine: voxels to mm.
    """

    person: Person
    factual: np.ndarray
    made: np.ndarray
    truth: np.ndarray | None
    affine: np.ndarray


def keep_images(folder: RunFolder, people: Sequence[Person], images: Sequence[Example], row: str) -> None:
    """Write what the viewer needs of these people; what is there already is not made again.

    Args:
        folder: of the run.
        people: whom to keep.
        images: every image of the run.
        row: whose images.
    """
    first: dict[str, Example] = {}
    for example in reversed(images):
        if row in example.images:
            first[example.key.subject] = example
    for person in people:
        place = _place(folder, person)
        if person.label not in first or (place / f"{MADE}.nii.gz").exists():
            continue
        example = first[person.label]
        factual, made, truth = example.factual(), example.images[row](), example.truth()
        box = _box(np.maximum(factual, made))
        affine = example.affine().copy()
        affine[:3, 3] += affine[:3, :3] @ [side.start for side in box]
        known = {FACTUAL: factual, TRUTH: truth, MADE: made}  # the last tells that all are there
        for name, image in known.items():
            if image is not None:
                atomic.write_bytes(place / f"{name}.nii.gz", packed(image[box], affine))


def kept_images(folder: RunFolder, people: Sequence[Person]) -> list[PersonImages]:
    """What `keep_images` wrote of these people, in their order."""
    found = []
    for person in people:
        place = _place(folder, person)
        if not (place / f"{MADE}.nii.gz").exists():
            continue
        truth = place / f"{TRUTH}.nii.gz"
        factual, affine = _read(place / f"{FACTUAL}.nii.gz")
        made, _ = _read(place / f"{MADE}.nii.gz")
        found.append(PersonImages(person, factual, made, _read(truth)[0] if truth.exists() else None, affine))
    return found


def packed(image: np.ndarray, affine: np.ndarray, signed: bool = False) -> bytes:
    """An image as NIfTI of one byte a voxel, compressed; equal images give equal bytes.

    Args:
        image: ``(X, Y, Z)``, units of white matter; what is beyond the range of a byte is cut.
        affine: voxels to mm.
        signed: a difference of two images.
    """
    levels = np.rint(np.nan_to_num(image) / STEP)
    kind, low, high = (np.int8, -127, 127) if signed else (np.uint8, 0, 255)
    nifti = nib.Nifti1Image(np.clip(levels, low, high).astype(kind), affine)
    data = bytearray(nifti.to_bytes())
    # nibabel scales on writing what is given a slope: the two fields are set in what it has written.
    data[SLOPE] = struct.pack(f"{nifti.header.endianness}ff", STEP, 0.0)
    return gzip.compress(bytes(data), 9, mtime=0)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    image = nib.Nifti1Image.from_bytes(gzip.decompress(path.read_bytes()))
    return np.asarray(image.get_fdata(dtype=np.float32)), np.asarray(image.affine)


def _place(folder: RunFolder, person: Person) -> Path:
    return folder.report_images / f"sub-{safe_filename(person.label)}"


def _box(image: np.ndarray) -> tuple[slice, slice, slice]:
    """Where an image is not empty, with a margin."""
    sides = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        filled = np.flatnonzero((image > HEAD).any(axis=others))
        first, last = (int(filled[0]), int(filled[-1])) if len(filled) else (0, image.shape[axis] - 1)
        sides.append(slice(max(0, first - MARGIN), min(image.shape[axis], last + 1 + MARGIN)))
    return sides[0], sides[1], sides[2]
