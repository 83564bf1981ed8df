"""The exponential of a stationary velocity field: a smooth deformation that never folds, and reading images under one.

Arsigny et al. 2006, doi 10.1007/11866565_113; MONAI's ``DVF2DDF`` (scaling and squaring) and ``Warp`` with the border
repeated. All fields are in voxels of their own grid.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor


def exponential(velocity: Tensor, squarings: int) -> Tensor:
    """Displacement after unit time along ``velocity``; differentiable.

    Args:
        velocity: ``(B, 3, X, Y, Z)`` in voxels a unit of time.
        squarings: the field is cut into ``2 ** squarings`` moves.

    Returns:
        ``(B, 3, X, Y, Z)`` in voxels: what stands at ``x + displacement(x)`` is brought to ``x``.
    """
    with _without_its_warning():
        from monai.networks.blocks import DVF2DDF  # importing MONAI's blocks takes seconds

        integrate = DVF2DDF(num_steps=squarings, mode="bilinear", padding_mode="border")
        out: Tensor = integrate(velocity)
    return out


def read_at(images: Tensor, displacement: Tensor) -> Tensor:
    """Images ``(B, C, X, Y, Z)`` by linear interpolation at ``x + displacement(x)``; the same shape, differentiable."""
    with _without_its_warning():
        from monai.networks.blocks import Warp

        out: Tensor = Warp(mode="bilinear", padding_mode="border")(images, displacement)
    return out


@contextmanager
def _without_its_warning() -> Iterator[None]:
    """MONAI says of every ``Warp`` that its compiled extension is not there; nobody here needs it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*native grid_sample")
        yield
