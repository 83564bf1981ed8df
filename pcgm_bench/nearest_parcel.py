"""The cortical parcel that lies nearest to each voxel of a label map."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from pcgm_bench.anatomy import PARCELS


def nearest_parcel(labels: np.ndarray) -> np.ndarray:
    """FreeSurfer label of the nearest parcel ``(X, Y, Z)``; all 0 where the map names no parcel.

    Any number type; the result has the map's.
    """
    cortex = np.isin(labels, list(PARCELS.values()))
    if not cortex.any():
        return np.zeros_like(labels)
    nearest = ndi.distance_transform_edt(~cortex, return_distances=False, return_indices=True)
    return np.asarray(labels[tuple(nearest)])
