"""What MGD's networks are told about a scan besides its voxels."""

from __future__ import annotations

import numpy as np

from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.mgd.controlnet import control_mask


def mask_of(scan: Scan) -> np.ndarray:
    """The ControlNet's channels ``(8, X, Y, Z)`` of a segmented scan.

    Raises:
        UserError: the scan has not been segmented.
    """
    if scan.segmentation is None:
        msg = f"{scan.key}: pcgm needs the scan's segmentation: segment it first"
        raise UserError(msg)
    return control_mask(scan.segmentation.fractions)
