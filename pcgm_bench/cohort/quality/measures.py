"""What can be said about the quality of one scan that lies on a standard grid, from its voxels alone.

Every measure compares the scan with the average T1w brain to which native scans are aligned
(`pcgm_bench.cohort.registration.template`), so it means the same for any cohort.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from scipy import ndimage as ndi

from pcgm_bench.block_means import block_means
from pcgm_bench.cohort.grid import SPACING_MM
from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.cohort.grid import standard_grid
from pcgm_bench.cohort.volume import foreground

UNKNOWN = float("nan")
LOOK_MM = 3.0
"""Finer grids are looked at in blocks of this size: quality is not a matter of detail."""
DEPTH_MM = 4.5
"""Depth below the head's outermost plane in which its surface counts as lying on that plane: a voxel and a half."""
DIRECTIONS = 1200
"""Directions in which a cut is looked for. Neighbours are 6 degrees apart: a plane of 11 cm that is tilted by 3 against
the nearest rises by 5.8 mm."""
BRIGHT_QUANTILE = 0.90
"""As in alignment, which gives this quantile of the head a value of .99."""


@dataclass(frozen=True)
class ImageQuality:
    """Measures of one image on a standard grid; all NaN on any other grid, which nothing is known about.

    Attributes:
        overlap: Dice of the head and the average brain, 0 to 1.
        likeness: correlation of the smoothed intensities with the average T1w brain's, inside both, -1 to 1.
        balance: the smaller half of the head over the larger half, left and right, 0 to 1.
        flatness: surface (cm2) that lies on the head's outermost plane more than in the average brain, in the
            direction where that is most: a cut head has a flat end.
        holes: share of the average brain's inside (6 mm below its surface) where the scan is black, 0 to 1.
        brightness: 90th percentile of the head's intensities; .99 in a scan that was aligned here.
        border: share of the voxels on the six faces of the grid that are not black, 0 to 1.
        rim: mean intensity of the head's outermost voxels over ``brightness``: what a mask cuts off or leaves.
        second_rim: likewise of the layer below.
    """

    overlap: float = UNKNOWN
    likeness: float = UNKNOWN
    balance: float = UNKNOWN
    flatness: float = UNKNOWN
    holes: float = UNKNOWN
    brightness: float = UNKNOWN
    border: float = UNKNOWN
    rim: float = UNKNOWN
    second_rim: float = UNKNOWN

    @classmethod
    def of(cls, values: Mapping[str, float]) -> Self:
        """From names and values, as `as_mapping` gives them."""
        return cls(**values)

    def as_mapping(self) -> dict[str, float]:
        """Names and values, to be stored."""
        return asdict(self)


@dataclass(frozen=True)
class ScanQuality:
    """What is known about the quality of a scan.

    Attributes:
        image: of its voxels.
        qc: the segmenter's score, `pcgm_bench.contracts.Segmentation.qc`; NaN without one.
        head_size: native mL, as segmented; NaN where nothing was segmented.
    """

    image: ImageQuality
    qc: float = UNKNOWN
    head_size: float = UNKNOWN


@dataclass(frozen=True)
class _Average:
    """The average brain on the grid that is looked at.

    Attributes:
        image: ``(56, 64, 56)`` float32, smoothed by one voxel.
        brain: boolean, where it is.
        inside: boolean, two voxels below its surface.
        ends: cm2 of its surface on its outermost plane, by direction.
    """

    image: np.ndarray
    brain: np.ndarray
    inside: np.ndarray
    ends: np.ndarray


def image_quality(image: np.ndarray, affine: np.ndarray) -> ImageQuality:
    """Measure one image; takes about a tenth of a second.

    Args:
        image: ``(X, Y, Z)`` float32, background 0.
        affine: ``(4, 4)`` of the grid.
    """
    where = standard_grid(image.shape, affine)
    if where is None or not np.isfinite(image).all():
        return ImageQuality()
    faces = np.ones(image.shape, bool)
    faces[1:-1, 1:-1, 1:-1] = False
    blocks = _blocks(image, SPACING_MM[where.name])
    head = foreground(blocks)
    if not head.any():
        return ImageQuality(overlap=0.0, holes=1.0, border=0.0)
    average = _average()
    left = int(head[: head.shape[0] // 2].sum())
    right = int(head.sum()) - left
    bright = float(np.quantile(blocks[head], BRIGHT_QUANTILE))
    rim, second = _rims(blocks, head)
    return ImageQuality(
        overlap=float(2 * (head & average.brain).sum() / (head.sum() + average.brain.sum())),
        likeness=_likeness(blocks, head, average),
        balance=min(left, right) / max(left, right),
        flatness=float((_ends(head) - average.ends).max()),
        holes=float((average.inside & ~head).sum() / average.inside.sum()),
        brightness=bright,
        border=float(foreground(image)[faces].mean()),
        rim=rim / bright,
        second_rim=second / bright,
    )


def _blocks(image: np.ndarray, spacing: float) -> np.ndarray:
    """Means over `LOOK_MM` a side; voxels of 2 mm, which do not fit in, go by way of their eight parts of 1 mm."""
    if LOOK_MM % spacing:
        for axis in range(3):
            image = image.repeat(round(spacing), axis)
        spacing = 1.0
    return block_means(image, round(LOOK_MM / spacing))


@cache
def _average() -> _Average:
    from pcgm_bench.cohort.align import area_average
    from pcgm_bench.cohort.registration import template  # SimpleITK takes half a second to import

    found = template()
    data = np.asarray(found.dataobj, np.float32)
    image = area_average(data, np.linalg.inv(found.affine), grid_called(f"{LOOK_MM:.0f}mm"))
    brain = foreground(image)
    inside = ndi.binary_erosion(brain, iterations=2)
    return _Average(ndi.gaussian_filter(image, 1.0), brain, inside, _ends(brain))


def _likeness(image: np.ndarray, head: np.ndarray, average: _Average) -> float:
    both = average.inside & head
    values = ndi.gaussian_filter(image, 1.0)[both]
    if values.size < 100 or values.std() == 0:
        return 0.0
    return float(np.corrcoef(values, average.image[both])[0, 1])


def _ends(head: np.ndarray) -> np.ndarray:
    """cm2 of the head's surface on its outermost plane, by direction; single voxels outside do not count."""
    opened = ndi.binary_opening(head)
    solid = opened if opened.any() else head
    surface = np.argwhere(solid & ~ndi.binary_erosion(solid)).astype(np.float32) * LOOK_MM
    height = surface @ _directions().T
    return np.asarray((height > height.max(0) - DEPTH_MM).sum(0) * LOOK_MM**2 / 100)


@cache
def _directions() -> np.ndarray:
    """``(DIRECTIONS, 3)`` unit vectors, evenly spread (a Fibonacci sphere)."""
    number = np.arange(DIRECTIONS) + 0.5
    polar, around = np.arccos(1 - 2 * number / DIRECTIONS), np.pi * (1 + 5**0.5) * number
    vectors = [np.cos(around) * np.sin(polar), np.sin(around) * np.sin(polar), np.cos(polar)]
    return np.stack(vectors, axis=1).astype(np.float32)


def _rims(image: np.ndarray, head: np.ndarray) -> tuple[float, float]:
    """Mean intensity of the head's outermost layer of voxels, and of the one below."""
    whole = ndi.binary_fill_holes(head)
    once = ndi.binary_erosion(whole)
    twice = ndi.binary_erosion(once)
    layers = (whole & ~once, once & ~twice)
    first, second = (float(image[layer].mean()) if layer.any() else 0.0 for layer in layers)
    return first, second
