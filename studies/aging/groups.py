"""Who takes part in the aging study, in which group, and who is asked for which age: follow-ups and folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pcgm_bench.contracts import UserError
from pcgm_bench.statistics.folds import dealt
from pcgm_bench.statistics.matched_folds import CONTROL_NAMES

HIV_NAME = "hiv"
ADOLESCENTS, OLD, HIV = "adolescents", "old adults", "HIV"
GROUPS = (ADOLESCENTS, OLD, HIV)
"""The paper's three, in the order of its figure."""

SPLIT_AGE = 40.0
"""Years at baseline that part young controls from old ones; the paper's cohorts leave 26 to 60 empty."""
FOLDS = 5
LEAST_YEARS = 0.25
"""A scan sooner after the baseline is a repeat, not a follow-up: noise over its years would be any slope at all."""
TOLERANCE = 0.06
"""Years by which an asked age may miss the follow-up's (ages are often rounded to a tenth: 0.05 and a little)."""


@dataclass(frozen=True)
class FollowUp:
    """One visit after a person's first.

    Attributes:
        row: position of the baseline in the cohort's table.
        later: position of the follow-up.
        age: at the follow-up, years.
        years: since the baseline.
    """

    row: int
    later: int
    age: float
    years: float


def group_of(diagnosis: str, age: float) -> str | None:
    """Group of a person by diagnosis and age at baseline; None for other diagnoses, who take no part.

    >>> group_of("control", 16.0), group_of("CN", 75.0), group_of("HIV", 30.0), group_of("AUD", 50.0)
    ('adolescents', 'old adults', 'HIV', None)
    """
    if diagnosis.strip().lower() == HIV_NAME:
        return HIV
    if diagnosis.strip().lower() not in CONTROL_NAMES:
        return None
    return ADOLESCENTS if age < SPLIT_AGE else OLD


def people(table: pd.DataFrame) -> dict[str, str]:
    """Group of everybody who takes part and has a follow-up, by subject, in the table's order.

    Raises:
        UserError: see `follow_ups`.
    """
    asked = follow_ups(table)
    diagnoses, ages = table["diagnosis"].astype(str).to_numpy(), table["age"].to_numpy(float)
    groups = {name: group_of(diagnoses[visits[0].row], ages[visits[0].row]) for name, visits in asked.items()}
    return {name: group for name, group in groups.items() if group is not None}


def follow_ups(table: pd.DataFrame) -> dict[str, list[FollowUp]]:
    """Later visits of everybody who takes part, by subject, oldest last; the youngest scan is the baseline.

    Of two scans at one age the first in the table counts.

    Raises:
        UserError: an age is missing, or nobody has a follow-up.
    """
    names = table["subject"].astype(str).to_numpy()
    diagnoses = table["diagnosis"].astype(str).to_numpy()
    ages = table["age"].to_numpy(float)
    if len(unknown := names[np.isnan(ages)]):
        raise UserError(
            f"sub-{unknown[0]} has a scan without an age, which the aging study needs: fill it in or leave it out"
        )
    result: dict[str, list[FollowUp]] = {}
    for name in dict.fromkeys(names):
        rows = np.flatnonzero(names == name)
        rows = rows[np.argsort(ages[rows], kind="stable")]
        first = int(rows[0])
        visits: list[FollowUp] = []
        last = ages[first]
        for row in rows[1:]:
            years = ages[row] - ages[first]
            if years >= LEAST_YEARS and ages[row] - last > 2 * TOLERANCE:
                visits.append(FollowUp(first, int(row), float(ages[row]), float(years)))
                last = ages[row]
        if visits and group_of(diagnoses[first], ages[first]) is not None:
            result[str(name)] = visits
    if not result:
        raise UserError(
            "the aging study needs controls or people with HIV who were scanned again "
            f"{LEAST_YEARS:g} years later or more: the cohort has none"
        )
    return result


def interventions(table: pd.DataFrame) -> list[tuple[int, dict[str, float]]]:
    """``(row of a baseline, {"age": age at a later visit})``, one a follow-up."""
    return [(visit.row, {"age": visit.age}) for visits in follow_ups(table).values() for visit in visits]


def folds(table: pd.DataFrame, seed: int, count: int = FOLDS) -> list[tuple[list[str], list[str]]]:
    """Split people into folds alike in group, sex and age.

    Within every group and sex, people are ordered by baseline age and dealt out ``count`` at a time, in random order;
    controls and people with HIV are dealt apart, so that every fold holds out some of each. People without a follow-up
    are asked nothing, and train every fold.

    Returns:
        ``(training subjects, held-out subjects)`` a fold; everybody asked is held out once.

    Raises:
        UserError: fewer controls, or fewer people with HIV, than folds, though there are some.
    """
    asked = follow_ups(table)
    groups = people(table)
    takes_part = {
        str(name)
        for name, diagnosis in zip(table["subject"], table["diagnosis"].astype(str), strict=True)
        if group_of(diagnosis, 0.0) is not None
    }
    sexes, ages = table["sex"].astype(str).to_numpy(), table["age"].to_numpy(float)
    rng = np.random.default_rng([seed, 6])
    held_out: list[list[str]] = [[] for _ in range(count)]
    for together, what in (((ADOLESCENTS, OLD), "controls"), ((HIV,), "people with HIV")):
        members = [name for name, group in groups.items() if group in together]
        if members and len(members) < count:
            raise UserError(
                f"{len(members)} {what} with a follow-up cannot fill {count} folds: add at least {count - len(members)}"
            )
        rows = {name: asked[name][0].row for name in members}
        ordered = sorted(members, key=lambda n: (groups[n], sexes[rows[n]], ages[rows[n]], n))
        for fold, names in zip(held_out, dealt(ordered, count, rng), strict=True):
            fold += names
    result = [(sorted(takes_part - set(test)), sorted(test)) for test in held_out]
    if sorted(name for _, test in result for name in test) != sorted(groups):
        raise AssertionError("folds do not hold out everybody exactly once")
    return result
