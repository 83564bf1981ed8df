"""The voxels behind a scan on the grid: its native file, or the scan itself where it lies on a standard grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage as ndi

from pcgm_bench.cohort.align import Aligned
from pcgm_bench.cohort.align import standard_grid_of
from pcgm_bench.cohort.deformation.box import Box
from pcgm_bench.cohort.volume import foreground
from pcgm_bench.cohort.volume import read_volume


@dataclass(frozen=True)
class Source:
    """An image that can be asked at any point of the grid's space.

    Attributes:
        data: ``(X, Y, Z)`` float32, intensities as on the grid (white matter about 1); of a cubic spline its
            coefficients.
        to_voxels: ``(4, 4)``, grid millimetres -> voxel indices of ``data``.
        order: of the interpolation: 1, as `pcgm_bench.cohort.align` has it, or 3 for an image of the grid itself,
            whose voxels are too large for straight lines between them.
    """

    data: np.ndarray
    to_voxels: np.ndarray
    order: int

    def at(self, points: np.ndarray) -> np.ndarray:
        """Intensities ``(...)`` at points ``(..., 3)`` in grid millimetres; 0 outside."""
        places = points @ self.to_voxels[:3, :3].T + self.to_voxels[:3, 3]
        return ndi.map_coordinates(
            self.data, np.moveaxis(places, -1, 0), order=self.order, prefilter=False, output=np.float32
        )

    def on(self, box: Box) -> np.ndarray:
        """Intensities of the fine voxels of a box, float32."""
        return ndi.affine_transform(
            self.data,
            self.to_voxels @ box.fine_affine,
            output_shape=box.fine_shape,
            order=self.order,
            prefilter=False,
            output=np.float32,
        )

    def samples(self, spacing: float) -> int:
        """Points a side of a grid voxel that see all of the image: as many as `align` takes, three on a spline."""
        fineness = spacing * float(np.linalg.norm(self.to_voxels[:3, :3], axis=0).max())
        return 3 if self.order > 1 else max(1, round(fineness))


def source_of(path: Path, aligned: Aligned) -> Source:
    """The voxels that `pcgm_bench.cohort.align.align` read, shading taken out as it did.

    Args:
        path: the scan's file.
        aligned: what `align` returned for it.

    Raises:
        UserError: a faulty file.
    """
    volume = read_volume(path)
    data = np.asarray(volume.dataobj, np.float32)
    if standard_grid_of(volume) is not None:
        return grid_source(data, volume.affine)
    # Shading is smooth: its values on the grid, where `align` keeps them, say what it is between them.
    to_grid = np.linalg.inv(aligned.affine) @ aligned.matrix @ volume.affine
    gain = ndi.affine_transform(aligned.gain, to_grid, output_shape=data.shape, order=1, mode="nearest")
    brain = np.where(foreground(data), data, 0) / np.maximum(gain, np.finfo(np.float32).tiny)
    return Source(brain.astype(np.float32), np.linalg.inv(aligned.matrix @ volume.affine), 1)


def grid_source(image: np.ndarray, affine: np.ndarray) -> Source:
    """An image on the grid as its own source, with a cubic spline through its voxels."""
    return Source(ndi.spline_filter(image, 3, output=np.float32), np.linalg.inv(affine), 3)
