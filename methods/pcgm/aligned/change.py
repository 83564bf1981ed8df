"""What the networks of `pcgm-aligned` are told: the new mask, and by how much it differs from the old one.

From the new mask alone a network cannot tell a change that is asked for from an error of the segmenter, which is
several times larger in a voxel: it learns to follow the mask by a part (regression dilution). The difference of two
masks that come from one segmentation has no such error.
"""

from __future__ import annotations

import numpy as np

GAIN = 8.0
"""A disease of 5 % changes a voxel's shares by some .03; networks start best on inputs near one."""


def told(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """The ControlNet's channels ``(16, X, Y, Z)``: the new mask, and `GAIN` times its difference to the old one.

    Args:
        old: factual `pcgm_bench.methods.pcgm.mgd.controlnet.control_mask`, ``(8, X, Y, Z)``.
        new: counterfactual one.
    """
    return np.concatenate([new, GAIN * (new - old)]).astype(np.float32)
