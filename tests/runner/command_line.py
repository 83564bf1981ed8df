"""Commands of the tests with the external package, and what came of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PROGRESS = re.compile(r": \d+/\d+ done")
RUN = ("run", "-m", "toy-scale", "-s", "toy-swap", "--cohort", "toy-people", "--segmenter", "toy-slabs", "--quiet")
ALONE = (*RUN, "--workers", "1")
ADDED = ("--metrics", "+toy-distance", "--features", "+toy-corner")
TIMES = ("manifest.json", "lock", "environment.json")
"""Files that hold wall times and process state, not results."""


@dataclass(frozen=True)
class Outcome:
    """What a command left.

    Attributes:
        code: exit code.
        out: on stdout.
        err: on stderr.
    """

    code: int
    out: str
    err: str

    @property
    def said(self) -> list[str]:
        """Lines on stderr that are no progress."""
        return [line for line in self.err.splitlines() if line.strip() and not PROGRESS.search(line)]

    @property
    def complaint(self) -> str:
        """The one line on stderr."""
        assert len(self.said) == 1, self.err
        return self.said[0]


class Command(Protocol):
    """Gives a command line, with a copy of the package and a fault if need be."""

    def __call__(self, *arguments: str, site: Path = ..., fault: str = "") -> Outcome: ...


def runs(home: Path) -> list[Path]:
    """Folders of all runs, the oldest first."""
    folders = [path.parent for path in (home / "runs").glob("*/run.json")]
    return sorted(folders, key=lambda folder: (folder / "run.json").stat().st_mtime_ns)
