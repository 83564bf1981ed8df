"""Whether two groups were skull-stripped alike: a mask alone moves cortex by several per cent, as a disease does."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from scipy import stats

from pcgm_bench.cohort.quality.measures import ImageQuality

P = 0.01
STANDARD_DEVIATIONS = 1.0
"""Least difference that is warned of: a millimetre of mask makes more than two, what ages and diseases do to the fluid
around a brain makes less than one."""
FEWEST = 4
"""Scans a group below which nothing is said."""


def mask_warning(qualities: Sequence[ImageQuality], groups: Sequence[str]) -> list[str]:
    """A line for each pair of groups whose heads differ strongly at the rim; empty where masks look alike.

    The rim is the mean intensity of a head's outermost voxels over that of its bright tissue: a tight mask cuts into
    cortex, a loose one leaves fluid. Welch's t-test, and a difference of at least one standard deviation.

    Args:
        qualities: one a scan.
        groups: the label of each.
    """
    values = {name: _rims(qualities, groups, name) for name in sorted(set(groups))}
    lines = []
    for first, second in itertools.combinations([name for name in values if len(values[name]) >= FEWEST], 2):
        one, two = values[first], values[second]
        spread = float(np.sqrt((one.var(ddof=1) + two.var(ddof=1)) / 2))
        gap = float(two.mean() - one.mean())
        p = float(stats.ttest_ind(one, two, equal_var=False).pvalue)
        if abs(gap) >= STANDARD_DEVIATIONS * spread and p < P:
            lines.append(
                f"the heads of {first} and {second} differ at their rim ({one.mean():.3f} and {two.mean():.3f} of the "
                f"bright tissue, {abs(gap) / max(spread, 1e-9):.1f} s.d., p {p:.1g}): were they skull-stripped by one "
                "tool? A mask alone can move cortex by several per cent"
            )
    return lines


def _rims(qualities: Sequence[ImageQuality], groups: Sequence[str], name: str) -> np.ndarray:
    found = [quality.rim for quality, group in zip(qualities, groups, strict=True) if group == name]
    return np.array([value for value in found if np.isfinite(value)])
