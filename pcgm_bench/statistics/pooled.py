"""Statistics of sums over images: of all people together, of every person, and with an interval over people."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.statistics.estimates import estimate_over_people

Formula = Callable[[np.ndarray], float]
"""Of sums ``(columns,)``."""


def pooled(
    subjects: Sequence[str],
    columns: Sequence[Sequence[float]],
    formula: Formula,
    seed: int,
    least: float = -np.inf,
    most: float = np.inf,
) -> Estimate:
    """A formula of sums over all images.

    A ratio of sums is told from noise where a mean of ratios is not: a person with hardly any change has hardly any
    weight.

    Args:
        subjects: of every image.
        columns: ``(columns, images)``: what is summed.
        formula: of the sums.
        seed: of the bootstrap over people.
        least: lower end of the range.
        most: upper end.

    Returns:
        The estimate; ``n``: images; ``by_unit``: the formula of the sums of every person.

    >>> pooled(["a", "b"], [[1.0, 2.0], [2.0, 2.0]], lambda sums: float(sums[0] / sums[1]), 0).value
    0.75
    """
    names, whose = np.unique(np.asarray(subjects, str), return_inverse=True)
    sums = np.stack([np.bincount(whose, np.asarray(column, float), len(names)) for column in columns], axis=1)
    estimate = estimate_over_people(lambda rows: formula(sums[rows].sum(axis=0)), len(names), seed, least, most)
    by_unit = {str(name): formula(row) for name, row in zip(names, sums, strict=True)}
    return replace(estimate, n=len(subjects), by_unit=by_unit)
