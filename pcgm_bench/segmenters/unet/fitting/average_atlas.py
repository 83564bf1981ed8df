"""Make the segmenter's atlas: average the training controls at their voxels' known places in the template."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from scipy import ndimage as ndi

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import PARCELS
from pcgm_bench.segmenters.unet.atlas import CELL_MM
from pcgm_bench.segmenters.unet.atlas import CORNER_MM
from pcgm_bench.segmenters.unet.atlas import SHAPE
from pcgm_bench.segmenters.unet.atlas import TISSUES
from pcgm_bench.segmenters.unet.atlas import Atlas
from pcgm_bench.segmenters.unet.fitting.training_pairs import Pair

_SMOOTH_CELLS = 0.35
"""s.d. of the blur that evens out how many voxels' centres fell into neighbouring cells."""


def make_atlas(pairs: Iterable[Pair]) -> Atlas:
    """Average the first states of ``pairs`` at their voxels' places."""
    size = int(np.prod(SHAPE))
    sums, count = np.zeros((len(TISSUES), size)), np.zeros(size)
    votes = np.zeros((len(PARCELS), size), np.float32)
    index = np.full(3000, -1)
    index[list(PARCELS.values())] = np.arange(len(PARCELS))
    for pair in pairs:
        known = np.isfinite(pair.place).all(0)
        cell = np.floor((pair.place[:, known].T.astype(np.float32) - CORNER_MM) / CELL_MM).astype(int)
        inside = ((cell >= 0) & (cell < SHAPE)).all(1)
        flat = np.ravel_multi_index(tuple(cell[inside].T), SHAPE)
        count += np.bincount(flat, minlength=size)
        fractions = pair.fractions[0][:, known][:, inside] / 255.0
        for k, share in enumerate(_grouped(fractions)):
            sums[k] += np.bincount(flat, share, size)
        parcel = index[np.maximum(pair.labels[0][known][inside], 0)]
        cortex = parcel >= 0
        np.add.at(votes, (parcel[cortex], flat[cortex]), 1)
    smooth = (0, *[_SMOOTH_CELLS] * 3)
    mean = ndi.gaussian_filter(sums.reshape(-1, *SHAPE), smooth) / np.maximum(
        ndi.gaussian_filter(count.reshape(SHAPE), _SMOOTH_CELLS), 0.5
    )
    cube = votes.reshape(-1, *SHAPE)
    # Where nobody has cortex, the nearest cortex: a brain may have some there all the same.
    nearest = ndi.distance_transform_edt(cube.max(0) < 1, return_distances=False, return_indices=True)
    return _rounded(mean, cube.argmax(0).astype(np.uint8)[tuple(nearest)])


def _grouped(fractions: np.ndarray) -> list[np.ndarray]:
    at = CHANNELS.index
    named = [fractions[at(name)] for name in TISSUES[1:-1]]
    return [fractions[at("csf")] + fractions[at("ventricles")], *named, fractions[at(LOBE_NAMES[0]) :].sum(0)]


def _rounded(mean: np.ndarray, parcel: np.ndarray) -> Atlas:
    """As it comes back from the file, so that training and use see the same."""
    return Atlas(torch.from_numpy(np.round(255 * mean).clip(0, 255).astype(np.float32)) / 255, torch.from_numpy(parcel))


def save_atlas(atlas: Atlas, path: Path) -> None:
    """Write it, shares in steps of 1/255."""
    save_file({"tissue": (atlas.tissue * 255).round().to(torch.uint8), "parcel": atlas.parcel}, path)
