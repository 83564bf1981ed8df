"""From the masks of one brain to the smooth fields that any phantom person is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi

from pcgm_bench.anatomy import DK_NUMBERS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import LOBE_OF
from pcgm_bench.cohort.phantom.ventricle_opening import opening_of

CORNER = np.array([-84.0, -113.0, -79.0])
"""Lower corner (mm, MNI) of the 168 x 192 x 168 mm box on which the fields are stored, 1 mm apart."""
SHAPE = (168, 192, 168)
CORTEX_REACH_MM = 5.0
LOBE_BLUR_MM = 4.0

FIELDS = ("pial", "white", "deep", "below", "texture", "hull", "ventricle", *(f"lobe-{name}" for name in LOBE_NAMES))


@dataclass(frozen=True, eq=False)
class Template:
    """Fields on the 1 mm box, float32 unless said.

    Attributes:
        hull: ``(1, X, Y, Z)`` signed distance (mm, inside positive) to the outside of the brain.
        ventricle: ``(1, X, Y, Z)`` signed distance to the ventricles' surface.
        opening: displacements (mm) that open and close the ventricles, see `ventricle_opening.opening_of`.
        fields: ``(13, X, Y, Z)``, channels `FIELDS`: signed distances (mm, inside positive) to the pial, the white and
            the deep grey surface; 1 below the tentorium (cerebellum, brain stem) and 0 above; T1 detail around
            the tissue means, in steps from cortex to white matter; ``hull`` and ``ventricle`` once more; lobe
            membership, blurred, adding up to one in cortex.
        parcel: ``(1, X, Y, Z)`` float32 Desikan-Killiany label of the nearest cortex, 0 where none is within reach.
        volume: mL inside the hull.
        is_average: whether it is the average of many people, and not one person.
    """

    hull: np.ndarray
    ventricle: np.ndarray
    opening: np.ndarray
    fields: np.ndarray
    parcel: np.ndarray
    volume: float
    is_average: bool = True


@dataclass(frozen=True, eq=False)
class Masks:
    """One brain on the box, bool ``(X, Y, Z)`` unless said.

    Attributes:
        hull: the brain with its fluid.
        tissue: everything inside the pial surface, ventricles left out.
        white: inside the white surface.
        deep: deep grey matter.
        below: cerebellum and brain stem.
        ventricle: lateral and third ventricles.
        parcel: Desikan-Killiany label (1001 ... 2035) in cortex, 0 elsewhere.
        texture: float32, T1 detail around the tissue means, in steps from cortex to white matter.
    """

    hull: np.ndarray
    tissue: np.ndarray
    white: np.ndarray
    deep: np.ndarray
    below: np.ndarray
    ventricle: np.ndarray
    parcel: np.ndarray
    texture: np.ndarray


def lobe_of_label(labels: np.ndarray) -> np.ndarray:
    """Index into `LOBE_NAMES` of Desikan-Killiany labels (1001 ... 2035); -1 for other labels."""
    table = np.full(1000, -1, np.int8)
    for region, number in DK_NUMBERS.items():
        table[number] = LOBE_NAMES.index(LOBE_OF[region])
    return np.where(labels > 1000, table[labels % 1000], -1)


def signed_distance(mask: np.ndarray, blur: float = 0.7) -> np.ndarray:
    """Distance (mm) to the mask's surface, positive inside, smoothed over the staircase of voxels."""
    inside = ndi.distance_transform_edt(mask)
    outside = ndi.distance_transform_edt(~mask)
    distance = np.where(mask, inside - 0.5, 0.5 - outside)
    return ndi.gaussian_filter(distance, blur).astype(np.float32)


def template_of(masks: Masks, insula_deeper_mm: float = 0.0, *, is_average: bool = True) -> Template:
    """The fields of one brain.

    Args:
        masks: on the box.
        insula_deeper_mm: moves the insula's white surface inwards.
        is_average: as in `Template`.
    """
    distance, nearest = ndi.distance_transform_edt(masks.parcel == 0, return_indices=True)
    reach = (distance <= CORTEX_REACH_MM) & ~masks.below
    parcel = np.where(reach, masks.parcel[tuple(nearest)], 0).astype(np.int16)
    lobe = lobe_of_label(parcel)
    lobes = np.stack([ndi.gaussian_filter((lobe == k).astype(np.float32), LOBE_BLUR_MM) for k in range(6)])
    lobes /= np.maximum(lobes.sum(0), 0.3)
    surface, outside = signed_distance(masks.ventricle), signed_distance(masks.hull)
    fields = [
        signed_distance(masks.tissue),
        signed_distance(masks.white) - insula_deeper_mm * lobes[LOBE_NAMES.index("insula")],
        signed_distance(masks.deep),
        ndi.gaussian_filter(masks.below.astype(np.float32), 1.0),
        masks.texture,
        outside,
        surface,
        *lobes,
    ]
    return Template(
        hull=outside[None],
        ventricle=surface[None],
        opening=opening_of(signed_distance(masks.ventricle, 2.5)),
        fields=np.stack(fields).astype(np.float32),
        parcel=parcel[None].astype(np.float32),
        volume=float((outside > 0).sum() / 1000),
        is_average=is_average,
    )
