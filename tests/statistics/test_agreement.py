"""Kappas, and why there is none."""

from __future__ import annotations

import numpy as np
import pytest

from pcgm_bench.statistics.agreement import kappa_of_observers
from pcgm_bench.statistics.agreement import kappa_with_self


def test_kappa_with_self_takes_chance_away() -> None:
    first = np.array([True] * 5 + [False] * 5)
    second = np.array([True] * 4 + [False] * 5 + [True])
    assert kappa_with_self(first, second).value == pytest.approx((0.8 - 0.5) / 0.5)


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ([], [], "no case was shown twice"),
        ([True], [False], "1 repeat, and fewer than 5"),
        ([True] * 6, [True, False] * 3, "one and the same answer"),
    ],
)
def test_there_is_no_kappa_with_self(first: list[bool], second: list[bool], reason: str) -> None:
    kappa = kappa_with_self(np.array(first, bool), np.array(second, bool))
    assert np.isnan(kappa.value)
    assert reason in kappa.reason
    assert kappa.n == len(first)


def test_kappa_of_observers_needs_two_of_them_and_two_answers() -> None:
    answers = np.array([[1, 1], [0, 0], [1, 1], [0, 0]])
    assert kappa_of_observers(answers).value == 1
    assert kappa_of_observers(answers[:, :1]).reason
    assert kappa_of_observers(np.ones((4, 2), int)).reason
