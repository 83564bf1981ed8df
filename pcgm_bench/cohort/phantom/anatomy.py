"""One person's anatomy: warp the template, then move surfaces until every volume is the planned one.

The recipe of thinning is a shift of the pial surface by ``delta_k`` per lobe (and, for the ``mixed`` mechanism, of the
white surface for 30 % of the loss), as soft occupancies, so that volumes are exact at any voxel size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage as ndi
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import TISSUE_LABELS
from pcgm_bench.anatomy import TISSUES
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
THICKEST_MM = 4.0
"""Furthest (mm) that cortex may grow beyond the template's pial surface."""
WHITE_SHARE = 0.3
"""Share of a ``mixed`` loss that is taken by the white surface."""


@dataclass(frozen=True)
class Anatomy:
    """A person on a grid.

    Attributes:
        fractions: ``(12, X, Y, Z)`` float32, channels of `pcgm_bench.anatomy.CHANNELS`.
        labels: int16 FreeSurfer labels.
        parcels: mL by Desikan-Killiany label.
        texture: ``(X, Y, Z)`` intensity detail, units of white matter.
        volumes: mL of every channel but the background, from the fractions.
        shifts: the pial shift (mm, positive inwards) of each lobe.
    """

    fractions: np.ndarray
    labels: np.ndarray
    parcels: dict[int, float]
    texture: np.ndarray
    volumes: dict[str, float]
    shifts: dict[str, float]


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


def _sample(field: np.ndarray, millimetres: np.ndarray, mode: str = "bilinear", spacing: float = 1.0) -> np.ndarray:
    """Field(s) ``(C, X, Y, Z)`` of the box, ``spacing`` mm apart, at points ``(N, 3)`` in mm: ``(C, N)``."""
    size = np.array(field.shape[1:]) * spacing
    unit = 2 * (millimetres - CORNER) / size - 1
    grid = torch.from_numpy(unit[:, ::-1].astype(np.float32).copy())[None, :, None, None]
    volume = torch.from_numpy(np.ascontiguousarray(field, np.float32))[None]
    out = torch.nn.functional.grid_sample(volume, grid, mode, "border", align_corners=False)
    return out[0, :, :, 0, 0].numpy()


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
        self.field = field.astype(np.float32)

    def __call__(self, positions: np.ndarray, scale: float) -> np.ndarray:
        """Template positions (mm) of the points ``(N, 3)`` of a head ``scale`` times the template's."""
        # Not a BLAS call: its threads cost more than this product, and fight those of a second process.
        out = np.einsum("nk,kj->nj", positions - CENTRE, (self.linear / scale).astype(np.float32)) + CENTRE
        return out + _sample(self.field, positions, spacing=KNOT_MM / 4).T


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
    values = _sample(template.fields, where)
    fields = dict(zip(FIELDS[:5], values[:5], strict=True))
    fields["hull"] = _sample(template.hull, where)[0]
    fields["ventricle"] = _sample(template.ventricle[:1], where)[0]
    parcel = _sample(template.parcel, where, "nearest")[0].astype(np.int16)
    return Points(near.repeat(OVERSAMPLING**3), where, point_ml, fields, values[5:], lobe_of_label(parcel), parcel)


def _open_ventricles(template: Template, where: np.ndarray, point_ml: float, target: float) -> np.ndarray:
    """Push tissue away from the ventricles by s * outward, s by bisection on the points near them."""
    close = _sample(template.ventricle[:1], where)[0] > -16
    inner = where[close]
    direction = _sample(template.ventricle[1:], inner).T

    def volume(s: float) -> float:
        return float(np.clip(_sample(template.ventricle[:1], inner - s * direction)[0] + 0.5, 0, 1).sum()) * point_ml

    low, high = -3.0, 9.0
    s = high if volume(high) < target else low if volume(low) > target else float(
        brentq(lambda v: volume(v) - target, low, high, xtol=0.1)
    )  # fmt: skip
    out = where.copy()
    out[close] = inner - s * direction
    return out


