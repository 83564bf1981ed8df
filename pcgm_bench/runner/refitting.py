"""The method fitted anew on a resampled group of people, for intervals that know how uncertain the fit itself is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np
import pandas as pd

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Fold
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Refitter
from pcgm_bench.contracts import silent
from pcgm_bench.runner.lazy_scan import LazyScan
from pcgm_bench.runner.lazy_scan import lazy_segmentation
from pcgm_bench.runner.segmented_cohort import SegmentedCohort
from pcgm_bench.store import digest

LOBES = pd.Index(LOBE_NAMES)
"""Made once: pandas takes as long to make it as to fit a model."""

Interventions = Callable[[pd.DataFrame], Sequence[tuple[int, Intervention]]]


def refitter(
    generator: Generator, cohort: SegmentedCohort, folds: Sequence[Fold], interventions: Interventions, context: Context
) -> Refitter:
    """A function that fits the generator anew, fold by fold, on the people it is given, and asks it about each.

    A person drawn several times stays in one fold, and each draw counts as a person of its own there (copies are named
    ``001-3``, ``001-7``). `Generator.refit_volumes` is tried first, then `Generator.refit` and
    `Generator.counterfactual_volumes` one by one. A fold whose training people have lost a diagnosis in a replicate,
    as happens in small groups, cannot be fitted: its answers are NaN.

    The answers for people who were drawn before are kept: the rows of one method meet the same draws.
    """
    fold_of = {subject: number for number, (_train, test) in enumerate(folds) for subject in test}
    first_row: dict[str, int] = {}
    for row, subject in enumerate(cohort.source.table["subject"].astype(str)):
        first_row.setdefault(subject, row)
    quiet = dataclasses.replace(context, progress=silent)
    known: dict[str, np.ndarray] = {}

    def refit(people: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        seed = int(rng.integers(2**31))
        key = digest([seed, {str(name): people[name].to_list() for name in people}])
        if key not in known:
            known[key] = fitted(people, seed)
        return pd.DataFrame(known[key].copy(), columns=LOBES)

    def fitted(people: pd.DataFrame, seed: int) -> np.ndarray:
        names = people["subject"].astype(str).to_list()
        numbers = np.array([fold_of[name] for name in names])
        copies = people.assign(subject=[f"{name}-{place}" for place, name in enumerate(names)]).reset_index(drop=True)
        dos = dict(interventions(copies))
        diagnoses = copies["diagnosis"].to_numpy(object)
        answers = np.full((len(copies), len(LOBE_NAMES)), np.nan)
        for number in np.unique(numbers):
            train = np.flatnonzero(numbers != number)
            asked = np.array([place for place in np.flatnonzero(numbers == number) if place in dos])
            wanted = [dos[place] for place in asked]
            needed = {do["diagnosis"] for do in wanted if "diagnosis" in do} | set(diagnoses[asked])
            if not needed <= set(diagnoses[train]):
                continue
            volumes = generator.refit_volumes(copies.iloc[train], copies.iloc[asked], wanted, seed)
            if volumes is not None:
                answers[asked] = np.stack([volumes[lobe].to_numpy(float) for lobe in LOBES], axis=1)
                continue
            group = PeopleCohort(cohort, copies, tuple(first_row[name] for name in names))
            generator.refit(group.at(train), dataclasses.replace(quiet, seed=seed))
            for place, do in zip(asked, wanted, strict=True):
                answer = generator.counterfactual_volumes(group[int(place)], do, seed)
                answers[place] = [answer[lobe] for lobe in LOBE_NAMES]
        return answers

    return refit


@dataclasses.dataclass
class PeopleCohort(Cohort):
    """People given as a table of metadata and lobes (mL), one row each, repeats allowed; images are the source's.

    Attributes:
        source: where the images and the other volumes are.
        people: subject, age, sex, diagnosis, head_size, and the lobes.
        rows: row of the source's table, one a person.
    """

    source: SegmentedCohort
    people: pd.DataFrame
    rows: tuple[int, ...]

    def __post_init__(self) -> None:
        self.name = self.source.name
        self.is_phantom = self.source.is_phantom

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

    def __getitem__(self, index: int) -> LazyScan:
        person = self.people.iloc[index]
        base = self.source.at([self.rows[index]])[0]
        stored = self.source.stored[self.rows[index]]
        inner = base.segmentation
        assert inner is not None
        segmentation = lazy_segmentation(
            lambda: inner.fractions,
            lambda: inner.labels,
            stored,
            volumes={**stored.volumes, **{lobe: float(person[lobe]) for lobe in LOBE_NAMES}},
            head_size=float(person["head_size"]),
        )
        return base.with_values(
            subject=str(person["subject"]),
            session="",
            age=float(person["age"]),
            sex=str(person["sex"]),
            diagnosis=str(person["diagnosis"]),
            head_size=float(person["head_size"]),
            segmentation=segmentation,
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
