"""Statistics over people as an `Estimate`, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.statistics.bootstrap import over_people


def estimate_over_people(
    statistic: Callable[[np.ndarray], float], n: int, seed: int, least: float = -np.inf, most: float = np.inf
) -> Estimate:
    """`over_people` as an `Estimate`; arguments as there."""
    return Estimate(**over_people(statistic, n, seed, least=least, most=most))


def mean_over_people(values: np.ndarray, seed: int, least: float = 0.0, most: float = np.inf) -> Estimate:
    """The mean of ``values (people,)`` with its interval, cut at the ends of its range.

    >>> mean_over_people(np.array([1.0, 2.0, 3.0, 4.0]), 0).value
    2.5
    """
    return estimate_over_people(lambda rows: float(values[rows].mean()), len(values), seed, least, most)


def ratio_over_people(top: np.ndarray, bottom: np.ndarray, seed: int) -> Estimate:
    """``sum(top) / sum(bottom)`` of values of the same people, both ``(people,)`` and not negative.

    >>> ratio_over_people(np.array([1.0, 2.0]), np.array([2.0, 4.0]), 0).value
    0.5
    """
    return estimate_over_people(lambda rows: float(top[rows].sum() / bottom[rows].sum()), len(top), seed, 0.0)


def person_means(subjects: Sequence[str], values: np.ndarray) -> dict[str, float]:
    """Mean of the values ``(rows,)`` of every person, sorted by name.

    >>> person_means(["b", "a", "b"], np.array([1.0, 2.0, 3.0]))
    {'a': 2.0, 'b': 2.0}
    """
    names, whose = np.unique(np.asarray(subjects, str), return_inverse=True)
    means = np.bincount(whose, values) / np.bincount(whose)
    return dict(zip(names.tolist(), means.tolist(), strict=True))
