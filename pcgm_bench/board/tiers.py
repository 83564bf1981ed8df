"""Verdicts between methods, and rank tiers: what cannot be told apart shares a rank."""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from functools import lru_cache
from itertools import combinations
from itertools import product

import numpy as np
from scipy import stats

from pcgm_bench.board.rows import competes
from pcgm_bench.contracts import Record
from pcgm_bench.statistics.bootstrap import standard_error
from pcgm_bench.statistics.multiplicity import holm

ALPHA = 0.05
FLIPS = 10_000
"""Sign patterns of the paired test; all of them where there are no more (13 units)."""

REPLICATES = 1000
"""Of the paired bootstrap."""

SEED = 20180021
"""Of the sign patterns and the bootstrap: the board is the same every time it is built."""

PAIRED = "paired"
INTERVALS = "intervals"


@dataclass(frozen=True)
class Verdict:
    """Two methods in one column.

    Attributes:
        better: the one with the smaller loss.
        worse: the other.
        gap: loss of ``worse`` minus loss of ``better``, in the column's unit, >= 0.
        p: two-sided p that the gap is 0.
        p_holm: the same, by Holm over all pairs of the column.
        how: `PAIRED` or `INTERVALS`.
        n: units compared one by one; 0 for `INTERVALS`.
    """

    better: str
    worse: str
    gap: float
    p: float
    p_holm: float
    how: str
    n: int

    @property
    def separable(self) -> bool:
        """Whether the two can be told apart at a familywise 0.05."""
        return self.p_holm <= ALPHA


def can_be_ranked(entry: Record) -> bool:
    """A method's value with units or an interval: without either nothing can be said about a difference."""
    has_interval = entry.low is not None and entry.high is not None
    return (
        competes(entry)
        and bool(entry.direction)
        and entry.estimate is not None
        and (has_interval or bool(entry.by_unit))
    )


def verdicts(entries: Sequence[Record]) -> list[Verdict]:
    """All pairs of the entries of one column that can be ranked, p by Holm over them."""
    pairs = list(combinations([entry for entry in entries if can_be_ranked(entry)], 2))
    raw = [compare(first, second) for first, second in pairs]
    adjusted = holm(np.array([verdict.p for verdict in raw])) if raw else np.empty(0)
    return [replace(verdict, p_holm=float(p)) for verdict, p in zip(raw, adjusted, strict=True)]


def tiers(entries: Sequence[Record], pairs: Sequence[Verdict]) -> dict[str, int]:
    """Row -> tier, from 1: whoever cannot be told from the tier's leader shares its rank.

    The leader of a tier is the best value among those without a tier yet. Sharing a tier is not a proof of equality,
    and two members of one tier may well be separable from each other.
    """
    apart = {frozenset((pair.better, pair.worse)) for pair in pairs if pair.separable}
    left = sorted((entry for entry in entries if can_be_ranked(entry)), key=lambda entry: (entry.loss, entry.row))
    result: dict[str, int] = {}
    tier = 0
    while left:
        tier += 1
        leader = left[0].row
        members = [entry for entry in left if frozenset((leader, entry.row)) not in apart]
        result.update({entry.row: tier for entry in members})
        left = [entry for entry in left if entry.row not in result]
    return result


def compare(first: Record, second: Record) -> Verdict:
    """Two entries of one column; `Verdict.p_holm` is still `Verdict.p`.

    Paired where both give values for the same units:

    * ``higher``, ``lower``: sign-flip test of the mean difference, exact up to 13 units (two methods that are alike
      could have had their scores swapped in any unit). It needs at least six units for p <= 0.05.
    * ``nearest``: units are drawn with replacement, the same for both, and the difference of the two means' distances
      to the target is held against its bootstrap standard error (t, n - 1).

    Else from the two intervals, as if the two were independent (MOVER: Zou and Donner 2008, Stat Med 27:1693): the
    interval's ends that face each other, each 1.96 standard errors from its estimate. With the same people in both it
    errs towards "cannot be told apart".
    """
    units = sorted(first.by_unit)
    if units and set(units) == set(second.by_unit) and len(units) > 1:
        gap, p = _paired(first, second, units)
        how, n = PAIRED, len(units)
    else:
        gap, p = _from_intervals(first, second)
        how, n = INTERVALS, 0
    better, worse = (first, second) if gap >= 0 else (second, first)
    return Verdict(better.row, worse.row, abs(gap), p, p, how, n)


