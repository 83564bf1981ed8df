"""Features of images, computed once an image and kept.

<folder>/<extractor's identity>/<hash of the image>.npy   ``(d,)`` float32
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


def features_of(
    images: Sequence[np.ndarray],
    extractor: FeatureExtractor,
    folder: Path,
    *,
    workers: int = 1,
    progress: Callable[[str, int, int], object] = lambda _what, _done, _total: None,
) -> np.ndarray:
    """Features of every image; from ``folder`` if they are there, else computed and kept there.

    The images are read twice, ``workers`` at a time: for their hash, then, if their features are not there, for those.
    An image that occurs again, here or in another set, is not computed again. Killed at any moment, the same call goes
    on after the last image; two processes that do the same image write the same bytes.

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
    with ThreadPoolExecutor(workers) as pool:
        paths = list(pool.map(lambda number: home / f"{_digest(images[number])}.npy", range(len(images))))
    missing: dict[Path, int] = {}
    for number, path in enumerate(paths):
        if path not in missing and not path.exists():
            missing[path] = number
    if missing:
        _extract(images, list(missing.items()), extractor, workers, progress)
    return np.stack([_read(path) for path in paths])


def _extract(
    images: Sequence[np.ndarray],
    missing: Sequence[tuple[Path, int]],
    extractor: FeatureExtractor,
    workers: int,
    progress: Callable[[str, int, int], object],
) -> None:
    """Compute and keep the features of some images, given by the file that is missing and their number."""

    def keep(one: tuple[Path, int]) -> None:
        path, number = one
        try:
            row = extractor.extract(images[number])
        except UserError as error:
            raise UserError(f"image {number + 1} of {len(images)}: {error}") from error
        buffer = io.BytesIO()
        np.save(buffer, row, allow_pickle=False)
        write_bytes(path, buffer.getvalue())

    had = len(images) - len(missing)
    # The first alone: it builds the network, which the others share.
    keep(missing[0])
    progress(f"{extractor.name} features", had + 1, len(images))
    # Threads, not processes: PyTorch computes outside the interpreter's lock, and nothing has to be sent.
    with one_thread(), ThreadPoolExecutor(workers) as pool:
        for done, _ in enumerate(pool.map(keep, missing[1:]), had + 2):
            progress(f"{extractor.name} features", done, len(images))


def _digest(image: np.ndarray) -> str:
    image = np.ascontiguousarray(image, np.float32)
    return digest([list(image.shape), digest(image.tobytes())])


def _read(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UserError(f"{path}: damaged; delete it, and the features will be computed again") from error
