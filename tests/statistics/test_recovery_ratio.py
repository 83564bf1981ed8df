"""Ratios of effects with percentile intervals."""

from __future__ import annotations

import numpy as np
import pytest

from pcgm_bench.statistics.normal_mean import normal_mean
from pcgm_bench.statistics.recovery_ratio import recovery_ratio


def test_what_both_effects_share_cancels() -> None:
    rng = np.random.default_rng(0)
    target = rng.normal(1.0, 0.1, 400)
    shared = recovery_ratio(0.9, 1.0, 0.9 * target, target, 100)
    apart = recovery_ratio(0.9, 1.0, 0.9 * rng.normal(1.0, 0.1, 400), target, 100)
    assert (shared.value, shared.n) == (0.9, 100)
    assert shared.high - shared.low == pytest.approx(0, abs=1e-9)
    assert apart.high - apart.low > 0.3
    assert apart.low < 0.9 < apart.high


def test_a_known_target_only_rescales() -> None:
    drawn = np.linspace(-1.0, 3.0, 401)
    ratio = recovery_ratio(1.0, 4.0, drawn, 4.0, 20)
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((0.25, -0.225, 0.725))


def test_a_normal_mean_covers_its_mean_at_its_level() -> None:
    draws = np.random.default_rng(3).normal(5.0, 2.0, (1000, 60))
    estimates = [normal_mean(values) for values in draws]
    inside = np.mean([estimate.low < 5.0 < estimate.high for estimate in estimates])
    assert 0.92 < inside < 0.97
    assert estimates[0].n == 60
