"""One person's anatomy: warp the template, then move surfaces until every volume is the planned one."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import TISSUE_LABELS
from pcgm_bench.anatomy import TISSUES
from pcgm_bench.cohort.grid import Grid
from pcgm_bench.cohort.phantom.surfaces import Surfaces
from pcgm_bench.cohort.phantom.surfaces import solve
from pcgm_bench.cohort.phantom.template_fields import Template
from pcgm_bench.cohort.phantom.warp import OVERSAMPLING
from pcgm_bench.cohort.phantom.warp import Shape
from pcgm_bench.cohort.phantom.warp import place

WHITE_SHARE = 0.3
"""Share of a ``mixed`` loss that is taken by the white surface."""


@dataclass(frozen=True)
class Anatomy:
    """A person on a grid.

    Attributes:
        fractions: ``(12, X, Y, Z)`` float32, channels of `pcgm_bench.anatomy.CHANNELS`.
        labels: int16 FreeSurfer labels.
        parcels: mL by Desikan-Killiany label.
        texture: ``(X, Y, Z)`` intensity detail, in steps from cortex to white matter.
        volumes: mL of every channel but the background, from the fractions.
        shifts: the pial shift (mm, positive inwards) of each lobe.
    """

    fractions: np.ndarray
    labels: np.ndarray
    parcels: dict[int, float]
    texture: np.ndarray
    volumes: dict[str, float]
    shifts: dict[str, float]


def build(
    template: Template,
    grid: Grid,
    form: Shape,
    icv: float,
    planned: Mapping[str, float],
    *,
    before_loss: Mapping[str, float] | None = None,
) -> Anatomy:
    """Make the anatomy of one person on a grid.

    Args:
        template: from `load_template`.
        grid: the target grid.
        form: exogenous anatomy: the same form is the same brain.
        icv: head size, mL.
        planned: mL of the six lobes and the ventricles.
        before_loss: lobes before the disease; given, 30 % of the way from there to ``planned`` is made by moving the
            white surface (the ``mixed`` mechanism). Absent: only the pial surface moves (``pial``).

    Raises:
        UserError: the plan cannot be reached in this head.
    """
    return shape(placed(template, grid, form, icv, planned["ventricles"]), grid, planned, before_loss)


def placed(template: Template, grid: Grid, form: Shape, icv: float, ventricles: float) -> Surfaces:
    """One brain of the right size and shape, with its ventricles, before its cortex gets its volumes; see `build`.

    Args:
        template: from `load_template`.
        grid: the target grid.
        form: exogenous anatomy.
        icv: head size, mL.
        ventricles: mL.

    Raises:
        UserError: the head does not fit the grid.
    """
    points = place(template, grid, form, icv, ventricles)
    surfaces = Surfaces(points, width=float(grid.affine[0, 0]) / OVERSAMPLING)
    surfaces.set_ventricles(ventricles)
    return surfaces


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


def enclosed_by_ventricles(fractions: np.ndarray) -> int:
    """Voxels that are mostly no ventricle and that ventricles enclose, of ``(12, X, Y, Z)``: 0 in a possible brain."""
    ventricle = fractions[CHANNELS.index("ventricles")] > 0.5
    pieces, _ = ndi.label(~ventricle)
    return int((~ventricle & (pieces != pieces[0, 0, 0])).sum())


def _assemble(surfaces: Surfaces, grid: Grid, pial: np.ndarray, white: np.ndarray) -> Anatomy:
    """Average the points' occupancies into voxels and count them."""
    points, at = surfaces.points, surfaces.cortical
    size = int(np.prod(grid.shape))
    per_voxel = OVERSAMPLING**3
    outer, inner = surfaces.edges(pial, white)
    cortex = surfaces.cortex(outer, inner)
    room = (1 - surfaces.ventricle) * surfaces.hull * surfaces.cerebrum
    deep = surfaces.deep * room
    # Away from cortex every tissue that is neither deep grey nor ventricle counts as white matter.
    brain = surfaces.inside(points.fields["pial"])
    tissue = brain * room * (1 - surfaces.deep)
    tissue[at] = inner * surfaces.room
    below = brain * (1 - surfaces.cerebrum) * surfaces.hull

    def mean(values: np.ndarray, voxel: np.ndarray = points.voxel) -> np.ndarray:
        return np.bincount(voxel, values, size) / per_voxel

    fractions = np.zeros((len(CHANNELS), size))
    named = {"ventricles": surfaces.ventricle, "white_matter": tissue, "deep_grey": deep, "cerebellum_brainstem": below}
    for name, values in named.items():
        fractions[CHANNELS.index(name)] = mean(values)
    by_lobe = np.bincount(surfaces.voxel * 6 + surfaces.lobe, cortex, size * 6).reshape(size, 6).T / per_voxel
    fractions[6:] = by_lobe
    hull = mean(surfaces.hull)
    fractions[1] = np.maximum(hull - fractions[2:].sum(0), 0)
    fractions[0] = 1 - fractions[1:].sum(0)
    millilitres = points.millilitres * per_voxel
    parcels = np.bincount(surfaces.parcel, cortex, 2036) * points.millilitres
    return Anatomy(
        fractions=fractions.reshape(-1, *grid.shape).astype(np.float32),
        labels=_label_map(fractions, surfaces, cortex, grid),
        parcels={int(k): float(parcels[k]) for k in np.flatnonzero(parcels)},
        texture=mean(points.fields["texture"] * surfaces.hull).reshape(grid.shape).astype(np.float32),
        volumes={n: float(fractions[c].sum() * millilitres) for c, n in enumerate(CHANNELS) if c},
        shifts=dict(zip(LOBE_NAMES, (float(v) for v in pial), strict=True)),
    )


def _label_map(fractions: np.ndarray, surfaces: Surfaces, cortex: np.ndarray, grid: Grid) -> np.ndarray:
    """Hard labels: the largest channel, cortex named by the parcel that fills most of the voxel."""
    winner = _largest([*fractions[: len(TISSUES)], fractions[len(TISSUES) :].sum(0)])
    labels = np.array([*(TISSUE_LABELS[t] for t in TISSUES), -1], np.int16)[winner]
    # Later assignments win: in ascending order of occupancy the last writer is the fullest point.
    filled = np.flatnonzero(cortex > 0)
    order = filled[np.argsort(cortex[filled], kind="stable")]
    parcel = np.zeros(labels.size, np.int16)
    parcel[surfaces.voxel[order]] = surfaces.parcel[order]
    labels = np.where(labels == -1, parcel, labels)
    return labels.reshape(grid.shape).astype(np.int16)


def _largest(channels: Sequence[np.ndarray]) -> np.ndarray:
    """Which channel is the largest, the first of equals; NumPy's ``argmax`` over a first axis is five times slower."""
    best, index = channels[0].copy(), np.zeros(channels[0].shape, np.int8)
    for number, channel in enumerate(channels[1:], 1):
        index[channel > best] = number
        np.maximum(best, channel, out=best)
    return index
