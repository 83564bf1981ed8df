"""Velocity fields that move one region's border: a lobe's outer surface, or the wall of the ventricles.

All fields are in fine voxels a unit of time, and say where tissue goes when the region grows.
"""

from __future__ import annotations

import numpy as np
from scipy import fft
from scipy import ndimage as ndi

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.deformation.box import Box

THICKEST_MM = 5.0
"""Cortex is 1.5 to 4.5 mm thick; what a segmenter draws thicker moves no faster."""
FADE_MM = 6.0
"""How far outside the cortex the move has died away, where there is room."""
BURIED = ("insula",)
"""Lobes that other lobes cover: these give way."""
GIVE_MM = 3.0
"""They do so with their outer layers: from their white surface up to this depth."""
LIMIT_MM = 2.0
"""The move is whole where the lobes that stand still are this much farther away than the lobe itself."""
ROOM_MM = (5.0, 7.0)
"""Distance from the white surface to the nearest room outside, by way of the point: up to the first the move is whole,
from the second on there is none. Two banks of cortex that touch stand still: no sulcus opens that the image lacks."""
BEND_MM = 1.0
"""Smoothing of the surface whose normals are the directions of the move."""
SOFT_MM = 0.7
"""Smoothing of the field."""
ACROSS = (0.25, 0.75)
"""Cosine between a lobe's normal and the way to another lobe: below the first that one continues the surface, above
the second it covers it."""
STILL_MM = 5.0
"""Cortex and the outside do not move with the ventricles; this far from them the move is whole."""
REACH_MM = (8.0, 18.0)
"""Distance from the ventricles up to which their surroundings are pushed in full, and from which on not at all."""
INNER = ("white_matter", "deep_grey", "ventricles")
"""What lies inside the cortex."""


def lobe_velocity(fine: np.ndarray, lobe: str, box: Box) -> np.ndarray:
    """The outer border of a lobe moves along its normal.

    The speed is the distance to the white surface: 0 at it and inside, so that white matter stands still and every
    layer of the cortex grows by the same factor; outside the cortex it fades. Other lobes stand still; only those that
    cover the insula give way, since they leave it no room.

    Args:
        fine: ``(12, x, y, z)`` fractions of the box's fine voxels.
        lobe: its name.
        box: the box.

    Returns:
        ``(3, x, y, z)`` float32: at amplitude 1 the cortex grows by a factor of e or less.
    """
    mm = box.fine_mm
    inner = fine[[CHANNELS.index(name) for name in INNER]].sum(0)
    others = fine[[CHANNELS.index(name) for name in (*LOBE_NAMES, "cerebellum_brainstem") if name != lobe]].sum(0)
    winner = np.stack([fine[0] + fine[CHANNELS.index("csf")], inner, fine[CHANNELS.index(lobe)], others]).argmax(0)
    depth = _signed_distance(winner == 1, mm)
    outside = winner != 2
    to_own, nearest = ndi.distance_transform_edt(outside, return_indices=True)
    # The lobe's own white surface: that of a lobe across a sulcus would turn the normals round half-way.
    to_others = ndi.distance_transform_edt(winner != 3) if (winner == 3).any() else np.inf
    own_depth = _signed_distance((winner == 1) & (to_own < to_others), mm)
    normal = np.stack(np.gradient(ndi.gaussian_filter(own_depth, BEND_MM / mm), mm))
    normal /= np.maximum(np.linalg.norm(normal, axis=0), 0.2)
    way = np.indices(outside.shape) - nearest
    across = (normal[(slice(None), *nearest)] * way).sum(0) / np.maximum(to_own, 1)
    share = _step((across - ACROSS[0]) / (ACROSS[1] - ACROSS[0]))
    beside = (winner == 3) & ((share < 0.5) if lobe in BURIED else True)
    to_beside = ndi.distance_transform_edt(~beside) if beside.any() else np.inf
    to_room = ndi.distance_transform_edt((winner == 1) | (winner == 2) | beside) * mm
    room = _step((ROOM_MM[1] - own_depth - to_room) / (ROOM_MM[1] - ROOM_MM[0]))
    move = normal * np.clip(own_depth - 0.5, 0, THICKEST_MM) * room
    there = np.where(winner == 3, share * np.clip(depth / GIVE_MM, 0, 1), 1.0) * _step(1 - to_own * mm / FADE_MM)
    move = np.where(outside, move[(slice(None), *nearest)] * there, move) * _step((to_beside - to_own) * mm / LIMIT_MM)
    move = np.stack([ndi.gaussian_filter(part, SOFT_MM / mm) for part in move])
    return _closed(move * np.clip(depth - 0.5, 0, 1) / mm)


def ventricle_velocity(fine: np.ndarray, box: Box) -> np.ndarray:
    """The ventricles grow evenly inside and push what is around them; cortex and the outside stand still.

    The field is the gradient of the potential whose sources are the ventricles: its divergence is 1 in them and about
    0 around them, as that of water from a spring. Near the cortex it is faded out.

    Args:
        fine: ``(12, x, y, z)`` fractions of the box's fine voxels.
        box: the box.

    Returns:
        ``(3, x, y, z)`` float32: at amplitude 1 the ventricles grow by a factor of e or less.
    """
    ventricles = fine[CHANNELS.index("ventricles")]
    still = fine[0] + fine[CHANNELS.index("csf")] + fine[[CHANNELS.index(name) for name in LOBE_NAMES]].sum(0) > 0.5
    size = [fft.next_fast_len(side, real=True) for side in ventricles.shape]
    spectrum = fft.rfftn(ventricles, size)
    waves = np.meshgrid(fft.fftfreq(size[0]), fft.fftfreq(size[1]), fft.rfftfreq(size[2]), indexing="ij", sparse=True)
    squared = 2 * np.pi * sum(wave**2 for wave in waves)
    squared[0, 0, 0] = np.inf
    inside = tuple(slice(side) for side in ventricles.shape)
    field = np.stack([fft.irfftn(-1j * wave * spectrum / squared, size)[inside] for wave in waves])
    away = ndi.distance_transform_edt(ventricles < 0.5) * box.fine_mm
    fade = _step((REACH_MM[1] - away) / (REACH_MM[1] - REACH_MM[0]))
    if still.any():
        fade *= _step(ndi.distance_transform_edt(~still) * box.fine_mm / STILL_MM)
    return _closed(field * fade)


def _signed_distance(mask: np.ndarray, mm: float) -> np.ndarray:
    """Millimetres to the surface of a mask: above 0 outside it, below 0 inside."""
    if not mask.any():
        return np.full(mask.shape, np.inf)
    outside, inside = ndi.distance_transform_edt(~mask), ndi.distance_transform_edt(mask)
    return np.where(mask, 0.5 - inside, outside - 0.5) * mm


def _step(x: np.ndarray) -> np.ndarray:
    """From 0 at 0 to 1 at 1 without a kink."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def _closed(velocity: np.ndarray) -> np.ndarray:
    """The same, 0 in the two outermost layers: nothing crosses the box's border."""
    for axis in range(1, 4):
        for layer in (0, 1, -1, -2):
            velocity[(slice(None), *[slice(None)] * (axis - 1), layer)] = 0
    return velocity.astype(np.float32)
