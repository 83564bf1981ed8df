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
class ReaderRequest:
    """What the user asks of an export.

    Attributes:
        readers: how many people will read.
        cases: real cases, and as many synthetic ones.
        rule: ``nearest``: for every real case the most similar synthetic image, none twice; ``random``: drawn at
            random, of other people than the real cases where there are enough.
        repeats: share of all cases that is shown a second time, half of them real.
        catch: catch trials, obvious fakes, to see whether a reader looks.
        seed: of everything random; the same pools and seed give the same bytes.
    """

    readers: int = 3
    cases: int = 50
    rule: str = "nearest"
    repeats: float = 0.1
    catch: int = 4
    seed: int = 0


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
