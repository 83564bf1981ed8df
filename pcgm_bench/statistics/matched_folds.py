"""Two diagnoses that are compared, and folds of people that are alike in diagnosis, sex and age."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pcgm_bench.contracts import UserError
from pcgm_bench.statistics.folds import dealt

CONTROL_NAMES = frozenset({"control", "controls", "hc", "cn", "healthy", "none"})
"""Names of the control diagnosis, in lower case."""
PATIENT = "AUD"
"""The patient diagnosis of a cohort that has several."""
FOLDS = 5


@dataclass(frozen=True)
class Levels:
    """The two diagnoses compared, spelled as in the cohort."""

    control: str
    patient: str

    def other(self, diagnosis: str) -> str:
        """The diagnosis a person of this one is moved to.

        >>> Levels("control", "AUD").other("AUD")
        'control'
        """
        return self.control if diagnosis == self.patient else self.patient


def find_levels(diagnoses: Sequence[str]) -> Levels:
    """Name the control and the patient level of a cohort; ``AUD`` wins over other patients, who then take no part.

    Raises:
        UserError: no level, or more than one, could be the control or the patient group.

    >>> find_levels(["HC", "depr", "HC"])
    Levels(control='HC', patient='depr')
    """
    names = sorted({str(value) for value in diagnoses})
    controls = [value for value in names if value.lower() in CONTROL_NAMES]
    patients = [value for value in names if value.lower() not in CONTROL_NAMES]
    if PATIENT in patients:
        patients = [PATIENT]
    if len(controls) != 1 or len(patients) != 1:
        raise UserError(
            f"the study needs one control and one patient diagnosis, found {names}: "
            "map the column so that controls are 'control' and patients have one name"
        )
    return Levels(controls[0], patients[0])


def matched_folds(table: pd.DataFrame, seed: int, folds: int = FOLDS) -> list[tuple[list[str], list[str]]]:
    """Split people into folds alike in diagnosis, sex and age.

    Within every diagnosis and sex, people are ordered by age and dealt out ``folds`` at a time, in random order.

    Args:
        table: one row a visit (`contracts.Cohort.table`).
        seed: decides the deal.
        folds: how many.

    Returns:
        ``(training subjects, held-out subjects)`` a fold; every person of the two groups is held out once.

    Raises:
        UserError: a group has fewer people than there are folds.
    """
    levels = find_levels(table["diagnosis"].tolist())
    people = table.groupby("subject", sort=True).agg(
        age=("age", "mean"), sex=("sex", "first"), diagnosis=("diagnosis", "first")
    )
    people = people[people["diagnosis"].isin([levels.control, levels.patient])]
    for level, n in people["diagnosis"].value_counts().items():
        if n < folds:
            raise UserError(f"{n} people with diagnosis {level!r} cannot fill {folds} folds: add at least {folds - n}")
    rng = np.random.default_rng([seed, 5])
    ordered = people.sort_values(["diagnosis", "sex", "age"], kind="stable")
    held_out = dealt((str(subject) for subject in ordered.index), folds, rng)
    everybody = {str(subject) for subject in people.index}
    result = [(sorted(everybody - set(test)), sorted(test)) for test in held_out]
    for train, test in result:
        if set(train) & set(test):
            raise AssertionError("a person is in training and held out")
    if sorted(subject for _, test in result for subject in test) != sorted(everybody):
        raise AssertionError("folds do not hold out everybody exactly once")
    return result
