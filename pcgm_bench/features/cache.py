"""Features of images, computed once an image and kept.

<folder>/<extractor's identity>-<digest of its code>/<hash of the image>.npy   ``(d,)`` float32, and a checksum

The checksum of a file, 32 letters, follows the array, where NumPy does not read. It covers the names of the file and of
the extractor's folder too. A file that is damaged, or of another image or extractor, is computed again.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from pcgm_bench.contracts import FeatureExtractor
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import UserError
from pcgm_bench.contracts import silent
from pcgm_bench.plugin_guard import WrongReturn
from pcgm_bench.precision import tensor_threads
from pcgm_bench.store.closure import code_digest
from pcgm_bench.store.identity import KEY_LENGTH
from pcgm_bench.store.identity import digest
from pcgm_bench.store.identity import safe_filename
from pcgm_bench.store.parts import sweep
from pcgm_bench.store.sealed import read_sealed
from pcgm_bench.store.sealed import write_sealed


def features_of(
    images: Sequence[np.ndarray],
    extractor: FeatureExtractor,
    folder: Path,
    *,
    code: str = "",
    workers: int = 1,
    progress: Progress = silent,
) -> np.ndarray:
    """Features of every image; from ``folder`` if they are there, else computed and kept there.

    The images are read twice, ``workers`` at a time: for their hash, then, if their features are not there, for those.
    An image that occurs again, here or in another set, is not computed again. Killed at any moment, the same call goes
    on after the last image; two processes that do the same image write the same bytes.

    Args:
        images: volumes ``(X, Y, Z)``, in any sequence that loads one when it is asked for.
        extractor: the feature space.
        folder: where features are kept, for all extractors.
        code: hash of all code that the features depend on; without it, of what the extractor's class imports.
        workers: images at a time, each in a thread of its own; the features do not depend on it. An extractor that is
            not `FeatureExtractor.thread_safe` is called from one thread only.
        progress: told (what, done, total).

    Returns:
        ``(n, d)`` float32.

    Raises:
        UserError: from the extractor, with the number of the image; or ``folder`` cannot be written to.
        WrongReturn: what the extractor returned for an image is no array of finite real numbers, of shape ``(d,)``,
            with the same d for every image; it is not kept.
        ValueError: there are no images.
    """
    if not len(images):
        raise ValueError("features need at least one image")
    home = folder / f"{safe_filename(extractor.identity)}-{(code or code_digest(type(extractor)))[:KEY_LENGTH]}"
    with ThreadPoolExecutor(workers) as pool:
        paths = list(pool.map(lambda number: home / f"{_digest(images[number])}.npy", range(len(images))))
    rows: dict[Path, np.ndarray] = {}
    missing: dict[Path, int] = {}
    for number, path in enumerate(paths):
        if path in rows or path in missing:
            continue
        if (row := _read(path)) is None:
            missing[path] = number
        else:
            rows[path] = row
    if len(lengths := sorted({len(row) for row in rows.values()})) > 1:
        raise WrongReturn(f"extract returned {lengths[0]} features for one image and {lengths[-1]} for another")
    if missing:
        sweep(home)
        threads = workers if extractor.thread_safe else 1
        rows |= _extract(images, list(missing.items()), extractor, threads, progress, *lengths)
    return np.stack([rows[path] for path in paths])


def _extract(
    images: Sequence[np.ndarray],
    missing: Sequence[tuple[Path, int]],
    extractor: FeatureExtractor,
    workers: int,
    progress: Progress,
    length: int | None = None,
) -> dict[Path, np.ndarray]:
    """Compute and keep the features of some images, given by the file that is missing and their number.

    Every row has ``length`` features; where it is None, as many as the first.
    """

    def keep(path: Path, number: int, length: int | None) -> np.ndarray:
        try:
            row = _checked_row(extractor.extract(images[number]), length)
        except UserError as error:
            raise UserError(f"image {number + 1} of {len(images)}: {error}") from error
        except WrongReturn as error:
            raise WrongReturn(f"image {number + 1} of {len(images)}: {error}") from error
        buffer = io.BytesIO()
        np.save(buffer, row, allow_pickle=False)
        write_sealed(path, buffer.getvalue(), path.parent.name)
        return row

    had = len(images) - len(missing)
    paths, numbers = zip(*missing, strict=True)
    # The first alone: it builds the network, which the others share.
    rows = [keep(paths[0], numbers[0], length)]
    same = [len(rows[0])] * len(paths[1:])
    progress(f"{extractor.name} features", had + 1, len(images))
    # Threads, not processes: PyTorch computes outside the interpreter's lock, and nothing has to be sent.
    with tensor_threads(1), ThreadPoolExecutor(workers) as pool:
        for row in pool.map(keep, paths[1:], numbers[1:], same):
            rows.append(row)
            progress(f"{extractor.name} features", had + len(rows), len(images))
    return dict(zip(paths, rows, strict=True))


def _checked_row(row: object, length: int | None) -> np.ndarray:
    """A copy of an extractor's features, ``(d,)`` float32: it may use its own array again. Raises WrongReturn."""
    if not isinstance(row, np.ndarray):
        raise WrongReturn(f"extract returned {type(row).__name__}, not a NumPy array")
    if row.dtype.kind not in "fiu":
        raise WrongReturn(f"extract returned an array of type {row.dtype}, not of real numbers")
    if row.ndim != 1 or not row.size:
        raise WrongReturn(f"extract returned shape {row.shape}, not (d,)")
    if length is not None and len(row) != length:
        raise WrongReturn(f"extract returned {len(row)} features, and {length} for another image")
    # Checked after the cast: 1e300 is infinite as float32.
    with np.errstate(over="ignore"):
        copy = np.array(row, np.float32)
    if not np.isfinite(copy).all():
        raise WrongReturn("extract returned NaN or infinite features")
    return copy


def _digest(image: np.ndarray) -> str:
    image = np.ascontiguousarray(image, np.float32)
    return digest([list(image.shape), digest(image.tobytes())])


def _read(path: Path) -> np.ndarray | None:
    """Stored features; None if there are none, or they are not what was written."""
    array = read_sealed(path, path.parent.name)
    return None if array is None else np.load(io.BytesIO(array), allow_pickle=False)
