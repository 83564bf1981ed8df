"""A set of images that are read when asked for, so that no number of them fills the memory."""

from __future__ import annotations

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


class Images(Sequence[np.ndarray]):
    """Images ``(X, Y, Z)``, read when asked for; none stays in memory.

    Metrics draw pairs at random and come back to every image many times. With a ``scratch`` folder an image is
    unpacked, or drawn, once: it then lies as plain numbers in a file there that has no name, and that the system
    removes with the set, or with the process however it ends. Threads may ask at the same time.
    """

    def __init__(
        self, loaders: Sequence[Callable[[], np.ndarray]], scratch: Path | None = None, most: int = SCRATCH_BYTES
    ) -> None:
        """Take a function for every image that reads it.

        Args:
            loaders: one an image.
            scratch: an existing folder for the file; none: every image is read anew.
            most: bytes of it.
        """
        self.loaders = loaders
        self._most = most
        self._lock = threading.Lock()
        self._places: dict[int, tuple[int, np.dtype[Any], tuple[int, ...]]] = {}
        self._end = 0
        self._file = _nameless_file(scratch)
        if self._file is not None:
            weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return len(self.loaders)

    def __getitem__(self, index: Any) -> Any:
        with self._lock:
            if (place := self._places.get(index)) is not None:
                return self._kept(*place)
        image = self.loaders[index]()
        with self._lock:
            if index not in self._places:
                self._keep(index, image)
        return image

    def _kept(self, start: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray:
        assert self._file is not None
        image = np.empty(shape, dtype)
        self._file.seek(start)
        if self._file.readinto(image.data.cast("B")) != image.nbytes:  # type: ignore[attr-defined]
            raise OSError("an image's unpacked copy cannot be read back: is the disk well?")
        return image

    def _keep(self, index: int, image: np.ndarray) -> None:
        if self._file is None or self._end + image.nbytes > self._most:
            return
        self._file.seek(self._end)
        try:
            whole = self._file.write(np.ascontiguousarray(image).data.cast("B")) == image.nbytes
        except OSError:
            whole = False
        if not whole:
            # A full disk: nothing is lost, later images are read from where they come from.
            self._most = self._end
            return
        self._places[index] = (self._end, image.dtype, image.shape)
        self._end += image.nbytes


def _nameless_file(folder: Path | None) -> BinaryIO | None:
    if folder is None:
        return None
    # Unbuffered: a half-written image would otherwise be reported as kept.
    return tempfile.TemporaryFile(buffering=0, dir=folder)
