"""What a long job shows: a bar with an ETA on a terminal, plain lines with an ETA everywhere else."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import Any
from typing import Self

from pcgm_bench.printable import printable

LINES_APART_S = 15.0


class Reporter:
    """Told ``(what, done, total)``; shows one bar, or prints one line now and then.

    On a terminal a bar; with ``quiet``, or without a terminal, a line when a piece of work begins and ends and every
    15 seconds between. Everything goes to stderr: stdout is for results.

    Example:
        >>> with Reporter(quiet=True) as report:
        ...     report("segment scans", 3, 200)
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._plain = quiet or not sys.stderr.isatty()
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}
        self._started: dict[str, tuple[float, int]] = {}
        self._printed: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """``what`` names a piece of work; ``done`` of ``total`` units of it are complete."""
        what = printable(what)
        if self._plain:
            self._line(what, done, total)
        else:
            self._bar(what, done, total)

    def _line(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        first, had = self._started.setdefault(what, (now, done))
        due = what not in self._printed or now - self._printed[what] >= LINES_APART_S
        if not due and done < total:
            return
        self._printed[what] = now
        left = (now - first) / (done - had) * (total - done) if done > had else None
        text = f"{what}: {done}/{total} done"
        if left is not None and done < total:
            text += f", about {span(left)} left"
        elif done > had:
            text += f" in {span(now - first)}"
        # Nobody reads any more (`2>&1 | head`): the work goes on.
        with suppress(BrokenPipeError):
            print(text, file=sys.stderr, flush=True)

    def _bar(self, what: str, done: int, total: int) -> None:
        if self._bars is None:
            from rich.console import Console
            from rich.progress import BarColumn
            from rich.progress import MofNCompleteColumn
            from rich.progress import Progress
            from rich.progress import TextColumn
            from rich.progress import TimeElapsedColumn
            from rich.progress import TimeRemainingColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
            )
            self._bars = Progress(*columns, console=Console(stderr=True))
            self._bars.start()
        if what not in self._tasks:
            # Units that an earlier process made must not count as speed.
            self._tasks[what] = self._bars.add_task(what, total=total, completed=done)
        self._bars.update(self._tasks[what], completed=done, total=total)


def span(seconds: float) -> str:
    """Seconds in words.

    >>> span(4.2), span(75), span(7300)
    ('4 s', '1 min 15 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
