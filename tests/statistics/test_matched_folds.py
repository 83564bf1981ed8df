"""Folds hold everybody out once and are alike; diagnoses are recognised or refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pcgm_bench.contracts import UserError
from pcgm_bench.statistics.matched_folds import find_levels
from pcgm_bench.statistics.matched_folds import matched_folds


def people(n: int = 40) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "subject": [f"{i:03d}" for i in range(n)],
            "age": np.linspace(30, 70, n),
            "sex": ["F", "M"] * (n // 2),
            "diagnosis": ["HC", "HC", "AUD", "AUD"] * (n // 4),
        }
    )


def test_everybody_is_held_out_once_and_folds_are_alike() -> None:
    table = people()
    folds = matched_folds(table, 0)
    assert sorted(name for _, test in folds for name in test) == sorted(table["subject"])
    for train, test in folds:
        assert not set(train) & set(test)
        held = table.set_index("subject").loc[test]
        assert held["diagnosis"].value_counts().to_dict() == {"HC": 4, "AUD": 4}
        assert abs(held["age"].mean() - 50) < 4
    assert folds == matched_folds(table, 0)
    assert folds != matched_folds(table, 1)


def test_a_group_that_cannot_fill_the_folds_is_refused() -> None:
    with pytest.raises(UserError, match="4 people with diagnosis"):
        matched_folds(people(8), 0)


@pytest.mark.parametrize("diagnoses", [["HC", "CN", "AUD"], ["AUD"], ["HC"], ["HC", "depr", "HIV"]])
def test_diagnoses_that_name_no_two_groups_are_refused(diagnoses: list[str]) -> None:
    with pytest.raises(UserError, match="one control and one patient"):
        find_levels(diagnoses)


def test_alcohol_use_disorder_wins_over_other_patients() -> None:
    assert find_levels(["HC", "HIV", "AUD"]).patient == "AUD"
