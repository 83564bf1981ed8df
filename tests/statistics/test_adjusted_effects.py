"""Group effects with covariates held equal, tested by a bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from pcgm_bench.statistics.adjusted_effects import adjusted_difference
from pcgm_bench.statistics.adjusted_effects import infer
from pcgm_bench.statistics.effects import ancova


def _people(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    covariates = rng.normal(size=(2 * n, 2))
    volumes = 100 + 5 * covariates[:, :1] + rng.normal(0, 2, (2 * n, 3))
    return volumes[:n], volumes[n:] - np.array([4.0, 0.0, 0.0]), covariates


def test_the_difference_is_in_spreads_and_in_per_cent_of_the_first_group() -> None:
    first, second, covariates = _people(0)
    d, percent = adjusted_difference(first, second, covariates)
    fit = ancova(first, second, covariates)
    assert d == pytest.approx(fit.difference / fit.sd)
    assert percent == pytest.approx(100 * fit.difference / first.mean(axis=0))
    assert percent[0] == pytest.approx(-4, abs=0.8)


def test_replicates_stand_in_front() -> None:
    first, second, covariates = _people(1)
    both = adjusted_difference(np.stack([first, first + 1]), np.stack([second] * 2), np.stack([covariates] * 2))
    assert both.shape == (2, 2, 3)
    assert both[0] == pytest.approx(adjusted_difference(first, second, covariates))


def test_a_spread_as_large_as_the_effect_says_nothing_and_a_small_one_does() -> None:
    estimate = np.array([[-2.0, 0.0, 0.5], [-4.0, 0.0, 1.0]])
    rng = np.random.default_rng(2)
    drawn = estimate + np.array([0.1, 0.01, 1.0]) * rng.normal(size=(500, 1, 1))
    effects = infer(estimate, drawn, 120, 4, bound=0.3)
    assert [effect.verdict for effect in effects] == ["different", "equivalent", "inconclusive"]
    assert [effect.n for effect in effects] == [120] * 3
    for effect in effects:
        assert effect.low <= effect.d <= effect.high
        assert effect.percent_low <= effect.percent <= effect.percent_high
        assert effect.p <= effect.p_holm
    assert effects[0].se == pytest.approx(0.1 * np.sqrt(120 / 116), rel=0.1)
    assert effects[1].tost_power == pytest.approx(1.0)


def test_a_region_that_nobody_measured_stays_missing() -> None:
    (effect,) = infer(np.full((2, 1), np.nan), np.full((9, 2, 1), np.nan), 20, 4, bound=0.3)
    assert np.isnan([effect.d, effect.p, effect.p_holm, effect.tost_p]).all()
    assert effect.verdict == "inconclusive"
