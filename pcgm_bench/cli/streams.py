"""stdout and stderr that take any text, and whose reader may go: ``pcgm-bench list metrics | head -1`` is no error."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from typing import TextIO


def take_any_text() -> None:
    """Let stdout and stderr write what their encoding has no letter for, as ``\\xfc``; a closed one swallows all.

    A terminal may be ASCII, and a file's name may be no text at all: nothing of that may end a run.
    """
    sys.stdout, sys.stderr = _safe(sys.stdout), _safe(sys.stderr)


def _safe(stream: TextIO | None) -> TextIO:
    if stream is None:  # `>&-`
        return open(os.devnull, "w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Run a command that prints; where nobody reads any more, it ends with exit code 0.

    Click and Rich turn a broken pipe into exit code 1, and Python complains about it once more while it exits.
    """
    try:
        yield
    except (BrokenPipeError, SystemExit) as error:
        if not came_from(error, BrokenPipeError):
            raise
        write_nowhere()


def came_from(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether an error is of a kind, or was raised because, or while, one of that kind was handled."""
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


def write_nowhere() -> None:
    """Throw away what stdout holds, and stderr if it is broken too: Python flushes both while it exits."""
    null = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError):
        os.dup2(null, sys.stdout.fileno())
    try:
        sys.stderr.flush()
    except OSError:
        with suppress(OSError, ValueError):
            os.dup2(null, sys.stderr.fileno())
