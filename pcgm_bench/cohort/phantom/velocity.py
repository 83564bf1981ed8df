"""Smooth invertible maps: the exponential of a stationary velocity field (Arsigny et al. 2006).

doi 10.1007/11866565_113; by scaling and squaring, which MONAI's ``DVF2DDF`` does.
"""

from __future__ import annotations

import warnings

from torch import Tensor

KNOT_MM = 6.0
"""Distance of a velocity's knots; the template's box is 28 x 32 x 28 of them."""


def displacement_of(velocity: Tensor) -> Tensor:
    """Displacement (mm) after unit time along ``velocity`` ``(B, 3, X, Y, Z)``, mm, on knots `KNOT_MM` apart."""
    with warnings.catch_warnings():  # MONAI says at every call that it has no compiled extension here
        warnings.filterwarnings("ignore", message="monai.networks.blocks.Warp")
        from monai.networks.blocks import DVF2DDF  # importing MONAI's blocks takes seconds

        integrate = DVF2DDF(padding_mode="border")
    out: Tensor = integrate(velocity / KNOT_MM) * KNOT_MM
    return out
