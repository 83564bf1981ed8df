"""Features of a set of images, computed once and kept.

<folder>/<extractor's identity>/<hash of the images>.npy   ``(n, d)`` float32, one row an image, in order
<the same>.<first image, six digits>.part.npy              `CHUNK` rows of a set that is not finished
"""

from __future__ import annotations

import io
from collections.abc import Callable
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pcgm_bench.contracts import UserError
from pcgm_bench.features.forward import one_thread
from pcgm_bench.store.atomic import write_bytes
from pcgm_bench.store.identity import digest
from pcgm_bench.store.identity import plain

if TYPE_CHECKING:
    from pcgm_bench.contracts import FeatureExtractor

CHUNK = 32
"""Images between two writes to disk: what a killed run has to do again at most."""


def features_of(
    images: Sequence[np.ndarray],
    extractor: FeatureExtractor,
    folder: Path,
    *,
    workers: int = 1,
    progress: Callable[[str, int, int], object] = lambda _what, _done, _total: None,
) -> np.ndarray:
    """Features of every image; from ``folder`` if they are there, else computed and kept there.

    The images are read twice, one at a time: for their hash, then for their features. Killed at any moment, the same
    call goes on after the last chunk; two processes that do the same set write the same bytes.

    Args:
        images: volumes ``(X, Y, Z)``, in any sequence that loads one when it is asked for.
        extractor: the feature space.
        folder: where features are kept, for all extractors.
        workers: images at a time, each in a thread of its own; the features do not depend on it. More than one asks of
            the extractor that it can be called from several threads, as those of this package can.
        progress: told (what, done, total).

    Returns:
        ``(n, d)`` float32.

    Raises:
        UserError: from the extractor, with the number of the image; or ``folder`` cannot be written to.
        ValueError: there are no images.
    """
    if not len(images):
        raise ValueError("features need at least one image")
    home = folder / plain(extractor.identity)
    path = home / f"{digest([_digest(images[i]) for i in range(len(images))])}.npy"
    if path.exists():
        return _read(path)
    parts = []
    for start in range(0, len(images), CHUNK):
        progress(f"{extractor.name} features", start, len(images))
        part = path.with_suffix(f".{start:06d}.part.npy")
        if not part.exists():
            _write(part, _extract(images, range(start, min(start + CHUNK, len(images))), extractor, workers))
        parts.append(part)
    progress(f"{extractor.name} features", len(images), len(images))
    rows = np.concatenate([_read(part) for part in parts])
    _write(path, rows)
    for part in parts:
        part.unlink(missing_ok=True)
    return rows


def _extract(
    images: Sequence[np.ndarray], numbers: Sequence[int], extractor: FeatureExtractor, workers: int
) -> np.ndarray:
    """Rows of some images."""

    def row(number: int) -> np.ndarray:
        try:
            return extractor.extract(images[number])
        except UserError as error:
            raise UserError(f"image {number + 1} of {len(images)}: {error}") from error

    # The first alone: it builds the network, which the others share.
    first = row(numbers[0])
    # Threads, not processes: PyTorch computes outside the interpreter's lock, and nothing has to be sent.
    with one_thread(), ThreadPoolExecutor(workers) as pool:
        return np.stack([first, *pool.map(row, numbers[1:])])


def _digest(image: np.ndarray) -> str:
    image = np.ascontiguousarray(image, np.float32)
    return f"{image.shape} {digest(image.tobytes())}"


def _read(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UserError(f"{path}: damaged; delete it, and the features will be computed again") from error


def _write(path: Path, rows: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.save(buffer, rows, allow_pickle=False)
    write_bytes(path, buffer.getvalue())
