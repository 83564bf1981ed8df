"""Metadata as networks see them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pcgm_bench.contracts import Scan
from pcgm_bench.training.people import MetadataScale
from pcgm_bench.training.people import conditions_under
from pcgm_bench.training.people import draw_person
from pcgm_bench.training.people import random_drop

SCALE = MetadataScale((50.0, 10.0), (1400.0, 100.0), (("control", -1.0),))


def scan(diagnosis: str) -> Scan:
    image = np.zeros((2, 2, 2), np.float32)
    return Scan("1", "", image, np.eye(4), 60.0, "F", diagnosis, 1500.0)


def test_an_age_moves_and_nothing_else() -> None:
    old, new = conditions_under(scan("control"), {"age": 40.0}, SCALE)
    assert old.tolist() == [1.0, -1.0, -1.0, 1.0]
    assert new.tolist() == [-1.0, -1.0, -1.0, 1.0]


@pytest.mark.parametrize(("before", "after"), [("control", "AUD"), ("AUD", "control"), ("AUD", "AUD")])
def test_a_diagnosis_that_the_weights_do_not_know_is_unknown_on_both_sides(before: str, after: str) -> None:
    """A step from a control to the null token is a step, though not one towards a patient: it may not be taken."""
    old, new = conditions_under(scan(before), {"diagnosis": after}, SCALE)
    assert np.isnan(old[2])
    assert np.isnan(new[2])
    assert not np.isnan(np.delete([old, new], 2, axis=1)).any()


def test_dropout_is_as_frequent_as_asked() -> None:
    drop = torch.cat([random_drop(torch.Generator().manual_seed(seed), 8, 0.1, 0.2) for seed in range(500)]).float()
    assert drop.shape == (4000, 4)
    assert float(drop.mean()) == pytest.approx(1 - 0.9 * 0.8, abs=0.02)
    assert float(drop.all(dim=1).float().mean()) == pytest.approx(0.1 + 0.9 * 0.2**4, abs=0.02)
    assert not random_drop(torch.Generator().manual_seed(0), 8, 0.0, 0.0).any()


def test_a_new_brain_is_like_some_training_person_by_its_number_alone() -> None:
    people = np.arange(40.0).reshape(10, 4)
    drawn = [draw_person(people, 1, number) for number in range(50)]
    assert len({tuple(condition) for condition, _ in drawn}) > 5
    assert len({seed for _, seed in drawn}) == 50
    condition, seed = draw_person(people, 1, 7)
    assert seed == drawn[7][1]
    np.testing.assert_array_equal(condition, drawn[7][0])
