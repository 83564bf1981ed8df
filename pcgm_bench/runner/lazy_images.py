"""A set of images that are read when asked for, so that no number of them fills the memory."""

from __future__ import annotations

import operator
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import BinaryIO

import numpy as np

SCRATCH_BYTES = 4 * 2**30
"""Of one set, on disk (5,000 images at 3 mm, 140 at 1 mm); the rest are read from where they come from every time."""
FREE_SHARE = 8
"""A set takes no more than this part of what is free; a run has three at a time at most."""


class Images(Sequence[np.ndarray]):
    """Images ``(X, Y, Z)``, read when asked for; none stays in this process.

    Metrics draw pairs at random and come back to every image many times. With a ``scratch`` folder an image is
    unpacked, or drawn, once: it then lies as plain numbers in a temporary file there, which is gone when the set is, or
    the process. A folder that cannot be written to and a disk that fills up cost time and nothing else. Threads may ask
    at the same time.
    """

    def __init__(self, loaders: Sequence[Callable[[], np.ndarray]], scratch: Path | None = None) -> None:
        """Take a function for every image that reads it.

        Args:
            loaders: one an image.
            scratch: folder for the file; none: every image is read anew.
        """
        self.loaders = loaders
        self._lock = threading.Lock()
        self._places: dict[int, tuple[int, np.dtype[Any], tuple[int, ...]]] = {}
        self._end = 0
        self._file, self._most = _temporary(scratch)
        if self._file is not None:
            weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return len(self.loaders)

    def __getitem__(self, index: Any) -> Any:
        number = range(len(self.loaders))[operator.index(index)]
        with self._lock:
            image = self._kept(number)
        if image is not None:
            return image
        image = self.loaders[number]()
        with self._lock:
            self._keep(number, image)
        return image

    def _kept(self, number: int) -> np.ndarray | None:
        if self._file is None or number not in self._places:
            return None
        start, dtype, shape = self._places[number]
        image = np.empty(shape, dtype)
        try:
            self._file.seek(start)
            whole = self._file.readinto(image.data.cast("B")) == image.nbytes  # type: ignore[attr-defined]
        except OSError:
            whole = False
        if not whole:
            self._give_up()
        return image if whole else None

    def _keep(self, number: int, image: np.ndarray) -> None:
        if self._file is None or number in self._places or not 0 < image.nbytes <= self._most - self._end:
            return
        try:
            self._file.seek(self._end)
            whole = self._file.write(np.ascontiguousarray(image).data.cast("B")) == image.nbytes
        except OSError:
            whole = False
        if not whole:
            self._give_up()
            return
        self._places[number] = (self._end, image.dtype, image.shape)
        self._end += image.nbytes

    def _give_up(self) -> None:
        """A full or broken disk: leave it to others, and read every image from where it comes from."""
        assert self._file is not None
        self._file.close()
        self._file = None
        self._places.clear()


def _temporary(folder: Path | None) -> tuple[BinaryIO | None, int]:
    """A file, and how many bytes it may take; no file without a folder, or in one that cannot be written to."""
    if folder is None:
        return None, 0
    try:
        most = min(SCRATCH_BYTES, shutil.disk_usage(folder).free // FREE_SHARE)
        # Unbuffered: what a buffer holds has not met the full disk yet.
        return tempfile.TemporaryFile(buffering=0, dir=folder), most
    except OSError:
        return None, 0
