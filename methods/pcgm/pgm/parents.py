"""The PGM's parents: checking a table of people, and encoding age, sex, diagnosis and head size as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import UserError

PARENTS = ("age", "sex", "diagnosis", "head_size")
SEXES = ("F", "M")
PEOPLE_PER_TERM = 10
YEARS_FOR_CURVE = 20
"""Age squared is left out of the linear part when there are fewer people than this per coefficient, or fewer years."""


@dataclass(frozen=True)
class Parents:
    """The four parents of people as plain arrays ``(n,)``: age (years), sex, diagnosis (text), head size (mL)."""

    age: np.ndarray
    sex: np.ndarray
    diagnosis: np.ndarray
    head_size: np.ndarray

    @property
    def by_name(self) -> dict[str, np.ndarray]:
        """The four, in the order of `PARENTS`."""
        return {"age": self.age, "sex": self.sex, "diagnosis": self.diagnosis, "head_size": self.head_size}

    @classmethod
    def of(cls, table: pd.DataFrame) -> Parents:
        """Taken from a table."""
        text = {name: table[name].to_numpy(str) for name in ("sex", "diagnosis")}
        return cls(table["age"].to_numpy(float), text["sex"], text["diagnosis"], table["head_size"].to_numpy(float))


@dataclass(frozen=True)
class Encoder:
    """How parents become the columns of a design matrix; learned once from the training table.

    Attributes:
        levels: diagnoses seen, sorted; the first is the reference.
        sexes: sexes seen.
        terms: columns of the design: ``one``, ``age``, ``age2``, ``male``, ``log_head`` and ``diagnosis=...``.
        age: mean and s.d. (years).
        log_head: mean and s.d. of log head size (log mL).
        head_by_sex: mean and s.d. of log head size of each sex: the mechanism behind ``mediated`` interventions.
    """

    levels: tuple[str, ...]
    sexes: tuple[str, ...]
    terms: tuple[str, ...]
    age: tuple[float, float]
    log_head: tuple[float, float]
    head_by_sex: Mapping[str, tuple[float, float]]

    @classmethod
    def learn(cls, people: Parents, weights: np.ndarray) -> Encoder:
        """Levels, ranges and columns from checked people; what does not vary gets no column."""
        log_head, age, sex = np.log(people.head_size), people.age, people.sex
        levels = tuple(sorted(set(people.diagnosis.tolist())))
        sexes = tuple(s for s in SEXES if s in set(sex))
        varies = {
            "one": True,
            "age": np.ptp(age) > 0,
            "male": len(sexes) > 1,
            "log_head": np.ptp(log_head) > 0,
        }
        linear = [term for term, yes in varies.items() if yes] + [f"diagnosis={level}" for level in levels[1:]]
        enough = weights.sum() >= PEOPLE_PER_TERM * (len(linear) + 1)
        if "age" in linear and enough and np.ptp(age) >= YEARS_FOR_CURVE:
            linear.insert(2, "age2")
        return cls(
            levels=levels,
            sexes=sexes,
            terms=tuple(linear),
            age=_mean_sd(age, weights),
            log_head=_mean_sd(log_head, weights),
            head_by_sex={s: _mean_sd(log_head[sex == s], weights[sex == s]) for s in sexes},
        )

    def design(self, parents: pd.DataFrame) -> np.ndarray:
        """``(n, terms)`` float64; continuous columns standardised.

        Raises:
            UserError: a diagnosis or sex that was not in the training table.
        """
        people = Parents.of(parents)
        for column, known in (("diagnosis", self.levels), ("sex", self.sexes)):
            strange = ~np.isin(people.by_name[column], known)
            if strange.any():
                row = int(strange.argmax())
                value = parents[column].iloc[row]
                msg = f"{_who(parents, row)}: {column} {value!r} was not in the PGM's training table; it knows {known}"
                raise UserError(msg)
        return self.columns(people)

    def columns(self, people: Parents) -> np.ndarray:
        """`design` of people who have been checked: for bootstraps, where checking costs more than fitting."""
        age = (people.age - self.age[0]) / self.age[1]
        head = (np.log(people.head_size) - self.log_head[0]) / self.log_head[1]
        columns = {
            "one": np.ones(len(age)),
            "age": age,
            "age2": age**2,
            "male": (people.sex == "M").astype(float),
            "log_head": head,
        }
        for level in self.levels[1:]:
            columns[f"diagnosis={level}"] = (people.diagnosis == level).astype(float)
        return np.stack([columns[term] for term in self.terms], axis=1)

    @property
    def network_inputs(self) -> list[int]:
        """Columns that the flow's network reads: all but the constant and the square of age."""
        return [i for i, term in enumerate(self.terms) if term not in ("one", "age2")]

    def act(self, parents: pd.DataFrame, do: Intervention, mediated: bool) -> pd.DataFrame:
        """Parents with ``do`` written in; see `PGM.act`."""
        unknown = sorted(set(do) - set(PARENTS))
        if unknown:
            msg = f"the PGM cannot intervene on {unknown}: use {', '.join(PARENTS)}"
            raise UserError(msg)
        changed = parents.copy()
        for name, value in do.items():
            changed[name] = value
        changed = check_parents(changed)
        self.design(changed)
        if mediated and "sex" in do and "head_size" not in do:
            old = [self.head_by_sex[s] for s in parents["sex"].astype(str)]
            new = [self.head_by_sex[s] for s in changed["sex"].astype(str)]
            u = [(x - m) / s for x, (m, s) in zip(np.log(parents["head_size"].to_numpy(float)), old, strict=True)]
            changed["head_size"] = np.exp([m + s * x for x, (m, s) in zip(u, new, strict=True)])
        return changed

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Encoder:
        """Inverse of `to_dict`."""
        levels, sexes, terms = (tuple(values[name]) for name in ("levels", "sexes", "terms"))
        age, log_head = ((float(values[name][0]), float(values[name][1])) for name in ("age", "log_head"))
        by_sex = {k: (float(v[0]), float(v[1])) for k, v in values["head_by_sex"].items()}
        return cls(levels, sexes, terms, age, log_head, by_sex)


