"""Whether a label map lies as its affine says: left is left, the front is the front, the cerebellum is below."""

from __future__ import annotations

import numpy as np

from pcgm_bench.anatomy import LOBES
from pcgm_bench.anatomy import PARCELS
from pcgm_bench.segmenters.external.label_numbers import tissue_numbers


def turned_fault(labels: np.ndarray) -> str:
    """What lies on the wrong side; empty if nothing does.

    A map whose voxels were flipped while its affine stayed has the right volumes under the wrong names.

    Args:
        labels: ``(X, Y, Z)`` int16 FreeSurfer's numbers, axes in RAS+ order by the affine.
    """
    left, right = ({number for name, number in PARCELS.items() if name.startswith(side)} for side in ("lh", "rh"))
    front, back = (
        {PARCELS[f"{side}-{region}"] for side in ("lh", "rh") for region in LOBES[lobe]}
        for lobe in ("frontal", "occipital")
    )
    below = set(tissue_numbers()["cerebellum_brainstem"])
    centres = [_centre(labels, numbers) for numbers in (left, right, back, front, below, left | right)]
    if not centres[0][0] < centres[1][0]:
        return "left cortex lies right of right cortex"
    if not centres[2][1] < centres[3][1]:
        return "the occipital lobe lies in front of the frontal lobe"
    if not np.isnan(centres[4]).any() and not centres[4][2] < centres[5][2]:
        return "cerebellum and brainstem lie above the cortex"
    return ""


def _centre(labels: np.ndarray, numbers: set[int]) -> np.ndarray:
    """Mean voxel index ``(3,)`` of some labels; NaN where there are none."""
    table = np.zeros(int(labels.max()) + 1, bool)
    table[[number for number in numbers if number < table.size]] = True
    where = np.nonzero(table[labels])
    return np.array([axis.mean() if axis.size else np.nan for axis in where])
