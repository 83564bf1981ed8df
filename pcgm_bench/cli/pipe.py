"""Output whose reader has gone: ``pcgm-bench list metrics | head -1`` is no error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Run a command that prints; where nobody reads any more, it ends with exit code 0.

    Click and Rich turn a broken pipe into exit code 1, and Python complains about it once more while it exits.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _discard()
    except SystemExit as error:
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        _discard()


def _discard() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
