"""Masks of one brain from a label map with FreeSurfer's numbers: aparc+aseg, or aseg without parcels (SynthSeg)."""

from __future__ import annotations

from dataclasses import dataclass

import nibabel as nib
import numpy as np
from scipy import ndimage as ndi

from pcgm_bench.contracts import UserError

WHITE = (2, 41, 77, 85, 251, 252, 253, 254, 255)
"""White matter, its lesions, optic chiasm, corpus callosum."""
CORTEX = (3, 42)
DEEP = (9, 10, 11, 12, 13, 17, 18, 26, 27, 28, 48, 49, 50, 51, 52, 53, 54, 58, 59, 60)
"""Thalamus, caudate, putamen, pallidum, hippocampus, amygdala, accumbens, ventral diencephalon."""
BELOW = (7, 8, 46, 47, 16, 170, 171, 172, 173, 174, 175, 178)
VENTRICLES = (4, 5, 14, 31, 43, 44, 63, 72, 136, 137, 163, 164)
"""Lateral with their temporal horns and choroid plexus, third, and the space between them. In SynthSeg's training maps
3 to 6 mL inside the lateral ventricles (136, 163) and the temporal horns (137, 164) are choroid plexus, and part of
the ventricles as FreeSurfer's own plexus (31, 63) is."""
FLUID = (15, 24, 80, 257)
VESSELS = (25, 30, 57, 62)
"""Lesions and vessels: counted as white matter, in which they lie."""
LEAST_ML = {"white matter": 150.0, "cortex": 200.0, "ventricles": 1.0}


@dataclass(frozen=True, eq=False)
class Tissues:
    """One brain on the map's own voxels, turned to RAS+; bool ``(X, Y, Z)`` unless said.

    Attributes:
        affine: ``(4, 4)``, voxel indices to mm.
        white, cortex, deep, below, ventricles, fluid: by label, inside the hull.
        parcel: int16 Desikan-Killiany label of cortex; 0 elsewhere, and everywhere where the map has no parcels.
        hull: the brain with its fluid, holes filled, in one piece, the spinal canal left out.
    """

    affine: np.ndarray
    white: np.ndarray
    cortex: np.ndarray
    deep: np.ndarray
    below: np.ndarray
    ventricles: np.ndarray
    fluid: np.ndarray
    parcel: np.ndarray
    hull: np.ndarray


def tissues_of(image: nib.spatialimages.SpatialImage, name: str) -> Tissues:
    """The tissues of a label map.

    Args:
        image: whole numbers, FreeSurfer's.
        name: of the file, for errors.

    Raises:
        UserError: values that are not labels, or a map without white matter, cortex or ventricles.
    """
    turned = nib.as_closest_canonical(image)
    values = np.asanyarray(turned.dataobj).squeeze()
    labels = np.round(values).astype(np.int32)
    if values.ndim != 3 or np.abs(values - labels).max() > 0.05:
        raise UserError(f"{name}: not a label map: it needs three axes and whole numbers (FreeSurfer's labels)")
    parcel = np.where(((labels > 1000) & (labels < 1036)) | ((labels > 2000) & (labels < 2036)), labels, 0)
    every = (parcel > 0) | np.isin(labels, WHITE + VESSELS + CORTEX + DEEP + BELOW + VENTRICLES + FLUID)
    hull = _hull(every, turned.affine)
    tissues = Tissues(
        affine=turned.affine,
        white=np.isin(labels, WHITE + VESSELS) & hull,
        cortex=(np.isin(labels, CORTEX) | (parcel > 0)) & hull,
        deep=np.isin(labels, DEEP) & hull,
        below=np.isin(labels, BELOW) & hull,
        ventricles=np.isin(labels, VENTRICLES) & hull,
        fluid=np.isin(labels, FLUID) & hull,
        parcel=(parcel * hull).astype(np.int16),
        hull=hull,
    )
    millilitres = abs(float(np.linalg.det(turned.affine[:3, :3]))) / 1000
    for what, mask in (
        ("white matter", tissues.white), ("cortex", tissues.cortex), ("ventricles", tissues.ventricles)
    ):  # fmt: skip
        if mask.sum() * millilitres < LEAST_ML[what]:
            found = mask.sum() * millilitres
            raise UserError(
                f"{name}: {found:.0f} mL of {what}: a phantom needs a whole brain with FreeSurfer's labels "
                "(2 and 41 white matter, 3 and 42 or 1001 to 2035 cortex, 4 and 43 ventricles)"
            )
    return tissues


def _hull(every: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """The largest piece of what is labelled, without specks and without what is thinner than 8 mm."""
    steps = max(1, round(4.0 / float(np.linalg.norm(affine[:3, :3], axis=0).mean())))
    filled = ndi.binary_fill_holes(ndi.binary_closing(every, iterations=2))
    pieces, count = ndi.label(ndi.binary_opening(filled, iterations=steps))
    if count == 0:
        return np.zeros(every.shape, bool)
    return np.asarray(pieces == 1 + int(np.bincount(pieces.ravel())[1:].argmax()))
