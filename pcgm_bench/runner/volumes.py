"""Rows without images: what a generator means the volumes to be, under true labels and under permuted ones.

Also the refitter: the same generator fitted anew on a resampled group of people, for intervals that know how uncertain
the fitted model itself is.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Do
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Scan
from pcgm_bench.runner.generate import Fold
from pcgm_bench.runner.generate import unit_seed
from pcgm_bench.runner.lazy import lazy_segmentation
from pcgm_bench.runner.readings import ReadCohort
from pcgm_bench.runner.readings import noted
from pcgm_bench.store import RunFolder
from pcgm_bench.store import Unit
from pcgm_bench.store import atomic
from pcgm_bench.store import digest

Volumes = Mapping[Unit, Mapping[str, float]]
Refitter = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def volume_row(
    row: str,
    generator: Generator,
    train: ReadCohort,
    asked: ReadCohort,
    folds: Sequence[Fold],
    folder: RunFolder,
    context: Context,
) -> Volumes:
    """Asked volumes of everybody held out, one atomic file a fold.

    Args:
        row: name in the tables.
        generator: with its weights.
        train: the people as the generator learns them (labels permuted or not).
        asked: the people as it is asked about them.
        folds: from `generate.plan` on ``asked``.
        folder: of the run.
        context: as for images.
    """
    found: dict[Unit, Mapping[str, float]] = {}
    for number, fold in enumerate(folds):
        context.progress(f"volumes, {row}", number, len(folds))
        path = folder.volumes_file(row, number)
        if not path.exists():
            with noted(f"while {row} adapted to fold {number + 1}"):
                generator.adapt(train.subset(fold.train), context)
            answers = {
                ask.unit.stem: generator.counterfactual_volumes(
                    asked[ask.index], ask.do, unit_seed(context.seed, row, ask.unit)
                )
                for ask in fold.asks
            }
            atomic.write_json(path, answers)
        stored = json.loads(path.read_text())
        found.update({ask.unit: stored[ask.unit.stem] for ask in fold.asks})
    context.progress(f"volumes, {row}", len(folds), len(folds))
    return found


def refitter(
    generator: Generator,
    cohort: ReadCohort,
    folds: Sequence[tuple[Sequence[str], Sequence[str]]],
    interventions: Callable[[pd.DataFrame], Sequence[tuple[int, Do]]],
    context: Context,
) -> Refitter:
    """A function that fits the generator anew, fold by fold, on the people it is given, and asks it about each.

    A person drawn several times stays in one fold, and each draw counts as a person of its own there (copies are named
    ``001-3``, ``001-7``). A generator may bring quicker ways, tried in this order:

    * ``refit_volumes(train, asked, dos, seed) -> DataFrame``: tables of people in (subject, age, sex, diagnosis,
      head_size, lobes in mL), the lobes of ``asked`` under ``dos`` out; nothing else changes hands;
    * ``refit(cohort, context)`` in place of `Generator.adapt`, then `Generator.counterfactual_volumes` one by one.
    """
    fold_of = {subject: number for number, (_train, test) in enumerate(folds) for subject in test}
    first_row: dict[str, int] = {}
    for row, subject in enumerate(cohort.source.table["subject"].astype(str)):
        first_row.setdefault(subject, row)
    silent = dataclasses.replace(context, progress=lambda _what, _done, _total: None)

    def refit(people: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        seed = int(rng.integers(2**31))
        names = people["subject"].astype(str).to_list()
        numbers = np.array([fold_of[name] for name in names])
        copies = people.assign(subject=[f"{name}-{place}" for place, name in enumerate(names)]).reset_index(drop=True)
        dos = dict(interventions(copies))
        answers = np.full((len(copies), len(LOBE_NAMES)), np.nan)
        for number in np.unique(numbers):
            train = np.flatnonzero(numbers != number)
            asked = np.array([place for place in np.flatnonzero(numbers == number) if place in dos])
            wanted = [dos[place] for place in asked]
            found = generator.refit_volumes(copies.iloc[train], copies.iloc[asked], wanted, seed)
            if found is not None:
                answers[asked] = found[list(LOBE_NAMES)].to_numpy(float)
                continue
            group = PeopleCohort(cohort, copies, tuple(first_row[name] for name in names))
            generator.refit(group.at(train), dataclasses.replace(silent, seed=seed))
            for place, do in zip(asked, wanted, strict=True):
                volumes = generator.counterfactual_volumes(group[int(place)], do, seed)
                answers[place] = [volumes[lobe] for lobe in LOBE_NAMES]
        return pd.DataFrame(answers, columns=list(LOBE_NAMES))

    return refit


@dataclasses.dataclass
class PeopleCohort:
    """People given as a table of metadata and lobes (mL), one row each, repeats allowed; images are the source's.

    Attributes:
        source: where the images and the other volumes are.
        people: subject, age, sex, diagnosis, head_size, and the lobes.
        rows: row of the source's table, one a person.
    """

    source: ReadCohort
    people: pd.DataFrame
    rows: tuple[int, ...]

    def __post_init__(self) -> None:
        self.name: str = self.source.name
        self.is_phantom: bool = self.source.is_phantom

    @property
    def table(self) -> pd.DataFrame:
        """As `contracts.Cohort.table`, without sessions."""
        return self.people[["subject", "age", "sex", "diagnosis", "head_size"]].assign(session="")

    @property
    def content_hash(self) -> str:
        """Of the people and the source."""
        return digest([self.source.content_hash, self.people.to_csv()])

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Any:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Scan:
        person = self.people.iloc[index]
        base = self.source.at([self.rows[index]])[0]
        inner = base.segmentation
        assert inner is not None
        lobes = {lobe: float(person[lobe]) for lobe in LOBE_NAMES}
        reading = lazy_segmentation(
            lambda: inner.fractions,
            lambda: inner.labels,
            volumes={**inner.volumes, **lobes},
            head_size=float(person["head_size"]),
            qc=inner.qc,
            qc_parts=inner.qc_parts,
        )
        return base.with_values(
            subject=str(person["subject"]),
            session="",
            age=float(person["age"]),
            sex=str(person["sex"]),
            diagnosis=str(person["diagnosis"]),
            head_size=float(person["head_size"]),
            segmentation=reading,
        )

    def at(self, positions: Sequence[int] | np.ndarray) -> PeopleCohort:
        """These of the people."""
        chosen = [int(position) for position in positions]
        people = self.people.iloc[chosen].reset_index(drop=True)
        return PeopleCohort(self.source, people, tuple(self.rows[position] for position in chosen))

    def subset(self, subjects: Sequence[str]) -> PeopleCohort:
        """These of the people, by name."""
        wanted = set(subjects)
        return self.at([i for i, subject in enumerate(self.people["subject"].astype(str)) if subject in wanted])
