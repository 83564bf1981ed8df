"""Least squares, the t interval of a mean, and two systems by a ratio."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies
from scipy import stats

from pcgm_bench.statistics.ols import detectable_slope_error
from pcgm_bench.statistics.ols import fitted_line
from pcgm_bench.statistics.paired_ratio import holm_of
from pcgm_bench.statistics.paired_ratio import paired_ratio
from pcgm_bench.statistics.t_interval import mean_of


def test_a_line_is_scipys() -> None:
    rng = np.random.default_rng(0)
    x, people = rng.standard_normal(30), np.arange(30).astype(str)
    y = 0.5 * x + rng.standard_normal(30)
    line, fit = fitted_line(x, y, people), stats.linregress(x, y)
    half = stats.t.ppf(0.975, 28) * fit.stderr
    assert (line.slope, line.intercept) == pytest.approx((fit.slope, fit.intercept))
    assert (line.low, line.high) == pytest.approx((fit.slope - half, fit.slope + half))


def test_points_of_one_person_do_not_count_as_people() -> None:
    rng = np.random.default_rng(0)
    x = np.repeat(rng.standard_normal(10), 10)
    y = np.repeat(rng.standard_normal(10), 10) + 0.01 * rng.standard_normal(100)
    apart = fitted_line(x, y, np.arange(100).astype(str))
    together = fitted_line(x, y, np.repeat(np.arange(10), 10).astype(str))
    assert together.slope == pytest.approx(apart.slope)
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_a_slope_error_is_detected_four_times_in_five() -> None:
    n, half = 24, 0.1
    se = half / stats.t.ppf(0.975, n - 2)
    off = detectable_slope_error(1 - half, 1 + half, n)
    assert stats.nct.sf(stats.t.ppf(0.975, n - 2), n - 2, off / se) == pytest.approx(0.8, abs=0.01)


@given(strategies.lists(strategies.floats(-10, 10), min_size=3, max_size=20, unique=True))
def test_the_interval_of_a_mean_is_scipys(values: list[float]) -> None:
    mean = mean_of(np.array(values))
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert (mean.low, mean.high) == pytest.approx((low, high), rel=1e-6, abs=1e-6)


def test_the_mean_of_nothing_and_of_a_single_value() -> None:
    assert np.isnan(mean_of(np.array([])).value)
    alone = mean_of(np.array([2.0]))
    assert alone.value == 2
    assert np.isnan([alone.low, alone.high, alone.sd]).all()


def test_two_systems_are_compared_on_the_people_that_both_have() -> None:
    rng = np.random.default_rng(0)
    first = {f"{k}": float(rng.lognormal()) for k in range(20)}
    second = {name: 2 * value * float(rng.lognormal(0, 0.1)) for name, value in first.items()}
    second["other"] = 1e9
    test = paired_ratio(first, second)
    a, b = np.array(list(first.values())), np.array([second[name] for name in first])
    assert test.n == 20
    assert test.ratio == pytest.approx(stats.gmean(a / b))
    assert (test.t, test.p_t) == pytest.approx(tuple(stats.ttest_rel(a, b)))
    assert test.p == pytest.approx(stats.wilcoxon(np.log(a / b)).pvalue)
    assert holm_of([test, test]) == pytest.approx([2 * test.p, 2 * test.p])


def test_equal_systems_and_too_few_people() -> None:
    same = dict.fromkeys("abcd", 1.0)
    test = paired_ratio(same, same)
    assert (test.ratio, test.p) == (1, 1)
    assert np.isnan(test.t)
    few = paired_ratio({"a": 1.0, "b": 2.0}, {"a": 2.0, "b": 4.0})
    assert few.ratio == 0.5
    assert np.isnan([few.p, few.t, few.p_t]).all()
    assert np.isnan(paired_ratio({"a": 1.0}, {"b": 1.0}).ratio)
    assert paired_ratio({"a": 0.0}, {"a": 1.0}).ratio == pytest.approx(1e-12)
