"""Ratios of effects, and means, with their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pcgm_bench.statistics.fieller import fieller_ratio
from pcgm_bench.statistics.normal_mean import normal_mean
from pcgm_bench.statistics.recovery_ratio import recovery_ratio


def test_what_both_effects_share_cancels() -> None:
    rng = np.random.default_rng(0)
    target = rng.normal(1.0, 0.1, 400)
    shared = recovery_ratio(0.9, 1.0, 0.9 * target, target, 100, 5)
    apart = recovery_ratio(0.9, 1.0, 0.9 * rng.normal(1.0, 0.1, 400), target, 100, 5)
    assert (shared.value, shared.n) == (0.9, 100)
    assert shared.high - shared.low == pytest.approx(0, abs=1e-9)
    assert apart.high - apart.low > 0.3
    assert apart.low < 0.9 < apart.high


def test_a_known_target_only_rescales() -> None:
    drawn = np.linspace(-1.0, 3.0, 401)
    ratio = recovery_ratio(1.0, 4.0, drawn, 4.0, 20, 5)
    half = stats.t.ppf(0.975, 15) * drawn.std(ddof=1) * np.sqrt(20 / 15) / 4
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((0.25, 0.25 - half, 0.25 + half))


@given(
    top=st.floats(-3, 3),
    bottom=st.floats(-3, 3),
    sd=st.tuples(st.floats(0.001, 2), st.floats(0.001, 2)),
    r=st.floats(-1, 1),
)
def test_a_ratio_lies_in_its_interval_or_is_not_determined(
    top: float, bottom: float, sd: tuple[float, float], r: float
) -> None:
    ratio = fieller_ratio(top, bottom, sd[0] ** 2, sd[1] ** 2, r * sd[0] * sd[1], 50, 55)
    told_from_0 = abs(bottom) > stats.t.ppf(0.975, 50) * sd[1]
    if told_from_0:
        assert ratio.low <= ratio.value <= ratio.high
    else:
        assert np.isnan(ratio.value)
        assert "includes 0" in ratio.reason


def test_a_ratio_of_means_covers_its_ratio_at_its_level() -> None:
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(1000):
        shared = rng.normal(0.0, 0.3, 40)
        top, bottom = 0.4 + shared + rng.normal(0, 0.3, 40), 0.5 + shared
        spread = np.cov(top, bottom) / 40
        ratio = fieller_ratio(top.mean(), bottom.mean(), spread[0, 0], spread[1, 1], spread[0, 1], 39, 40)
        inside.append(ratio.low <= 0.8 <= ratio.high)
    assert 0.93 < np.mean(inside) < 0.97


def test_a_normal_mean_covers_its_mean_at_its_level() -> None:
    draws = np.random.default_rng(3).normal(5.0, 2.0, (1000, 60))
    estimates = [normal_mean(values) for values in draws]
    inside = np.mean([estimate.low < 5.0 < estimate.high for estimate in estimates])
    assert 0.92 < inside < 0.97
    assert estimates[0].n == 60
