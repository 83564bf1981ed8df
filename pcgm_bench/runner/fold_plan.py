"""Which images a run needs: every intervention handed to the one fold that holds its person out."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Container
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Fold
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import Study
from pcgm_bench.contracts import UserError
from pcgm_bench.runner.segmented_cohort import SegmentedCohort
from pcgm_bench.store import ImageKey
from pcgm_bench.store import ImageRequest
from pcgm_bench.store import digest
from pcgm_bench.store.image_key import description_of

REGIONS = (*LOBE_NAMES, "ventricles")
"""What an intervention may name with a factor of its volume."""
SAMPLE = "sample"
"""Description of a new brain's image."""


@dataclass(frozen=True)
class ImageTask:
    """One image to make.

    Attributes:
        index: row of the cohort's table; of a new brain, its number.
        do: the intervention, on the factual scan, or on the image before it in a chain.
        key: where it is stored.
        whole: of a later link of a chain: what it comes to, seen from the factual scan.
    """

    index: int
    do: Intervention
    key: ImageKey
    whole: Intervention | None = None


Chain = tuple[ImageTask, ...]
"""Interventions in a row: the first is one of the fold's tasks, every other is asked of the image before it."""


@dataclass(frozen=True)
class FoldPlan:
    """People to learn from, and what to make of the others.

    Attributes:
        train: subjects.
        tasks: images to make.
        chains: further images that go on from some of them.
        basis: hash of the row that makes them: its generator, cohort, segmenter, seed; empty before a row is chosen.
    """

    train: tuple[str, ...]
    tasks: tuple[ImageTask, ...]
    chains: tuple[Chain, ...] = ()
    basis: str = ""

    @property
    def all_tasks(self) -> list[ImageTask]:
        """Of every image to make, later links of chains included."""
        return [*self.tasks, *(link for chain in self.chains for link in chain[1:])]

    def wanted(self, task: ImageTask, before: ImageTask | None = None) -> ImageRequest:
        """The image of a task, with the hash of what it is made from: the row, the people learnt from, what is asked.

        Args:
            task: of this fold.
            before: of a later link, the task before it; looked up where it is not given.
        """
        if task.whole is not None and before is None:
            before = self.before(task)
        start = self.wanted(before).made_from if before is not None else ""
        content = [
            self.basis,
            sorted(self.train),
            task.key.stem,
            sorted((k, str(v)) for k, v in task.do.items()),
            start,
        ]
        return ImageRequest(task.key, digest(content))

    def before(self, task: ImageTask) -> ImageTask:
        """The task before a later link of a chain."""
        for chain in self.chains:
            if task in chain[1:]:
                return chain[chain.index(task) - 1]
        raise ValueError(f"{task.key.stem} is no later link of a chain")

    @property
    def requests(self) -> list[ImageRequest]:
        """Of every image to make, later links of chains included."""
        return [self.wanted(task) for task in self.all_tasks]


def plan_folds(
    cohort: SegmentedCohort,
    interventions: Sequence[tuple[int, Intervention]],
    folds: Sequence[Fold],
    chains: Sequence[tuple[int, Sequence[Intervention]]] = (),
) -> list[FoldPlan]:
    """Hand every intervention, and every chain that goes on from one, to the one fold that holds its person out.

    Raises:
        ValueError: the study's folds, interventions or chains contradict each other; a bug of the study.
    """
    subjects = cohort.table["subject"].astype(str).to_list()
    sessions = cohort.table["session"].fillna("").astype(str).to_list()

    def key(row: int, do: Intervention) -> ImageKey:
        return ImageKey(subjects[row], sessions[row], description_of(do))

    tasks = [ImageTask(row, do, key(row, do)) for row, do in interventions]
    if len({task.key for task in tasks}) < len(tasks):
        raise ValueError("two interventions of the study would have one file name")
    starts = {task.key: task for task in tasks}
    linked = [_chain(starts.get(key(row, dos[0])), dos) for row, dos in chains]
    if len({chain[0].key for chain in linked}) < len(linked):
        raise ValueError("two chains of the study begin with the same intervention on the same scan")
    plans = []
    for train, test in folds:
        if shared := set(train) & set(test):
            raise ValueError(f"a fold of the study trains and tests on the same people: {sorted(shared)[:3]}")
        held_out = set(test)
        mine = tuple(task for task in tasks if task.key.subject in held_out)
        plans.append(FoldPlan(tuple(train), mine, tuple(chain for chain in linked if chain[0] in mine)))
    if sum(len(fold.tasks) for fold in plans) != len(tasks):
        raise ValueError("every person that the study asks about must be held out in exactly one fold")
    return plans


