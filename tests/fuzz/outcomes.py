"""What a damaged input does: it is refused in one line, taken with the numbers of its undamaged twin, or neither."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Protocol

import numpy as np

from pcgm_bench.contracts import UserError

HANG_SECONDS = 60


class Outcome(StrEnum):
    """Of one damaged input. The last three are faults of this project."""

    REFUSED = "refused"
    SAME = "same numbers"
    SILENT = "silent"
    TRACEBACK = "traceback"
    HANG = "hang"


@dataclass(frozen=True)
class Trial:
    """One damaged input tried: what it did, and the line that was said."""

    outcome: Outcome
    line: str = ""


@dataclass(frozen=True)
class Damage:
    """A way in which an input can be wrong, or unusual.

    Attributes:
        name: in the table.
        kind: rows of one kind stand together there.
        make: writes the input to a path that ends in ``.nii.gz``, from random numbers; returns the path that was
            written (another suffix, where that is the damage).
        is_good: it is unusual only, and must be taken.
    """

    name: str
    kind: str
    make: Callable[[np.random.Generator, Path], Path]
    is_good: bool = False


class Place(Protocol):
    """Where damaged inputs come in.

    Attributes:
        name: in the table.
        damages: that are tried there.
    """

    @property
    def name(self) -> str: ...

    @property
    def damages(self) -> tuple[Damage, ...]: ...

    def attempt(self, damage: Damage, seed: int, folder: Path) -> Trial:
        """Damage a file of a new folder and read it."""
        ...


class _HangError(BaseException):
    """Not an Exception: nothing in between may take it for its own."""


def trial_of(read: Callable[[], bool]) -> Trial:
    """Try one input: ``read`` takes it, and says whether its numbers are the twin's."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise _HangError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(HANG_SECONDS)
    try:
        return Trial(Outcome.SAME if read() else Outcome.SILENT)
    except UserError as error:
        line = str(error)
        return Trial(Outcome.REFUSED if line and "\n" not in line else Outcome.TRACEBACK, line)
    except _HangError:
        return Trial(Outcome.HANG)
    except Exception as error:
        return Trial(Outcome.TRACEBACK, f"{type(error).__name__}: {error}")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