def detectable_between(n: int, pairs: int, power: float = 0.8) -> float:
    """Smallest mean difference, in standard deviations of the units' differences, that Holm's hardest step sees.

    >>> round(detectable_between(200, 1), 2)
    0.2
    """
    from statsmodels.stats.power import TTestPower

    return float(TTestPower().solve_power(nobs=n, alpha=ALPHA / max(pairs, 1), power=power))


def _paired(first: Record, second: Record, units: Sequence[str]) -> tuple[float, float]:
    a, b = (_values(entry.by_unit, units) for entry in (first, second))
    if first.direction == "nearest":
        return _nearest(a, b, float(first.target or 0.0))
    difference = b - a if first.direction == "lower" else a - b
    return float(difference.mean()), sign_flip(difference)


def _values(by_unit: Mapping[str, float], units: Sequence[str]) -> np.ndarray:
    return np.array([by_unit[unit] for unit in units], float)


def sign_flip(difference: np.ndarray) -> float:
    """Two-sided p that ``difference (n,)`` is symmetric around 0, by flipping signs; the observed pattern counts.

    >>> sign_flip(np.ones(6))
    0.03125
    """
    signs = _signs(len(difference))
    observed = abs(difference.sum())
    reached = np.abs(signs @ difference) >= observed - 1e-9 * np.abs(difference).sum()
    extra = 0 if 2 ** len(difference) <= FLIPS else 1
    return float((reached.sum() + extra) / (len(signs) + extra))


@lru_cache(maxsize=2)
def _signs(n: int) -> np.ndarray:
    if 2**n <= FLIPS:
        return np.array(list(product((-1.0, 1.0), repeat=n)))
    return np.random.default_rng([SEED, n]).integers(0, 2, (FLIPS - 1, n)) * 2.0 - 1.0


@lru_cache(maxsize=2)
def _drawn(n: int) -> np.ndarray:
    return np.random.default_rng([SEED, n, 1]).integers(0, n, (REPLICATES, n))


def _nearest(a: np.ndarray, b: np.ndarray, target: float) -> tuple[float, float]:
    drawn = _drawn(len(a))
    gaps = np.abs(b[drawn].mean(axis=1) - target) - np.abs(a[drawn].mean(axis=1) - target)
    estimate = float(abs(b.mean() - target) - abs(a.mean() - target))
    spread = float(standard_error(gaps, len(a), 1))
    return estimate, _two_sided(estimate, spread, lambda t: 2 * stats.t.sf(t, len(a) - 1))


def _from_intervals(first: Record, second: Record) -> tuple[float, float]:
    gap = second.loss - first.loss
    better, worse = (first, second) if gap >= 0 else (second, first)
    # Facing ends: the better one's bad end, the worse one's good end.
    half = math.hypot(_half(better, away=True), _half(worse, away=False))
    return gap, _two_sided(gap, half / stats.norm.ppf(0.975), lambda z: 2 * stats.norm.sf(z))


def _half(entry: Record, away: bool) -> float:
    """Width of the interval's half on the side of more loss (``away``) or less."""
    if entry.estimate is None or entry.low is None or entry.high is None:
        return math.nan
    more_is_worse = (
        entry.estimate >= (entry.target or 0.0) if entry.direction == "nearest" else entry.direction == "lower"
    )
    upper = more_is_worse == away
    return entry.high - entry.estimate if upper else entry.estimate - entry.low


def _two_sided(gap: float, spread: float, tail: Callable[[float], float]) -> float:
    if math.isnan(spread):
        return math.nan
    if spread <= 1e-12:
        return 1.0 if abs(gap) <= 1e-12 else 0.0
    return float(tail(abs(gap) / spread))
