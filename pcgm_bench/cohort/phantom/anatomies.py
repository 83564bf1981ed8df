"""Templates from a lab's own label maps, in place of the built-in one: real gyri, real ventricles."""

from __future__ import annotations

from dataclasses import replace

import nibabel as nib
import numpy as np
import torch
from scipy import ndimage as ndi

from pcgm_bench.cohort.crop import cropped
from pcgm_bench.cohort.phantom.label_maps import Tissues
from pcgm_bench.cohort.phantom.label_maps import tissues_of
from pcgm_bench.cohort.phantom.template_fields import CORNER
from pcgm_bench.cohort.phantom.template_fields import FIELDS
from pcgm_bench.cohort.phantom.template_fields import SHAPE
from pcgm_bench.cohort.phantom.template_fields import Masks
from pcgm_bench.cohort.phantom.template_fields import Template
from pcgm_bench.cohort.phantom.template_fields import template_of
from pcgm_bench.cohort.phantom.template_registration import tissues_of_masks
from pcgm_bench.cohort.phantom.template_registration import tissues_of_template
from pcgm_bench.cohort.phantom.template_registration import velocity_between
from pcgm_bench.cohort.phantom.velocity import KNOT_MM
from pcgm_bench.cohort.phantom.velocity import displacement_of
from pcgm_bench.nearest_parcel import nearest_parcel

CENTRE = np.array([0.0, -17.0, 5.0])
ROOM = 0.92
"""A label map's head is stored at this share of the built-in one's size: with much fluid around it, it would touch the
border of the box."""
LOWEST_MM = -72.0
"""The brain stem is cut off here, as in the built-in template."""
_SHRINK = np.diag([ROOM, ROOM, ROOM, 1.0])
_SHRINK[:3, 3] = (1 - ROOM) * CENTRE


def template_of_labels(image: nib.spatialimages.SpatialImage, built_in: Template, name: str) -> Template:
    """A template with the anatomy of one label map; half a minute.

    Args:
        image: FreeSurfer's ``aparc+aseg``, or a map without parcels (aseg, SynthSeg): these are then taken from the
            built-in template by registration.
        built_in: from `pcgm_bench.cohort.phantom.template.load_template`.
        name: of the file, for errors.

    Raises:
        UserError: not a label map of a whole brain, or one that cannot be aligned.
    """
    masks, _ = masks_of_labels(image, built_in, name)
    return template_of(masks, is_average=False)


def masks_of_labels(image: nib.spatialimages.SpatialImage, built_in: Template, name: str) -> tuple[Masks, np.ndarray]:
    """The masks of a label map on the template's box, and the velocity for `built_in_places`."""
    tissues = tissues_of(image, name)
    to_box, velocity = laid_on_template(tissues, built_in, name)
    return _carried_over(_boxed(tissues, _SHRINK @ to_box), built_in, velocity), velocity


def laid_on_template(tissues: Tissues, built_in: Template, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A brain registered to the built-in template.

    Returns:
        ``(4, 4)``, the map's mm to the template's by turning, moving and scaling alone, and the velocity that takes
        them further (`warped_places`).

    Raises:
        UserError: it cannot be aligned.
    """
    to_box = _to_box(tissues, name)
    return to_box, velocity_between(tissues_of_template(built_in), tissues_of_masks(_boxed(tissues, to_box)))


def built_in_places(places: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Where in the built-in template places ``(N, 3)`` (mm) of a template of `masks_of_labels` lie: mm ``(N, 3)``."""
    return warped_places(CENTRE + (places - CENTRE) / ROOM, velocity)


def warped_places(places: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Where in the built-in template places ``(N, 3)`` (mm, `laid_on_template`) lie: mm ``(N, 3)``."""
    knots = ((places - CORNER) / KNOT_MM - 0.5).T
    displacement = displacement_of(torch.from_numpy(velocity)[None])[0].numpy()
    moves = [ndi.map_coordinates(axis, knots, order=1, mode="nearest") for axis in displacement]
    return np.asarray(places + np.stack(moves, 1), np.float32)


def _to_box(tissues: Tissues, name: str) -> np.ndarray:
    """``(4, 4)``: the map's mm to the template's, by turning, moving and scaling alone."""
    from pcgm_bench.cohort.registration import TEMPLATE_CENTRE  # SimpleITK takes half a second to import
    from pcgm_bench.cohort.registration import TEMPLATE_SCALE
    from pcgm_bench.cohort.registration import register

    picture = (
        0.2 * (tissues.fluid | tissues.ventricles)
        + 0.66 * tissues.cortex
        + 0.8 * (tissues.deep | tissues.below)
        + 1.0 * tissues.white
    ).astype(np.float32)
    picture, affine = cropped(picture, tissues.affine)
    found = register(picture, affine, name).matrix
    left, stretch, right = np.linalg.svd(found[:3, :3])
    centre = affine @ [*ndi.center_of_mass(picture), 1.0]
    there = np.array(TEMPLATE_CENTRE) + ((found @ centre)[:3] - TEMPLATE_CENTRE) / TEMPLATE_SCALE
    out = np.eye(4)
    out[:3, :3] = left @ right * np.prod(stretch) ** (1 / 3) / TEMPLATE_SCALE
    out[:3, 3] = there - out[:3, :3] @ centre[:3]
    return out


def _boxed(tissues: Tissues, to_box: np.ndarray) -> Masks:
    """The tissues on the template's box, 1 mm apart."""
    lattice = np.eye(4)
    lattice[:3, 3] = CORNER + 0.5
    back = np.linalg.inv(tissues.affine) @ np.linalg.inv(to_box) @ lattice

    def there(mask: np.ndarray) -> np.ndarray:
        return ndi.affine_transform(mask.astype(np.float32), back, output_shape=SHAPE, order=1) > 0.5

    below, ventricle, deep = there(tissues.below), there(tissues.ventricles), there(tissues.deep)
    hull, white, cortex = there(tissues.hull), there(tissues.white), there(tissues.cortex)
    hull[:, :, : round(LOWEST_MM - CORNER[2])] = False
    parcel = ndi.affine_transform(tissues.parcel, back, output_shape=SHAPE, order=0)
    tissue = (white | cortex | deep | below) & hull & ~ventricle
    return Masks(
        hull=hull,
        tissue=tissue,
        white=(white | deep) & tissue,
        deep=deep & ~ventricle,
        below=below,
        ventricle=ventricle,
        parcel=np.where(cortex, parcel, 0).astype(np.int16),
        texture=np.zeros(SHAPE, np.float32),
    )


def _carried_over(masks: Masks, built_in: Template, velocity: np.ndarray) -> Masks:
    """The same with the built-in template's T1 detail, and its parcels where the map has none."""
    voxels = np.argwhere(masks.hull)
    there = built_in_places(voxels + CORNER + 0.5, velocity)
    at = tuple(np.clip(np.floor(there - CORNER).astype(int), 0, np.array(SHAPE) - 1).T)
    texture = np.zeros(SHAPE, np.float32)
    texture[tuple(voxels.T)] = built_in.fields[FIELDS.index("texture")][at]
    masks = replace(masks, texture=texture)
    if masks.parcel.any():
        return masks
    parcel = np.zeros(SHAPE, np.int16)
    parcel[tuple(voxels.T)] = nearest_parcel(built_in.parcel[0])[at]
    cortex = masks.tissue & ~masks.white & ~masks.below & ~masks.deep
    return replace(masks, parcel=np.where(cortex, parcel, 0).astype(np.int16))
