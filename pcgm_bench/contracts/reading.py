"""What a study that people carry out is given, and what it writes for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class ReaderCase:
    """One image that may be shown to readers.

    Attributes:
        identity: where it came from; stands in the sealed key and nowhere else.
        person: whose image it is; nobody is drawn twice from one pool.
        load: gives the image ``(X, Y, Z)`` and its affine ``(4, 4)``.
    """

    identity: str
    person: str
    load: Callable[[], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class ReaderExport:
    """What was written for the readers.

    Attributes:
        folder: where.
        key: the sealed key.
        sha256: of the key.
        study: name of the study, in every sheet.
        files: images for each reader.
        mebibytes: size of everything.
        notes: remarks for the person who runs the study, a line each.
    """

    folder: Path
    key: Path
    sha256: str
    study: str
    files: int
    mebibytes: float
    notes: tuple[str, ...]
