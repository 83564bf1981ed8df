"""How many threads tensor operations take: bits depend on the order of a sum, so the number is part of a run's key."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator

from threadpoolctl import threadpool_limits


@contextlib.contextmanager
def pinned_threads(threads: int) -> Iterator[None]:
    """Give tensor operations and linear algebra this many threads while inside, whatever the machine has."""
    if importlib.util.find_spec("torch") is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        # NumPy's linear algebra too: a matrix inverse differs in its last digits between one thread and two.
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)
