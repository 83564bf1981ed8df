"""Squared Euclidean distances of rows of features, and of images that are loaded block by block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BLOCK_BYTES = 40 * 2**20
"""Images in memory at a time, of each set (50 at 3 mm): memory does not grow with the cohort."""
LEAST_BLOCK = 16
"""Images at a time on finer grids (430 MiB a block at 1 mm): with fewer, every image is read too many times."""


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """``(n, m)`` squared Euclidean distances of rows."""
    return np.maximum(squared_norms(x)[:, None] + squared_norms(y) - 2 * (x @ y.T), 0.0)


def image_distances(first: Sequence[np.ndarray], second: Sequence[np.ndarray] | None = None) -> np.ndarray:
    """``(n, m)`` squared distances of images, block by block; of a set to itself without ``second``."""
    other = first if second is None else second
    found = np.zeros((len(first), len(other)))
    block = block_size(first[0])
    for i in range(0, len(first), block):
        x = flat_block(first, i, block)
        norms = squared_norms(x)[:, None]
        for j in range(i if second is None else 0, len(other), block):
            y = x if second is None and i == j else flat_block(other, j, block)
            part = np.maximum(norms + squared_norms(y) - 2 * (x @ y.T).astype(np.float64), 0.0)
            found[i : i + len(x), j : j + len(y)] = part
            if second is None:
                found[j : j + len(y), i : i + len(x)] = part.T
    return found


def block_size(image: np.ndarray) -> int:
    """How many such images are held at a time."""
    return max(LEAST_BLOCK, BLOCK_BYTES // (np.dtype(np.float32).itemsize * image.size))


def flat_block(images: Sequence[np.ndarray], start: int, size: int) -> np.ndarray:
    """Images from ``start`` on, ``size`` at most, as float32 rows."""
    stop = min(start + size, len(images))
    rows = np.empty((stop - start, images[start].size), np.float32)
    for i in range(start, stop):
        rows[i - start] = np.asarray(images[i]).ravel()
    return rows


def squared_norms(rows: np.ndarray) -> np.ndarray:
    """``(n,)``, without a copy of the rows."""
    return np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