def as_table(rows: pd.DataFrame | pd.Series | Mapping[str, Any]) -> pd.DataFrame:
    """One row given as a mapping or a series becomes a table of one row."""
    return rows if isinstance(rows, pd.DataFrame) else pd.DataFrame([dict(rows)])


def check_parents(table: pd.DataFrame) -> pd.DataFrame:
    """The table, if its parents are usable.

    Raises:
        UserError: missing column, sex that is not F or M, no diagnosis, age or head size that is not a positive number.
    """
    _need(table, PARENTS)
    for row, sex in enumerate(table["sex"]):
        if sex not in SEXES:
            msg = f"{_who(table, row)}: sex is {sex!r}; write F or M"
            raise UserError(msg)
    for row, missing in enumerate(table["diagnosis"].isna()):
        if missing:
            msg = f"{_who(table, row)}: no diagnosis; give one or leave the person out"
            raise UserError(msg)
    check_positive(table, ("age", "head_size"))
    return table


def check_positive(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse a missing column (`UserError`) and a value that is not a positive finite number."""
    _need(table, columns)
    for column in columns:
        values = pd.to_numeric(table[column], errors="coerce").to_numpy(float)
        bad = ~(np.isfinite(values) & (values > 0))
        if bad.any():
            row = int(bad.argmax())
            value = table[column].iloc[row]
            msg = f"{_who(table, row)}: {column} is {value}; the PGM needs a positive number (mL, years)"
            raise UserError(msg)


def _need(table: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [c for c in columns if c not in table]
    if missing:
        msg = f"PGM table: missing column(s) {', '.join(missing)}; it has {', '.join(map(str, table.columns))}"
        raise UserError(msg)


def _who(table: pd.DataFrame, row: int) -> str:
    return f"subject {table['subject'].iloc[row]}" if "subject" in table else f"row {row}"


def _mean_sd(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    mean = float(np.average(values, weights=weights))
    sd = float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))
    return mean, sd if sd > 0 else 1.0
