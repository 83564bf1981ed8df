"""One person's shape: warp the template until head size and ventricles are the planned ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from scipy import ndimage as ndi
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.grid import Grid
from pcgm_bench.cohort.phantom.template import CORNER
from pcgm_bench.cohort.phantom.template import FIELDS
from pcgm_bench.cohort.phantom.template import SHAPE
from pcgm_bench.cohort.phantom.template import Template
from pcgm_bench.cohort.phantom.template import lobe_of_label
from pcgm_bench.contracts import UserError

OVERSAMPLING = 2
"""Points per voxel and axis at which occupancies are evaluated before averaging."""
KNOT_MM = 12.0
CENTRE = np.array([0.0, -17.0, 5.0], np.float32)
WARP_MM = (2.2, 0.8)
"""s.d. (mm) of the coarse and the fine displacement."""
SHARES = ((1.0, 1.0), (0.5, 1.0), (0.0, 1.0), (0.0, 0.5), (0.0, 0.0))
"""Shares of the seed's pose (rotation, stretch) and random warp, tried in turn until a large head fits the grid."""


@dataclass(frozen=True)
class Points:
    """Template fields at the points inside one warped brain; ``voxel`` is each point's grid voxel (flat index).

    ``where`` is each point's place in the template, mm ``(N, 3)``.
    """

    voxel: np.ndarray
    where: np.ndarray
    millilitres: float
    fields: dict[str, np.ndarray]
    lobes: np.ndarray
    lobe: np.ndarray
    parcel: np.ndarray


def displacement(seed: int, shape: tuple[int, ...], strength: float = 1.0) -> np.ndarray:
    """Smooth random displacement (mm) on knots 12 mm apart over the box: ``(3, *knots)``, two scales."""
    rng = np.random.default_rng([seed, 11])
    out = np.zeros((3, *shape))
    for sd, blur in zip(WARP_MM, (1.3, 0.6), strict=True):
        noise = ndi.gaussian_filter(rng.standard_normal((3, *(n + 6 for n in shape))), (0, blur, blur, blur))
        noise = noise[:, 3:-3, 3:-3, 3:-3]
        out += sd * strength * np.clip(noise / noise.std(), -2.5, 2.5)
    return out


def _places(millimetres: np.ndarray, shape: tuple[int, ...], spacing: float = 1.0) -> torch.Tensor:
    """Points ``(N, 3)`` in mm as `_at` wants them, in a field of ``shape`` whose voxels are ``spacing`` mm apart."""
    unit = 2 * (millimetres - CORNER)
    unit /= np.array(shape) * spacing
    unit -= 1
    reverse = np.empty(unit.shape, np.float32)
    reverse[:, ::-1] = unit
    return torch.from_numpy(reverse)[None, :, None, None]


def _at(field: np.ndarray, places: torch.Tensor, mode: str = "bilinear") -> np.ndarray:
    """Field(s) ``(C, X, Y, Z)`` float32 of the box at points from `_places`: ``(C, N)``."""
    out = torch.nn.functional.grid_sample(torch.from_numpy(field)[None], places, mode, "border", align_corners=False)
    return out[0, :, :, 0, 0].numpy()


def _sample(field: np.ndarray, millimetres: np.ndarray) -> np.ndarray:
    """Field(s) ``(C, X, Y, Z)`` of the box at points ``(N, 3)`` in mm: ``(C, N)``."""
    return _at(field, _places(millimetres, field.shape[1:]))


def _voxel_points(grid: Grid, voxels: np.ndarray, per_axis: int) -> np.ndarray:
    """Positions (mm) of ``per_axis**3`` points in each voxel ``(N, 3)``, voxel by voxel: ``(N per_axis**3, 3)``."""
    offset = (np.arange(per_axis) + 0.5) / per_axis - 0.5
    inside = np.stack(np.meshgrid(offset, offset, offset, indexing="ij"), -1).reshape(-1, 3)
    points = (voxels[:, None, :] + inside[None]).reshape(-1, 3)
    return (points * np.diag(grid.affine)[:3] + grid.affine[:3, 3]).astype(np.float32)


