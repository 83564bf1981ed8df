"""One person's shape: warp the template until head size and ventricles are the planned ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from scipy import ndimage as ndi
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.grid import Grid
from pcgm_bench.cohort.phantom import ventricle_opening
from pcgm_bench.cohort.phantom.shape_model import FURTHEST
from pcgm_bench.cohort.phantom.shape_model import load_shape_model
from pcgm_bench.cohort.phantom.template_fields import CORNER
from pcgm_bench.cohort.phantom.template_fields import FIELDS
from pcgm_bench.cohort.phantom.template_fields import SHAPE
from pcgm_bench.cohort.phantom.template_fields import Template
from pcgm_bench.cohort.phantom.template_fields import lobe_of_label
from pcgm_bench.cohort.phantom.velocity import KNOT_MM
from pcgm_bench.cohort.phantom.velocity import displacement_of
from pcgm_bench.contracts import UserError

OVERSAMPLING = 2
"""Points per voxel and axis at which occupancies are evaluated before averaging."""
CENTRE = np.array([0.0, -17.0, 5.0], np.float32)
KNOTS = tuple(round(n / KNOT_MM) for n in SHAPE)
DETAIL_MM, DETAIL_BLUR = (1.0, 0.8), (2.6, 1.2)
"""s.d. (mm) and blur (knots) of what the modes of the shape model do not hold: a coarse and a fine random warp."""
OWN_SHARE = 0.5
"""A template that is one person's has that person's shape already: it is bent by this share of the modes."""
SHARES = ((1.0, 1.0), (0.5, 1.0), (0.0, 1.0), (0.0, 0.5), (0.0, 0.0))
"""Shares of the seed's rotation and shape, tried in turn until a large head fits the grid."""


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


@dataclass(frozen=True)
class Shape:
    """What a person's shape follows from.

    Attributes:
        seed: of the person.
        wanted: as in `ShapeModel.draw`; None: any shape.
        strength: multiplies what is drawn.
    """

    seed: int
    wanted: Mapping[str, float] | None = None
    strength: float = 1.0

    def velocity(self, *, is_average: bool) -> np.ndarray:
        """Velocity (mm) on `KNOTS`: ``(3, *KNOTS)`` float32.

        ``is_average``: whether the template is the average brain, and not one person's.
        """
        model = load_shape_model()
        rng = np.random.default_rng([self.seed, 12])
        scores = rng.standard_normal(len(model.modes)) if self.wanted is None else model.draw(rng, self.wanted)
        modes = np.tensordot(self.strength * np.clip(scores, -FURTHEST, FURTHEST), model.modes, 1)
        shape = model.mean + modes if is_average else OWN_SHARE * modes
        return (shape + self.strength * _detail(self.seed)).astype(np.float32)


def _detail(seed: int) -> np.ndarray:
    """Smooth random velocity (mm) on `KNOTS`, at two scales."""
    rng = np.random.default_rng([seed, 11])
    out = np.zeros((3, *KNOTS))
    for sd, blur in zip(DETAIL_MM, DETAIL_BLUR, strict=True):
        noise = ndi.gaussian_filter(rng.standard_normal((3, *(n + 12 for n in KNOTS))), (0, blur, blur, blur))
        noise = noise[:, 6:-6, 6:-6, 6:-6]
        out += sd * np.clip(noise / noise.std(), -2.5, 2.5)
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


NEAR_VENTRICLES_MM = 36.0
"""Points further than this from the ventricles are not moved by their opening."""


class Warp:
    """Where in the template a point of the person lies, before the ventricles open: rotation, then shape."""

    def __init__(self, seed: int, velocity: np.ndarray, pose: float = 1.0) -> None:
        """``velocity`` from `Shape`; ``pose`` multiplies the rotation."""
        angles = pose * np.clip(np.random.default_rng([seed, 5]).normal(0, 1.5, 3), -3, 3)
        self.linear = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
        field = displacement_of(torch.from_numpy(velocity)[None])[0].numpy()
        # The three components together in memory, for `_at`.
        self.field = np.moveaxis(np.ascontiguousarray(np.moveaxis(field, 0, -1), np.float32), -1, 0)

    def __call__(self, positions: np.ndarray, scale: float) -> np.ndarray:
        """Template positions (mm) of the points ``(N, 3)`` of a head ``scale`` times the template's."""
        # Not a BLAS call: its threads cost more than this product, and fight those of a second process.
        out = np.einsum("nk,kj->nj", positions - CENTRE, (self.linear / scale).astype(np.float32)) + CENTRE
        return out + _at(self.field, _places(out, KNOTS, KNOT_MM)).T


def place(template: Template, grid: Grid, shape: Shape, icv: float, ventricles: float) -> Points:
    """Warp a person into place: head size exact, ventricles opened to near their volume.

    A large head that would touch the border lies straighter, and is stretched and bent less, than its seed says.

    Raises:
        UserError: the head does not fit the grid however it is shaped.
    """
    voxels = np.argwhere(np.ones(grid.shape, bool)).astype(np.float32)
    voxel_ml = float(np.prod(np.diag(grid.affine)[:3])) / 1000
    centres = _voxel_points(grid, voxels, 1)
    velocity = shape.velocity(is_average=template.is_average)
    for pose, bend in SHARES:
        warp = Warp(shape.seed, bend * velocity, pose)
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
    """Push tissue away from the ventricles until they hold ``target`` mL, or as far as `ventricle_opening` goes."""
    close = _sample(template.ventricle, where)[0] > -NEAR_VENTRICLES_MM
    inner = where[close]
    places = _places(inner, template.opening.shape[2:], ventricle_opening.SPACING_MM)

    @cache
    def opened(amount: float) -> np.ndarray:
        return inner + _at(ventricle_opening.displacement(template.opening, amount), places).T

    def excess(amount: float) -> float:
        distance = _sample(template.ventricle, opened(amount))[0]
        return float(np.clip(distance + 0.5, 0, 1).sum()) * point_ml - target

    low, high = float(ventricle_opening.LEVELS[0]), float(ventricle_opening.LEVELS[-1])
    amount = high if excess(high) < 0 else low if excess(low) > 0 else float(brentq(excess, low, high, xtol=0.02))
    out = where.copy()
    out[close] = opened(amount)
    return out
