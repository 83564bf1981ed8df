"""own-nearest: who a counterfactual shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcgm_bench.metrics.own_nearest import OwnNearest

METRIC = OwnNearest()


def people(n: int, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).random((n, 4, 4, 4)).astype(np.float32))


@given(n=st.integers(2, 20), wrong=st.integers(0, 5), seed=st.integers(0, 99), block=st.sampled_from([3, 200]))
def test_it_counts_the_people_that_are_mistaken(n: int, wrong: int, seed: int, block: int) -> None:
    factual = people(n, seed)
    names = [str(i) for i in range(n)]
    wrong = min(wrong, n)
    made = [factual[(i + 1) % n] if i < wrong else factual[i] + 0.01 for i in range(n)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pcgm_bench.statistics.distances.BLOCK_BYTES", block * factual[0].nbytes)
        patch.setattr("pcgm_bench.statistics.distances.LEAST_BLOCK", 1)
        estimate = METRIC(factual, made, names, names)
    assert estimate.value == pytest.approx(1 - wrong / n)
    assert estimate.n == n
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_its_record_is_true() -> None:
    factual = people(40)
    names = [str(i) for i in range(40)]
    assert METRIC(factual, factual, names, names).value == METRIC.record.perfect
    assert METRIC(factual, factual[1:] + factual[:1], names, names).value == METRIC.record.useless


def test_another_visit_of_the_same_person_is_right() -> None:
    factual = people(3)
    assert METRIC(factual, [factual[1]], ["a", "a", "b"], ["a"]).value == 1.0


@pytest.mark.parametrize(("factual", "made", "whose"), [([], [np.ones(1)], []), ([np.ones(1)], [], ["a"])])
def test_no_images_are_refused(factual: list[np.ndarray], made: list[np.ndarray], whose: list[str]) -> None:
    with pytest.raises(ValueError, match="needs factual and counterfactual"):
        METRIC(factual, made, whose, ["a"] * len(made))


def test_names_and_images_must_match() -> None:
    with pytest.raises(ValueError, match="name of the person"):
        METRIC(people(2), people(2), ["a"], ["a", "b"])