class Warp:
    """Where in the template a point of the person lies, before the ventricles open: rotation, stretch, random warp.

    ``pose`` multiplies rotation and stretch.
    """

    def __init__(self, seed: int, strength: float, pose: float = 1.0) -> None:
        rng = np.random.default_rng([seed, 5])
        angles = pose * np.clip(rng.normal(0, 1.5, 3), -3, 3)
        stretch = np.exp(pose * np.clip(rng.normal(0, 0.025, 3), -0.05, 0.05))
        stretch /= np.prod(stretch) ** (1 / 3)
        self.linear = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() / stretch
        knots = tuple(int(np.ceil(n / KNOT_MM)) + 1 for n in SHAPE)
        # Cubic interpolation to 3 mm, an axis at a time: a matrix product each.
        x, y, z = (ndi.zoom(np.eye(n), (4, 1), order=3, grid_mode=True, mode="nearest") for n in knots)
        field = np.einsum("ai,bj,ck,dijk->dabc", x, y, z, displacement(seed, knots, strength), optimize=True)
        # The three components together in memory, for `_at`.
        self.field = np.moveaxis(np.ascontiguousarray(np.moveaxis(field, 0, -1), np.float32), -1, 0)

    def __call__(self, positions: np.ndarray, scale: float) -> np.ndarray:
        """Template positions (mm) of the points ``(N, 3)`` of a head ``scale`` times the template's."""
        # Not a BLAS call: its threads cost more than this product, and fight those of a second process.
        out = np.einsum("nk,kj->nj", positions - CENTRE, (self.linear / scale).astype(np.float32)) + CENTRE
        return out + _at(self.field, _places(positions, self.field.shape[1:], KNOT_MM / 4)).T


def place(template: Template, grid: Grid, seed: int, icv: float, ventricles: float, strength: float) -> Points:
    """Warp a person into place: head size exact, ventricles opened to near their volume.

    A large head that would touch the border lies straighter, and is stretched and bent less, than its seed says.

    Raises:
        UserError: the head does not fit the grid however it is shaped.
    """
    voxels = np.argwhere(np.ones(grid.shape, bool)).astype(np.float32)
    voxel_ml = float(np.prod(np.diag(grid.affine)[:3])) / 1000
    centres = _voxel_points(grid, voxels, 1)
    for pose, bend in SHARES:
        warp = Warp(seed, bend * strength, pose)
        scale = (icv / template.volume) ** (1 / 3)
        for _ in range(3):
            hull = _sample(template.hull, warp(centres, scale))[0]
            scale *= (icv / (np.clip(hull / grid.affine[0, 0] + 0.5, 0, 1).sum() * voxel_ml)) ** (1 / 3)
        inner = voxels[hull > 0]
        if (inner.min(0) >= 1).all() and (inner.max(0) <= np.array(grid.shape) - 2).all():
            break
    else:
        msg = f"a head of {icv:.0f} mL does not fit the {grid.name} grid"
        raise UserError(msg)
    near = np.flatnonzero(hull > -1.5 * grid.affine[0, 0])
    where = warp(_voxel_points(grid, voxels[near], OVERSAMPLING), scale)
    point_ml = voxel_ml / OVERSAMPLING**3
    where = _open_ventricles(template, where, point_ml, ventricles)
    places = _places(where, SHAPE)
    values = _at(template.fields, places)
    parcel = _at(template.parcel, places, "nearest")[0].astype(np.int16)
    fields, lobes = dict(zip(FIELDS[: -len(LOBE_NAMES)], values, strict=False)), values[-len(LOBE_NAMES) :]
    return Points(near.repeat(OVERSAMPLING**3), where, point_ml, fields, lobes, lobe_of_label(parcel), parcel)


def _open_ventricles(template: Template, where: np.ndarray, point_ml: float, target: float) -> np.ndarray:
    """Push tissue away from the ventricles by s * outward, s by bisection on the points near them."""
    close = _sample(template.ventricle, where)[0] > -16
    inner = where[close]
    direction = _sample(template.outward, inner).T

    @cache
    def volume(s: float) -> float:
        return float(np.clip(_sample(template.ventricle, inner - s * direction)[0] + 0.5, 0, 1).sum()) * point_ml

    low, high = -3.0, 9.0
    s = high if volume(high) < target else low if volume(low) > target else float(
        brentq(lambda s: volume(s) - target, low, high, xtol=0.1)
    )  # fmt: skip
    out = where.copy()
    out[close] = inner - s * direction
    return out
