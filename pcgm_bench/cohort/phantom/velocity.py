"""The phantom's velocity fields: on coarse knots, in millimetres."""

from __future__ import annotations

from torch import Tensor

from pcgm_bench.cohort.velocity_field import exponential

KNOT_MM = 6.0
"""Distance of a velocity's knots; the template's box is 28 x 32 x 28 of them."""
SQUARINGS = 7
"""Shapes of heads move by up to several knots: 128 moves."""


def displacement_of(velocity: Tensor) -> Tensor:
    """Displacement (mm) after unit time along ``velocity`` ``(B, 3, X, Y, Z)``, mm, on knots `KNOT_MM` apart."""
    return exponential(velocity / KNOT_MM, SQUARINGS) * KNOT_MM
