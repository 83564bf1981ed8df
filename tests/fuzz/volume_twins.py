"""Undamaged files: a brain and its label map on the 3 mm grid, and the bytes of a NIfTI file that is whole."""

from __future__ import annotations

import gzip
from functools import cache

import nibabel as nib
import numpy as np

from pcgm_bench.anatomy import LOBES
from pcgm_bench.anatomy import PARCELS
from pcgm_bench.cohort.align import area_average
from pcgm_bench.cohort.grid import grid
from pcgm_bench.cohort.registration import template
from pcgm_bench.cohort.volume import foreground

GRID = grid("3mm")
LOBE_ML = {"frontal": 160.0, "parietal": 110.0, "temporal": 110.0, "occipital": 55.0, "cingulate": 20.0, "insula": 14.0}


def _radius() -> np.ndarray:
    """Of every voxel, 1 at the head's surface."""
    x, y, z = (np.linspace(-1, 1, n) for n in GRID.shape)
    return np.sqrt((x[:, None, None] / 0.84) ** 2 + (y[None, :, None] / 0.85) ** 2 + (z[None, None] / 0.84) ** 2)


@cache
def label_map() -> np.ndarray:
    """``(56, 64, 56)`` int16: a round head with every structure and all 68 parcels, of the sizes of an adult's."""
    radius = _radius()
    labels = np.zeros(GRID.shape, np.int16)
    right = np.broadcast_to(np.arange(GRID.shape[0])[:, None, None] >= GRID.shape[0] // 2, GRID.shape)
    for edge, (left_number, right_number) in ((1.0, (24, 24)), (0.86, (2, 41)), (0.45, (10, 49)), (0.22, (4, 43))):
        inside = radius < edge
        labels[inside] = np.where(right[inside], right_number, left_number)
    y, z = np.meshgrid(np.linspace(-1, 1, GRID.shape[1]), np.linspace(-1, 1, GRID.shape[2]), indexing="ij")
    below = (radius < 0.86) & np.broadcast_to((y < 0.1) & (z < -0.42), GRID.shape)
    labels[below] = np.where(right[below], 47, 8)
    for side, mask in (("lh", ~right), ("rh", right)):
        places = np.argwhere(mask & (radius >= 0.66) & (radius < 0.86) & ~below)
        places = places[np.argsort(-places[:, 1], kind="stable")]
        start = 0
        for lobe, regions in LOBES.items():
            count = round(LOBE_ML[lobe] / 2 / 0.027 / len(regions))
            for region in regions:
                x, y, z = places[start : start + count].T
                labels[x, y, z] = PARCELS[f"{side}-{region}"]
                start += count
    return labels


@cache
def brain() -> np.ndarray:
    """``(56, 64, 56)`` float32: the average T1w brain, stripped; background 0, white matter about 1."""
    source = template()
    data = np.asarray(source.dataobj, np.float32)
    image = area_average(data, np.linalg.inv(source.affine), GRID)
    head = foreground(image)
    return np.where(head, image * (0.99 / float(np.quantile(image[head], 0.9))), 0).astype(np.float32)


def nifti(
    data: np.ndarray, affine: np.ndarray = GRID.affine, *, codes: tuple[int, int] = (1, 1), pack: bool = True
) -> bytes:
    """A NIfTI file's bytes; ``codes`` are those of sform and qform."""
    image = nib.Nifti1Image(data, affine)
    image.set_qform(affine, codes[1])
    image.set_sform(affine, codes[0])
    image.header.set_xyzt_units("mm")
    raw = bytes(image.to_bytes())
    return gzip.compress(raw, 6, mtime=0) if pack else raw
