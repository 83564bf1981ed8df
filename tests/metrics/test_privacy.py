"""privacy: whom a generator gives back."""

from __future__ import annotations

import numpy as np
import pytest

from pcgm_bench.metrics.privacy import Privacy

METRIC = Privacy()


def people(n: int, seed: int, width: int = 20) -> np.ndarray:
    """Features of new people of one population."""
    return np.random.default_rng(seed).standard_normal((n, width)).astype(np.float32)


def rescanned(scans: np.ndarray, seed: int) -> np.ndarray:
    """The same people once more: a tenth of the distance between two people away."""
    return scans + 0.1 * people(len(scans), seed, scans.shape[1])


def test_a_generator_that_memorises_is_caught_and_a_perfect_one_is_not() -> None:
    training, held_out = people(100, 0), people(100, 1)
    perfect = METRIC(training, people(100, 2), held_out)
    copier = METRIC(training, rescanned(training, 3), held_out)
    third = METRIC(training, np.concatenate([rescanned(training[:40], 4), people(60, 5)]), held_out)
    assert perfect.low < METRIC.record.perfect < perfect.high
    assert copier.value == METRIC.record.useless
    assert copier.low > 0.9
    assert 0.5 < third.low < 0.7 < third.high < 0.9


@pytest.mark.parametrize(("n", "m"), [(60, 60), (120, 30), (30, 120)])
def test_chance_is_a_half_and_inside_the_interval_whatever_the_sizes(n: int, m: int) -> None:
    found = [METRIC(people(n, k), people(50, k + 1000), people(m, k + 2000)) for k in range(0, 300)]
    values = np.array([one.value for one in found])
    assert abs(values.mean() - 0.5) < 3 * values.std() / np.sqrt(len(values))
    covered = np.mean([one.low <= 0.5 <= one.high for one in found])
    assert 0.90 <= covered <= 0.98
    assert all(one.details["expected"] == n / (n + m) for one in found)


def test_equal_sizes_need_no_correction() -> None:
    found = METRIC(people(50, 0), people(50, 1), people(50, 2))
    assert found.value == found.details["share"]


def test_a_collapsed_generator_has_made_one_image() -> None:
    found = METRIC(people(50, 0), np.repeat(people(1, 1), 50, axis=0), people(50, 2))
    assert found.n == 50
    assert found.details["n_independent"] == pytest.approx(1)
    assert found.high - found.low > 0.7


def test_distances_are_those_of_the_nearest() -> None:
    found = METRIC(np.array([[0.0, 0.0], [9.0, 0.0]]), np.array([[3.0, 4.0]]), np.array([[3.0, 5.0], [9.0, 9.0]]))
    assert (found.details["distance_training"], found.details["distance_held_out"]) == (5.0, 1.0)
    assert found.value == 0.0


def test_a_tie_counts_half() -> None:
    one = people(1, 0)
    assert METRIC(one, one, one).value == 0.5


def test_copies_are_told_by_the_distance_between_two_scans_of_a_person() -> None:
    training, held_out = people(60, 0), people(60, 1)
    twice = people(30, 2)
    made = np.concatenate([training[:20] + 0.01, people(40, 3)])
    found = METRIC(training, made, held_out, (twice, rescanned(twice, 4)))
    assert found.details["distance_retest"] == pytest.approx(0.1 * np.sqrt(20), rel=0.1)
    assert found.parts["copies"].value == pytest.approx(1 / 3)
    assert found.parts["copies"].low < 1 / 3 < found.parts["copies"].high
    assert found.details["copies_of_held_out"] == 0


def test_a_copy_is_seen_in_single_precision_far_from_the_origin() -> None:
    training, held_out = people(20, 0) + 1000, people(20, 1) + 1000
    assert METRIC(training, training.copy(), held_out).details["distance_training"] == 0


@pytest.mark.parametrize(
    "sets",
    [
        (people(0, 0), people(2, 1), people(2, 2)),
        (people(2, 0), people(2, 1, 3), people(2, 2)),
        (people(2, 0), people(2, 1), people(2, 2)[0]),
    ],
)
def test_sets_that_cannot_be_compared_are_refused(sets: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="three sets of features"):
        METRIC(*sets)


def test_retest_scans_come_in_pairs() -> None:
    with pytest.raises(ValueError, match="in pairs"):
        METRIC(people(2, 0), people(2, 1), people(2, 2), (people(3, 0), people(2, 0)))
