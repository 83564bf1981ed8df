"""Verdicts between methods and rank tiers, by simulation and by hand."""

from __future__ import annotations

import dataclasses
import itertools
import math
from operator import attrgetter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from scipy import stats

from pcgm_bench.board.tiers import INTERVALS
from pcgm_bench.board.tiers import PAIRED
from pcgm_bench.board.tiers import compare
from pcgm_bench.board.tiers import detectable_between
from pcgm_bench.board.tiers import sign_flip
from pcgm_bench.board.tiers import tiers
from pcgm_bench.board.tiers import verdicts
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind

DRAWS = 300


def entry(row: str, units: np.ndarray, direction: str = "lower", paired: bool = True) -> Record:
    """A mean with its normal interval."""
    mean, half = float(units.mean()), 1.96 * float(units.std(ddof=1)) / math.sqrt(len(units))
    by_unit = {f"s{i:03d}": float(x) for i, x in enumerate(units)}
    return cell(row, direction, mean, mean - half, mean + half, len(units), by_unit if paired else {})


def cell(
    row: str, direction: str, estimate: float | None, low: float | None = None, high: float | None = None,
    n: int | None = None, by_unit: dict[str, float] | None = None,
) -> Record:  # fmt: skip
    """A method's record in one column; the target is 1."""
    target = 1.0 if direction == "nearest" else None
    return Record(
        row, RowKind.METHOD, "m 1", estimate, low, high, n, direction=direction, target=target, column="c",
        by_unit=by_unit or {},
    )  # fmt: skip


def methods(seed: int, k: int, n: int, kind: str, worse: float = 0.0) -> list[Record]:
    """``k`` methods on the same ``n`` people (correlation 0.7); the last is ``worse``."""
    rng = np.random.default_rng([seed, k, n])
    shared = rng.normal(size=n)
    found = []
    for i in range(k):
        z = np.sqrt(0.7) * shared + np.sqrt(0.3) * rng.normal(size=n)
        by = worse if i == k - 1 else 0.0
        if kind == "nearest":
            found.append(entry(f"m{i}", 0.9 + 0.3 * (z - by), "nearest"))
        elif kind == "higher":
            found.append(entry(f"m{i}", (z < 1.6 - by).astype(float), "higher"))
        elif kind == "skewed":
            found.append(entry(f"m{i}", np.exp(z / 2) + by))
        else:
            found.append(entry(f"m{i}", z + by, paired=kind == "lower"))
    return found


def ranked(entries: list[Record]) -> dict[str, int]:
    return tiers(entries, verdicts(entries))


@pytest.mark.parametrize("kind", ["lower", "higher", "skewed", "nearest", "intervals"])
@pytest.mark.parametrize(("k", "n"), [(2, 40), (5, 40)])
def test_equal_methods_share_the_first_tier(kind: str, k: int, n: int) -> None:
    together = sum(set(ranked(methods(seed, k, n, kind)).values()) == {1} for seed in range(DRAWS))
    # A true rate of 95 % passes below this 99.9 times of 100.
    assert together >= stats.binom.ppf(0.001, DRAWS, 0.95)


@pytest.mark.parametrize("kind", ["lower", "higher", "skewed", "nearest", "intervals"])
def test_a_method_clearly_worse_does_not(kind: str) -> None:
    worse = {"higher": 1.6}.get(kind, 1.2)
    for seed in range(30):
        found = ranked(methods(seed, 4, 100, kind, worse))
        assert found["m3"] > 1, (seed, found)
        assert 1 in found.values()


def test_the_sign_flip_test_is_exact_where_it_can_be() -> None:
    x = np.array([0.3, -0.1, 0.8, 0.5, 0.2, 0.4, 0.1])
    reached = [abs(sum(s * v for s, v in zip(signs, x, strict=True))) >= abs(x.sum()) - 1e-9
               for signs in itertools.product((-1, 1), repeat=7)]  # fmt: skip
    assert sign_flip(x) == pytest.approx(np.mean(reached))
    for n, shift in ((13, 0.5), (14, 0.5), (200, 0.1)):
        x = np.random.default_rng(n).normal(shift, size=n)
        exact = stats.permutation_test((x,), np.mean, permutation_type="samples", n_resamples=20_000, rng=0)
        assert sign_flip(x) == pytest.approx(exact.pvalue, abs=0.02)


def test_mcnemar_is_the_case_of_zeros_and_ones() -> None:
    x = np.concatenate([np.ones(9), -np.ones(1), np.zeros(50)])
    assert sign_flip(x) == pytest.approx(stats.binomtest(1, 10).pvalue, abs=0.01)


def test_five_units_can_never_tell_two_methods_apart() -> None:
    a, b = entry("a", np.arange(5.0)), entry("b", np.arange(5.0) + 100)
    assert compare(a, b).p == 2 / 2**5
    assert ranked([a, b]) == {"a": 1, "b": 1}


