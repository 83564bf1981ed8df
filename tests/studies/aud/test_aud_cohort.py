"""What the AUD study asks of a cohort, and what it warns of."""

from __future__ import annotations

import pandas as pd
import pytest

from pcgm_bench.contracts import UserError
from pcgm_bench.studies.aud import cohort as aud_cohort
from pcgm_bench.studies.aud.study import AUDStudy

STUDY = AUDStudy()


def test_folds_are_disjoint_complete_and_matched(table: pd.DataFrame) -> None:
    folds = STUDY.folds(table, seed=0)
    people = table.set_index("subject")
    assert sorted(subject for _, test in folds for subject in test) == sorted(people.index)
    for train, test in folds:
        assert not set(train) & set(test)
        assert len(train) + len(test) == len(people)
        assert people.loc[list(test), "diagnosis"].value_counts().tolist() == [8, 8]
        assert abs(people.loc[list(test), "age"].mean() - people["age"].mean()) < 3
        assert abs((people.loc[list(test), "sex"] == "F").mean() - (people["sex"] == "F").mean()) < 0.12
    assert STUDY.folds(table, seed=0) == folds
    assert STUDY.folds(table, seed=1) != folds


def test_visits_of_a_person_stay_in_one_fold_and_under_one_label(table: pd.DataFrame) -> None:
    twice = pd.concat([table, table.assign(session="02", age=table["age"] + 2)], ignore_index=True)
    assert sum(len(test) for _, test in STUDY.folds(twice, 0)) == table["subject"].nunique()
    shuffled = STUDY.permuted(twice, 0)
    assert (shuffled.groupby("subject")["diagnosis"].nunique() == 1).all()
    assert shuffled["diagnosis"].value_counts().tolist() == [80, 80]
    assert (shuffled["diagnosis"] != twice["diagnosis"]).any()


def test_too_few_people_for_the_folds(table: pd.DataFrame) -> None:
    """With nine, a replicate of the bootstrap may leave nobody to learn a diagnosis from."""
    few = pd.concat([table[table["diagnosis"] == "AUD"].head(9), table[table["diagnosis"] == "control"]])
    with pytest.raises(UserError, match="at least 10 people in each group, and has 40 with diagnosis 'control' and 9"):
        STUDY.folds(few, 0)
    ten = pd.concat([table[table["diagnosis"] == "AUD"].head(10), table[table["diagnosis"] == "control"]])
    assert len(STUDY.folds(ten, 0)) == 5


def test_everybody_is_asked_for_the_other_diagnosis(table: pd.DataFrame) -> None:
    table.loc[0, "diagnosis"] = "HIV"
    asked = STUDY.interventions(table)
    assert [row for row, _ in asked] == list(range(1, 80))
    assert all(do["diagnosis"] != table["diagnosis"][row] for row, do in asked)


def test_warnings_name_what_the_cohort_cannot_show(table: pd.DataFrame) -> None:
    small = pd.concat([table.head(10), table.tail(10)]).replace({"diagnosis": {"AUD": "depr"}})
    small["head_size"] = float("nan")
    text = " / ".join(aud_cohort.warnings(small, is_phantom=False))
    renamed = small.replace({"diagnosis": {"depr": "AUD"}}).assign(diagnosis_original=small["diagnosis"])
    assert "'depr' is not AUD" in " / ".join(aud_cohort.warnings(renamed, is_phantom=False))
    for words in ("n = 10 + 10 is too small", "d >= 1.73", "'depr' is not AUD", "no oracle", "head size is unknown"):
        assert words in text
    phantom = " / ".join(aud_cohort.warnings(small, is_phantom=True))
    assert "simulated anatomy" in phantom
    assert "no oracle" not in phantom
