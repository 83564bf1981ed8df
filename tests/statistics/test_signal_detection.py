"""Signal detection is the textbook's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pcgm_bench.statistics.signal_detection import detection


def test_detection_is_signal_detection_theory() -> None:
    truth = np.repeat([True, False], 100)
    said = np.concatenate([np.arange(100) < 84, np.arange(100) < 16])
    score = detection(said, truth)
    assert score.d_prime == pytest.approx(2 * stats.norm.ppf(84.5 / 101))
    assert score.criterion == pytest.approx(0, abs=1e-9)
    assert (score.sensitivity, score.specificity) == (0.84, 0.84)


def test_a_perfect_observer_has_a_finite_d_prime() -> None:
    truth = np.repeat([True, False], 10)
    assert 2 < detection(truth, truth).d_prime < 5
    assert detection(np.zeros(20, bool), truth).criterion > 1
