"""Errors to a reference, and errors over other errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies

from pcgm_bench.contracts import Estimate
from pcgm_bench.statistics.reference_error import error_share
from pcgm_bench.statistics.reference_error import mean_of
from pcgm_bench.statistics.reference_error import rms_error


def test_root_mean_square_counts_bias_and_scatter() -> None:
    error = np.random.default_rng(0).normal(3.0, 4.0, (2000, 2))
    for estimate in rms_error(error, np.arange(2000) % 2, 100, 0):
        assert estimate.value == pytest.approx(5.0, rel=0.05)
        assert estimate.low < 5.0 < estimate.high
        assert estimate.n == 2000


@settings(max_examples=40, deadline=None)
@given(strategies.lists(strategies.floats(-20, 20), min_size=2, max_size=12), strategies.integers(0, 3))
def test_an_error_and_its_share_lie_in_their_intervals(values: list[float], seed: int) -> None:
    error = np.array(values)[:, None]
    mine = rms_error(error, np.zeros(len(values), int), 40, seed)[0]
    assert mine.low <= mine.value <= mine.high
    other = rms_error(error[::-1] + 1.0, np.zeros(len(values), int), 40, seed)[0]
    share = error_share(mine, other)
    if other.value and mine.low and other.low:
        assert share.low <= share.value <= share.high


def test_same_seed_same_bits() -> None:
    error, groups = np.random.default_rng(1).normal(size=(20, 3)), np.arange(20) % 2
    assert rms_error(error, groups, 50, 7) == rms_error(error, groups, 50, 7)
    assert rms_error(error, groups, 50, 7) != rms_error(error, groups, 50, 8)


def test_a_share_is_wider_than_either_error() -> None:
    share = error_share(Estimate(2.0, 1.5, 2.6, 40), Estimate(4.0, 3.5, 4.6, 30))
    assert share.value == 0.5
    assert share.n == 40
    assert share.low < 1.5 / 4.0
    assert share.high > 2.6 / 4.0
    known = error_share(Estimate(2.0, 1.5, 2.6, 40), Estimate(4.0, 4.0, 4.0, 30))
    assert (known.low, known.high) == pytest.approx((0.375, 0.65))


def test_no_error_at_all_has_a_share_and_no_interval() -> None:
    nothing = error_share(Estimate(0.0, 0.0, 0.0, 40), Estimate(4.0, 3.5, 4.6, 40))
    assert nothing.value == 0.0
    assert math.isnan(nothing.low)
    assert error_share(Estimate(1.0, 0.9, 1.1, 40), Estimate(0.0, 0.0, 0.0, 40)).reason


def test_a_mean_of_estimates_is_no_narrower_than_they_are() -> None:
    parts = [Estimate(1.0, 0.8, 1.3, 20), Estimate(3.0, 2.0, 3.9, 18)]
    assert mean_of(parts) == Estimate(2.0, 1.4, 2.6, 18)
