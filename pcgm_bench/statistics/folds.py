"""Dealing people into folds."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def dealt(ordered: Iterable[str], count: int, rng: np.random.Generator) -> list[list[str]]:
    """Deal people out ``count`` at a time, in random order: neighbours in ``ordered`` come into different folds.

    What is left of a round is carried on to whoever comes next, so that no fold collects all the remainders.

    >>> sorted(len(fold) for fold in dealt("abcdefg", 3, np.random.default_rng(0)))
    [2, 2, 3]
    """
    folds: list[list[str]] = [[] for _ in range(count)]
    queue: list[int] = []
    for name in ordered:
        queue = queue or rng.permutation(count).tolist()
        folds[queue.pop()].append(name)
    return folds
