"""The method fitted anew on resampled people."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fakes import CALLS
from fakes_studies import ToyStudy
from toy_runs import request

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import UserError
from pcgm_bench.runner.refitting import refitter
from pcgm_bench.runner.run import run

OTHER = {"control": "AUD", "AUD": "control"}


class Doubler:
    """Answers twice the volumes, and refuses a diagnosis that nobody it learns from has, as the linear PGM does."""

    def refit_volumes(self, train: pd.DataFrame, asked: pd.DataFrame, dos: list[Any], seed: int) -> pd.DataFrame:
        for do in dos:
            if do["diagnosis"] not in set(train["diagnosis"]):
                raise UserError(f"diagnosis {do['diagnosis']!r} was not in the training table")
        return asked[list(LOBE_NAMES)] * 2


def test_a_replicate_that_loses_a_diagnosis_in_a_fold_has_no_answers_there(tmp_path: Any) -> None:
    """Six controls and five patients in five folds: a bootstrap draws one patient five times once in six hundred."""
    names = [*(f"c{i}" for i in range(6)), *(f"p{i}" for i in range(5))]
    people = pd.DataFrame({"subject": names, "age": 50.0, "sex": "F", "head_size": 1400.0, "session": ""})
    people["diagnosis"] = ["AUD" if name.startswith("p") else "control" for name in names]
    people[list(LOBE_NAMES)] = 100.0
    folds = [
        ([name for name in names if int(name[1]) % 5 != k], [name for name in names if int(name[1]) % 5 == k])
        for k in range(5)
    ]
    cohort: Any = SimpleNamespace(source=SimpleNamespace(table=people))

    def everybody(table: pd.DataFrame) -> list[tuple[int, dict[str, str]]]:
        return [(row, {"diagnosis": OTHER[diagnosis]}) for row, diagnosis in enumerate(table["diagnosis"])]

    generator: Any = Doubler()
    refit = refitter(generator, cohort, folds, everybody, Context(tmp_path))
    whole = refit(people, np.random.default_rng(0))
    assert (whole.to_numpy() == 200).all()
    drawn = people.iloc[[0, 1, 2, 3, 4, 5, 6, 6, 6, 6, 6]].reset_index(drop=True)  # all patients are the first
    answers = refit(drawn, np.random.default_rng(0)).to_numpy()
    in_fold = np.array([int(name[1]) % 5 == 0 for name in drawn["subject"]])
    assert np.isnan(answers[in_fold]).all()
    assert (answers[~in_fold] == 200).all()


def test_too_few_people_are_told_before_any_work(home: Any, toys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def too_few(self: ToyStudy, table: pd.DataFrame, seed: int) -> Any:
        raise UserError("the study needs at least 99 people")

    monkeypatch.setattr(ToyStudy, "folds", too_few)
    CALLS.clear()
    with pytest.raises(UserError, match="at least 99 people"):
        run(request(home))
    assert CALLS == []
    assert not list(home.glob("runs/*/derivatives/*"))
