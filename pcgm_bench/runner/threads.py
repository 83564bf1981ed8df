"""How many threads tensor operations take: bits depend on the order of a sum, so the number is part of a run's key."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator

from threadpoolctl import threadpool_limits

from pcgm_bench.precision import tensor_threads


@contextlib.contextmanager
def pinned_threads(threads: int) -> Iterator[None]:
    """Give tensor operations and linear algebra this many threads while inside, whatever the machine has."""
    if importlib.util.find_spec("torch") is None:
        yield
        return
    # NumPy's linear algebra too: a matrix inverse differs in its last digits between one thread and two.
    with tensor_threads(threads), threadpool_limits(threads):
        yield