class Surfaces:
    """Occupancies of the tissues at the points, as functions of how far each surface is moved."""

    def __init__(self, points: Points, width: float) -> None:
        self.points = points
        self.width = width
        fields = points.fields
        cerebrum = 1 - np.clip(fields["below"], 0, 1)
        self.hull = self._inside(fields["hull"])
        self.cerebrum = cerebrum
        self.cortical = (points.lobe >= 0) & (fields["pial"] > -THICKEST_MM) & (cerebrum > 0)
        self.deep = self._inside(fields["deep"]) * cerebrum

    def _inside(self, distance: np.ndarray) -> np.ndarray:
        return np.clip(distance / self.width + 0.5, 0, 1)

    def set_ventricles(self, target: float) -> None:
        """Shift the ventricles' surface until they hold ``target`` mL."""
        distance = self.points.fields["ventricle"]
        near = distance > -6
        room = (self.hull * self.cerebrum)[near]

        def excess(shift: float) -> float:
            return float((self._inside(distance[near] + shift) * room).sum()) * self.points.millilitres - target

        shift = brentq(excess, -5.0, 5.0, xtol=1e-5) if excess(-5.0) < 0 < excess(5.0) else 0.0
        self.ventricle = self._inside(distance + shift) * self.hull * self.cerebrum
        self.prepare()

    def prepare(self) -> None:
        """Gather what the cortical points need, once the ventricles stand."""
        at = self.cortical
        self.weights = self.points.lobes[:, at]
        self.lobe = self.points.lobe[at]
        self.pial = self.points.fields["pial"][at]
        self.white = self.points.fields["white"][at]
        self.room = ((1 - self.ventricle) * (1 - self.deep) * self.hull * self.cerebrum)[at].astype(np.float32)
        self.ceiling = self._inside(self.pial)

    def cortex(self, pial: np.ndarray, white: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Occupancy of cortex and of white matter at cortical points, for a shift (mm) of both surfaces per lobe."""
        outer = self._inside(self.pial - pial.astype(np.float32) @ self.weights)
        inner = (
            self._inside(self.white + white.astype(np.float32) @ self.weights)
            if white.any()
            else self._inside(self.white)
        )
        inner = np.minimum(inner, self.ceiling)
        return np.maximum(outer - inner, 0) * self.room, inner * self.room

    def lobe_volumes(self, pial: np.ndarray, white: np.ndarray) -> np.ndarray:
        """mL of the six lobes."""
        occupancy, _ = self.cortex(pial, white)
        return np.bincount(self.lobe, occupancy, 6) * self.points.millilitres

    def slopes(self, pial: np.ndarray, white: np.ndarray, *, move_white: bool) -> np.ndarray:
        """``(6, 6)``: change (mL per mm) of each lobe (row) with each lobe's shift (column) of one surface."""
        outer = self._inside(self.pial - pial.astype(np.float32) @ self.weights)
        inner = np.minimum(self._inside(self.white + white.astype(np.float32) @ self.weights), self.ceiling)
        moving = inner if move_white else outer
        free = np.flatnonzero((moving > 0) & (moving < 1) & (outer > inner))
        gain = -self.room[free] / self.width * self.points.millilitres
        return np.stack([np.bincount(self.lobe[free], gain * self.weights[j, free], 6) for j in range(6)], 1)


def solve(
    surfaces: Surfaces, target: np.ndarray, start: np.ndarray, other: np.ndarray, *, move_white: bool
) -> np.ndarray:
    """Shifts (mm) of one surface that give the six lobes their volumes: Newton with a step of 0.6 mm at most.

    Raises:
        UserError: a lobe cannot be thinned or thickened that far.
    """
    x = start.copy()
    for _ in range(25):
        pial, white = (other, x) if move_white else (x, other)
        value = surfaces.lobe_volumes(pial, white)
        if np.abs(value / target - 1).max() < 2e-5:
            return x
        jacobian = surfaces.slopes(pial, white, move_white=move_white)
        x = x + np.clip(np.linalg.solve(jacobian - 1e-2 * np.eye(6), target - value), -0.6, 0.6)
        x = np.clip(x, -THICKEST_MM, THICKEST_MM)
    if np.abs(value / target - 1).max() > 5e-3:
        worst = int(np.abs(value / target - 1).argmax())
        msg = f"the {LOBE_NAMES[worst]} lobe cannot be brought to {target[worst]:.1f} mL in this head"
        raise UserError(msg)
    return x


def build(
    template: Template,
    grid: Grid,
    seed: int,
    icv: float,
    planned: Mapping[str, float],
    *,
    before_loss: Mapping[str, float] | None = None,
    strength: float = 1.0,
) -> Anatomy:
    """Make the anatomy of one person on a grid.

    Args:
        template: from `load_template`.
        grid: the target grid.
        seed: exogenous anatomy (folding, shape): the same seed is the same brain.
        icv: head size, mL.
        planned: mL of the six lobes and the ventricles.
        before_loss: lobes before the disease; given, 30 % of the way from there to ``planned`` is made by moving the
            white surface (the ``mixed`` mechanism). Absent: only the pial surface moves (``pial``).
        strength: multiplies the random warp.

    Raises:
        UserError: the plan cannot be reached in this head.
    """
    points = place(template, grid, seed, icv, planned["ventricles"], strength)
    surfaces = Surfaces(points, width=float(grid.affine[0, 0]) / OVERSAMPLING)
    surfaces.set_ventricles(planned["ventricles"])
    return shape(surfaces, grid, planned, before_loss)


def shape(
    surfaces: Surfaces, grid: Grid, planned: Mapping[str, float], before_loss: Mapping[str, float] | None = None
) -> Anatomy:
    """Move the cortical surfaces of a placed brain until its lobes are the planned ones; see `build`."""
    target = np.array([planned[k] for k in LOBE_NAMES])
    none = np.zeros(6)
    if before_loss is None:
        pial, white = solve(surfaces, target, np.full(6, 0.3), none, move_white=False), none
    else:
        full = np.array([before_loss[k] for k in LOBE_NAMES])
        pial = solve(surfaces, full, np.full(6, 0.3), none, move_white=False)
        pial = solve(surfaces, full + (1 - WHITE_SHARE) * (target - full), pial, none, move_white=False)
        white = solve(surfaces, target, none, pial, move_white=True)
    return _assemble(surfaces, grid, pial, white)


def _assemble(surfaces: Surfaces, grid: Grid, pial: np.ndarray, white: np.ndarray) -> Anatomy:
    """Average the points' occupancies into voxels and count them."""
    points, at = surfaces.points, surfaces.cortical
    size = int(np.prod(grid.shape))
    per_voxel = OVERSAMPLING**3
    cortex, white_here = surfaces.cortex(pial, white)
    room = (1 - surfaces.ventricle) * surfaces.hull * surfaces.cerebrum
    deep = surfaces.deep * room
    # Away from cortex every tissue that is neither deep grey nor ventricle counts as white matter.
    tissue = surfaces._inside(points.fields["pial"]) * room * (1 - surfaces.deep)
    tissue[at] = white_here
    below = surfaces._inside(points.fields["pial"]) * (1 - surfaces.cerebrum) * surfaces.hull

    def mean(values: np.ndarray, voxel: np.ndarray = points.voxel) -> np.ndarray:
        return np.bincount(voxel, values, size) / per_voxel

    fractions = np.zeros((len(CHANNELS), size))
    named = {"ventricles": surfaces.ventricle, "white_matter": tissue, "deep_grey": deep, "cerebellum_brainstem": below}
    for name, values in named.items():
        fractions[CHANNELS.index(name)] = mean(values)
    lobe, voxel = points.lobe[at], points.voxel[at]
    by_lobe = np.bincount(voxel * 6 + lobe, cortex, size * 6).reshape(size, 6).T / per_voxel
    fractions[6:] = by_lobe
    hull = mean(surfaces.hull)
    fractions[1] = np.maximum(hull - fractions[2:].sum(0), 0)
    fractions[0] = 1 - fractions[1:].sum(0)
    millilitres = points.millilitres * per_voxel
    parcels = np.bincount(points.parcel[at], cortex, 2036) * points.millilitres
    return Anatomy(
        fractions=fractions.reshape(-1, *grid.shape).astype(np.float32),
        labels=_label_map(fractions, points, at, cortex, grid),
        parcels={int(k): float(parcels[k]) for k in np.flatnonzero(parcels)},
        texture=mean(points.fields["texture"] * surfaces.hull).reshape(grid.shape).astype(np.float32),
        volumes={n: float(fractions[c].sum() * millilitres) for c, n in enumerate(CHANNELS) if c},
        shifts=dict(zip(LOBE_NAMES, (float(v) for v in pial), strict=True)),
    )


def _label_map(fractions: np.ndarray, points: Points, at: np.ndarray, cortex: np.ndarray, grid: Grid) -> np.ndarray:
    """Hard labels: the largest channel, cortex named by the parcel that fills most of the voxel."""
    grouped = np.concatenate([fractions[:6], fractions[6:].sum(0, keepdims=True)])
    winner = grouped.argmax(0)
    labels = np.array([*(TISSUE_LABELS[t] for t in TISSUES), -1], np.int16)[winner]
    # Later assignments win: in ascending order of occupancy the last writer is the fullest point.
    order = np.argsort(cortex, kind="stable")
    parcel = np.zeros(labels.size, np.int16)
    parcel[points.voxel[at][order]] = points.parcel[at][order]
    labels = np.where(labels == -1, parcel, labels)
    return labels.reshape(grid.shape).astype(np.int16)
