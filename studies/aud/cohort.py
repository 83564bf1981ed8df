"""What the AUD study asks of a cohort: everybody under the other diagnosis; permuted labels; what to be warned of."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pcgm_bench.contracts import UserError
from pcgm_bench.statistics.effects import detectable
from pcgm_bench.statistics.matched_folds import find_levels
from pcgm_bench.studies.aud.pattern import patients_called
from pcgm_bench.studies.aud.sample import LOBES

FEW = 100
"""People a group below which the study says that it is too small."""

LEAST = 10
"""Fewest people a group. With two of them in each of five folds, one bootstrap replicate in two million leaves a fold
without anybody of a group to learn from; with five it is one in six hundred, and the regression of five parameters
leaves no more than as many degrees of freedom."""


def check_sizes(table: pd.DataFrame) -> None:
    """Refuse groups that no verdict, and no interval, could be made of.

    Raises:
        UserError: a group has fewer than `LEAST` people.
    """
    levels = find_levels(table["diagnosis"].tolist())
    people = table.groupby("subject")["diagnosis"].first()
    sizes = {level: int((people == level).sum()) for level in (levels.control, levels.patient)}
    if min(sizes.values()) < LEAST:
        found = " and ".join(f"{n} with diagnosis {level!r}" for level, n in sizes.items())
        raise UserError(f"the AUD study needs at least {LEAST} people in each group, and has {found}: add people")


def swapped(table: pd.DataFrame) -> list[tuple[int, dict[str, str]]]:
    """``(row of the table, intervention)``: every visit of the two groups under the other diagnosis."""
    levels = find_levels(table["diagnosis"].tolist())
    return [
        (row, {"diagnosis": levels.other(str(diagnosis))})
        for row, diagnosis in enumerate(table["diagnosis"])
        if diagnosis in (levels.control, levels.patient)
    ]


def permuted(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The table with diagnoses shuffled between people of the two groups; visits of a person keep one diagnosis."""
    levels = find_levels(table["diagnosis"].tolist())
    people = table.groupby("subject", sort=True)["diagnosis"].first()
    people = people[people.isin([levels.control, levels.patient])]
    shuffled = np.random.default_rng([seed, 7]).permutation(people.to_numpy())
    renamed = dict(zip(people.index, shuffled, strict=True))
    result = table.copy()
    result["diagnosis"] = [
        renamed.get(subject, old) for subject, old in zip(table["subject"], table["diagnosis"], strict=True)
    ]
    return result


def warnings(table: pd.DataFrame, is_phantom: bool) -> list[str]:
    """What a cohort's size, balance and origin forbid to conclude; one line each."""
    levels = find_levels(table["diagnosis"].tolist())
    people = table.groupby("subject").agg(
        age=("age", "mean"), sex=("sex", "first"), diagnosis=("diagnosis", "first"), head=("head_size", "mean")
    )
    controls = people[people["diagnosis"] == levels.control]
    patients = people[people["diagnosis"] == levels.patient]
    lines = [*_size(controls, patients), *_balance(controls, patients)]
    if people["head"].isna().any():
        lines.append(f"head size is unknown for {int(people['head'].isna().sum())} people in the table")
    if is_phantom:
        return [*lines, "phantom cohort: every number here is about simulated anatomy"]
    lines.append("real cohort: there is no oracle, so error to the true counterfactual cannot be measured")
    lines.append("shipped weights were trained on phantoms: expect artefacts on real scans")
    for name in patients_called(table, levels.patient):
        if name.upper() != "AUD":
            lines.append(f"diagnosis {name!r} is not AUD: right is what these real groups show (AUD's: --expect aud)")
    return lines


def _size(controls: pd.DataFrame, patients: pd.DataFrame) -> list[str]:
    if min(len(controls), len(patients)) >= FEW:
        return []
    least = detectable(len(controls), len(patients), len(LOBES))
    return [
        f"n = {len(controls)} + {len(patients)} is too small: only effects of d >= {least:.2f} could be seen "
        "between the groups (80 % power); most lobes stay inconclusive, a verdict is about the few cells that this n "
        "can decide, and # correct says little"
    ]


def _balance(controls: pd.DataFrame, patients: pd.DataFrame) -> list[str]:
    lines = []
    spread = ((controls["age"].std() ** 2 + patients["age"].std() ** 2) / 2) ** 0.5
    gap = abs(controls["age"].mean() - patients["age"].mean())
    if gap > 0.25 * spread:
        lines.append(f"the groups differ in age by {gap:.1f} years; the paper rule does not adjust for age")
    female = [group["sex"].str.upper().str.startswith("F").mean() for group in (controls, patients)]
    if abs(female[0] - female[1]) > 0.1:
        lines.append(
            f"the groups differ in sex ({100 * female[0]:.0f} % and {100 * female[1]:.0f} % women); "
            "the paper rule does not adjust for sex"
        )
    return lines
