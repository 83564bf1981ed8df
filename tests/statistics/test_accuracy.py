"""Accuracy against chance: intervals, equivalence, and a bootstrap that draws cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from pcgm_bench.statistics.accuracy import accuracy
from pcgm_bench.statistics.accuracy import bootstrap_over_cases
from pcgm_bench.statistics.accuracy import is_at_chance


def test_the_interval_and_the_tests_are_the_textbooks() -> None:
    share = accuracy(46, 100)
    assert share.low == proportion_confint(46, 100, method="wilson")[0]
    assert share.p == pytest.approx(stats.binomtest(46, 100).pvalue)
    more = stats.binomtest(46, 100, 0.4, alternative="greater").pvalue
    less = stats.binomtest(46, 100, 0.6, alternative="less").pvalue
    assert share.p_chance == pytest.approx(max(more, less))


def test_answers_to_one_case_are_drawn_together() -> None:
    rng = np.random.default_rng(0)
    alike = np.repeat(rng.random((100, 1)) < 0.5, 3, axis=1)
    apart = rng.random((100, 3)) < 0.5
    spread = [bootstrap_over_cases(right, np.random.default_rng(1)).std() for right in (alike, apart)]
    assert spread[0] == pytest.approx(0.05, abs=0.005)
    assert spread[1] == pytest.approx(0.05 / np.sqrt(3), abs=0.005)


def test_chance_is_shown_only_by_a_narrow_interval_around_it() -> None:
    rng = np.random.default_rng(0)
    assert is_at_chance(rng.normal(0.5, 0.02, 2000))
    assert not is_at_chance(rng.normal(0.5, 0.10, 2000))
    assert not is_at_chance(rng.normal(0.6, 0.02, 2000))