def test_intervals_are_used_where_units_differ_and_their_facing_ends_count() -> None:
    a = cell("a", "lower", 1.0, 0.0, 1.2)
    b = cell("b", "lower", 2.0, 1.6, 9.0)
    found = compare(a, b)
    assert (found.better, found.how, found.n) == ("a", INTERVALS, 0)
    assert found.p == pytest.approx(2 * stats.norm.sf(1.959964 / math.hypot(0.2, 0.4)), rel=1e-5)
    # The other way round, the other ends face each other.
    turned = compare(dataclasses.replace(a, direction="higher"), dataclasses.replace(b, direction="higher"))
    assert (turned.better, turned.gap) == ("b", 1.0)
    assert turned.p == pytest.approx(found.p)  # b's lower end and a's upper end again
    some = dataclasses.replace(a, by_unit={"x": 1.0, "y": 1.0})
    other = dataclasses.replace(b, by_unit={"x": 2.0, "z": 2.0})
    assert compare(some, other).how == INTERVALS
    assert compare(some, dataclasses.replace(b, by_unit={"x": 2.0, "y": 2.0})).how == PAIRED


def test_nearest_looks_at_the_distance_of_the_mean_on_either_side() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, 200)
    low, high = entry("low", 0.7 + noise, "nearest"), entry("high", 1.02 + noise[::-1], "nearest")
    found = compare(low, high)
    assert (found.better, found.how) == ("high", PAIRED)
    assert found.p < 1e-6
    # As far off on the other side: not to be told apart, though the values differ by 0.6.
    assert compare(low, entry("far", 1.3 + noise[::-1], "nearest")).p > 0.05
    unpaired = [dataclasses.replace(one, by_unit={}) for one in (low, entry("far", 1.3 + noise[::-1], "nearest"))]
    assert compare(*unpaired).p > 0.05


def test_holm_is_over_the_pairs_of_the_column() -> None:
    found = verdicts(methods(1, 4, 30, "lower", worse=0.5))
    raw = sorted(one.p for one in found)
    assert len(found) == 6
    assert min(one.p_holm for one in found) == pytest.approx(min(1.0, 6 * raw[0]))
    assert all(one.p_holm >= one.p for one in found)


def test_controls_and_values_without_interval_are_not_ranked() -> None:
    best = dataclasses.replace(entry("control", np.zeros(30) + np.arange(30) / 100), kind=RowKind.CONTROL)
    bare = cell("bare", "lower", -5.0)
    missing = cell("missing", "lower", None, 0.0, 1.0)
    entries = [best, bare, missing, *methods(3, 2, 30, "lower", worse=2)]
    assert ranked(entries) == {"m0": 1, "m1": 2}


def test_a_chain_is_cut_at_the_leader() -> None:
    """b cannot be told from a, nor c from b, but c can from a: c opens the second tier."""
    column = [cell(row, "lower", x, x - 1, x + 1) for row, x in (("a", 0.0), ("b", 1.2), ("c", 2.4))]
    assert ranked(column) == {"a": 1, "b": 1, "c": 2}


def test_exact_values_are_apart_only_if_they_differ() -> None:
    same = [cell(row, "lower", 1.0, 1.0, 1.0) for row in "ab"]
    assert ranked(same) == {"a": 1, "b": 1}
    assert ranked([same[0], dataclasses.replace(same[1], estimate=1.1, low=1.1, high=1.1)]) == {"a": 1, "b": 2}


@settings(max_examples=30)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=6), st.floats(0.01, 3), st.sampled_from(["lower", "higher"]))
def test_tiers_follow_the_values_and_do_not_depend_on_the_order(values: list[float], half: float, way: str) -> None:
    entries = [cell(f"m{i}", way, x, x - half, x + half) for i, x in enumerate(values)]
    found = ranked(entries)
    assert found == ranked(entries[::-1])
    best = min(entries, key=attrgetter("loss"))
    assert found[best.row] == 1
    assert sorted(set(found.values())) == list(range(1, max(found.values()) + 1))
    # With equal widths a worse value is never in a better tier.
    order = sorted(entries, key=attrgetter("loss"))
    assert all(found[a.row] <= found[b.row] for a, b in itertools.pairwise(order))


def test_power_line() -> None:
    n, pairs = 60, 3
    d = detectable_between(n, pairs)
    rng = np.random.default_rng(0)
    hits = [stats.ttest_1samp(rng.normal(d, 1, n), 0).pvalue <= 0.05 / pairs for _ in range(2000)]
    assert np.mean(hits) == pytest.approx(0.8, abs=0.03)


def test_a_column_without_a_direction_is_not_ranked() -> None:
    assert ranked([cell("a", "", 1.0, 0.9, 1.1), cell("b", "", 9.0, 8.9, 9.1)]) == {}