def plan_study(cohort: SegmentedCohort, study: Study, seed: int, quick: bool) -> list[FoldPlan]:
    """What a study asks, before a row is chosen.

    Raises:
        UserError: the cohort is too small for the study.
        ValueError: as `plan_folds`.
    """
    table = cohort.table
    folds = study.folds(table, seed)
    if study.job is not Job.SAMPLE:
        return plan_folds(cohort, study.interventions(table), folds, study.chains(table, quick))
    if len(folds) != 1:
        raise ValueError(f"study {study.name!r} draws new brains and has {len(folds)} folds; it needs one")
    ((train, _held_out),) = folds
    count = len(study.real_rows(table, seed))
    if count < 2 or not train:
        raise UserError(f"{cohort.name}: {len(table)} scans are too few for this study")
    tasks = [ImageTask(index, {}, ImageKey(f"{index + 1:04d}", "", SAMPLE)) for index in range(count)]
    return [FoldPlan(tuple(train), tuple(tasks))]


def for_row(folds: Sequence[FoldPlan], basis: str, card: Card, study: Study) -> list[FoldPlan]:
    """The same plan for one row: without what its generator cannot be asked."""

    def can(*tasks: ImageTask) -> bool:
        return all(study.job_for(task.do) in card.jobs for task in tasks)

    return [
        dataclasses.replace(
            fold,
            basis=basis,
            tasks=tuple(task for task in fold.tasks if can(task)),
            chains=tuple(chain for chain in fold.chains if can(*chain)),
        )
        for fold in folds
    ]


def without(folds: Sequence[FoldPlan], keys: Container[ImageKey]) -> list[FoldPlan]:
    """The same plan without some images, and without the chains that one of them belongs to."""
    return [
        dataclasses.replace(
            fold,
            tasks=tuple(task for task in fold.tasks if task.key not in keys),
            chains=tuple(chain for chain in fold.chains if not any(task.key in keys for task in chain)),
        )
        for fold in folds
    ]


def _chain(start: ImageTask | None, dos: Sequence[Intervention]) -> Chain:
    if start is None:
        raise ValueError(f"a chain of the study begins with {dict(dos[0])}, which the study does not ask of that scan")
    links = [start]
    for number in range(2, len(dos) + 1):
        key = dataclasses.replace(start.key, description=f"{start.key.description}Link{number}")
        links.append(ImageTask(start.index, dos[number - 1], key, whole_of(dos[:number])))
    return tuple(links)


def whole_of(dos: Sequence[Intervention]) -> dict[str, float]:
    """Changes of regions in a row as one change: factors multiply, and who is back where it was is left out.

    >>> whole_of([{"frontal": 1.1}, {"insula": 0.9}, {"frontal": 1 / 1.1}])
    {'insula': 0.9}

    Raises:
        ValueError: something else than a region is set; the metadata of a chain's images would not be the scan's.
    """
    factors: dict[str, float] = {}
    for name, factor in (pair for do in dos for pair in do.items()):
        if name not in REGIONS:
            raise ValueError(f"a chain of the study sets {name!r}; only regions can be changed several times in a row")
        factors[name] = factors.get(name, 1.0) * factor
    return {name: factor for name, factor in factors.items() if abs(factor - 1) > 1e-9}


def tasks_in_order(folds: Sequence[FoldPlan]) -> list[ImageTask]:
    """Every task of all folds (first links only), by row of the cohort's table, then by name."""
    return sorted((task for fold in folds for task in fold.tasks), key=lambda task: (task.index, task.key.stem))


def image_seed(seed: int, row: str, key: ImageKey) -> int:
    """The seed of one image: depends on the run's seed and the image's name, never on what was made before it."""
    name = hashlib.blake2b(f"{row}/{key.stem}".encode(), digest_size=8).digest()
    return int(np.random.SeedSequence([seed, int.from_bytes(name, "big")]).generate_state(1)[0])
