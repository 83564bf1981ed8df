"""One row of a run: a generator adapts to each fold and answers every intervention, one atomic unit an image."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from pcgm_bench import __version__
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Do
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmenter
from pcgm_bench.contracts import UserError
from pcgm_bench.runner.helpers import EVERYTHING
from pcgm_bench.runner.helpers import Share
from pcgm_bench.runner.lazy import LazyScan
from pcgm_bench.runner.lazy import lazy_segmentation
from pcgm_bench.runner.readings import ReadCohort
from pcgm_bench.runner.readings import in_native_ml
from pcgm_bench.runner.readings import noted
from pcgm_bench.store import Stage
from pcgm_bench.store import Unit
from pcgm_bench.store.stage import describe

REGIONS = (*LOBE_NAMES, "ventricles")
"""What a ``do`` may name with a factor of its volume."""


@dataclass(frozen=True)
class Ask:
    """One counterfactual to make.

    Attributes:
        index: row of the cohort's table.
        do: the intervention, on the factual scan, or on the image before it in a chain.
        unit: where it is stored.
        whole: of a later link of a chain: what it comes to, seen from the factual scan.
    """

    index: int
    do: Do
    unit: Unit
    whole: Do | None = None


Chain = tuple[Ask, ...]
"""Interventions in a row: the first is one of the fold's asks, every other is asked of the image before it."""


@dataclass(frozen=True)
class Fold:
    """People to learn from, and what to answer about the others."""

    train: tuple[str, ...]
    asks: tuple[Ask, ...]
    chains: tuple[Chain, ...] = ()

    @property
    def units(self) -> list[Unit]:
        """Of every image to make, later links of chains included."""
        links = (link for chain in self.chains for link in chain[1:])
        return [ask.unit for ask in (*self.asks, *links)]


def plan(
    cohort: ReadCohort,
    interventions: Sequence[tuple[int, Do]],
    folds: Sequence[tuple[Sequence[str], Sequence[str]]],
    chains: Sequence[tuple[int, Sequence[Do]]] = (),
) -> list[Fold]:
    """Hand every intervention, and every chain that goes on from one, to the one fold that holds its person out.

    Raises:
        ValueError: the study's folds, interventions or chains contradict each other; a bug of the study.
    """
    subjects = cohort.table["subject"].astype(str).to_list()
    sessions = cohort.table["session"].fillna("").astype(str).to_list()
    asks = [Ask(index, do, Unit(subjects[index], sessions[index], describe(do))) for index, do in interventions]
    if len({ask.unit for ask in asks}) < len(asks):
        raise ValueError("two interventions of the study would have one file name")
    starts = {ask.unit: ask for ask in asks}
    linked = [_chain(starts.get(Unit(subjects[row], sessions[row], describe(dos[0]))), dos) for row, dos in chains]
    if len({chain[0].unit for chain in linked}) < len(linked):
        raise ValueError("two chains of the study begin with the same intervention on the same scan")
    plans = []
    for train, test in folds:
        if shared := set(train) & set(test):
            raise ValueError(f"a fold of the study trains and tests on the same people: {sorted(shared)[:3]}")
        held_out = set(test)
        mine = tuple(ask for ask in asks if ask.unit.subject in held_out)
        plans.append(Fold(tuple(train), mine, tuple(chain for chain in linked if chain[0] in mine)))
    if sum(len(fold.asks) for fold in plans) != len(asks):
        raise ValueError("every person that the study asks about must be held out in exactly one fold")
    return plans


def plan_study(cohort: ReadCohort, study: Any, seed: int, quick: bool) -> list[Fold]:
    """`plan` with a study's own interventions, folds, and chains if it has any (`chains(table, quick)`)."""
    table = cohort.table
    chains = study.chains(table, quick) if hasattr(study, "chains") else ()
    return plan(cohort, study.interventions(table), study.folds(table, seed), chains)


def _chain(start: Ask | None, dos: Sequence[Do]) -> Chain:
    if start is None:
        raise ValueError(f"a chain of the study begins with {dict(dos[0])}, which the study does not ask of that scan")
    links = [start]
    for number in range(2, len(dos) + 1):
        unit = dataclasses.replace(start.unit, description=f"{start.unit.description}Link{number}")
        links.append(Ask(start.index, dos[number - 1], unit, whole_of(dos[:number])))
    return tuple(links)


def whole_of(dos: Sequence[Do]) -> dict[str, float]:
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


def asks_in_order(folds: Sequence[Fold]) -> list[Ask]:
    """Every ask of all folds, by row of the cohort's table, then by name."""
    return sorted((ask for fold in folds for ask in fold.asks), key=lambda ask: (ask.index, ask.unit.stem))


def make_row(
    row: str,
    generator: Generator,
    cohort: ReadCohort,
    folds: Sequence[Fold],
    segmenter: Segmenter,
    stage: Stage,
    context: Context,
    count: Callable[[], object],
    share: Share = EVERYTHING,
) -> None:
    """Make every missing image of a row, or of a share of it, and read it; ``count`` is called after each.

    The links of a chain follow its first image in the same process. A fold whose images are all there is not even
    adapted to; a generator with the attribute ``adapts_slowly`` gets whole folds for its share, so that no two
    processes adapt to the same one. Results do not depend on what was there before: every image is made from its own
    seed, and read as it was stored.

    Raises:
        UserError: the generator or the segmenter fails on a scan, which is named; what was made stays.
    """
    places = {ask.unit: place for place, ask in enumerate(ask for fold in folds for ask in fold.asks)}
    slow = getattr(generator, "adapts_slowly", False)
    stage.describe_dataset(f"{cohort.name}, counterfactuals by {row}", provenance(generator))
    for number, fold in enumerate(folds):
        mine = [ask for ask in fold.asks if share.takes(number if slow else places[ask.unit])]
        missing = [ask for ask in mine if not stage.is_done(ask.unit)]
        chains = [chain for chain in fold.chains if share.takes(number if slow else places[chain[0].unit])]
        links = [pair for chain in chains for pair in pairwise(chain) if not stage.is_done(pair[1].unit)]
        if not missing and not links:
            continue
        with noted(f"while {row} adapted to fold {number + 1}"):
            generator.adapt(cohort.subset(fold.train), context)
        for ask in missing:
            with noted(f"while {row} made {ask.unit.stem}"):
                _make_unit(row, generator, cohort[ask.index], ask, segmenter, stage, context.seed)
            count()
        for before, link in links:
            with noted(f"while {row} made {link.unit.stem}"):
                scan, ask = cohort[link.index], link
                if generator.card.needs_truth:  # it knows the person, not the image: it goes the whole way at once
                    ask = dataclasses.replace(link, do=link.whole or {})
                else:
                    scan = as_scan(scan, before.unit, segmenter, stage)
                _make_unit(row, generator, scan, ask, segmenter, stage, context.seed)
            count()


def as_scan(scan: LazyScan, unit: Unit, segmenter: Segmenter, stage: Stage) -> LazyScan:
    """A stored image as a scan of the same person, to be changed again: its own voxels and reading, the same metadata.

    Head size stays the factual one. Fractions are not stored with an image: who wants them has it segmented again.
    """
    image, reading = stage.read_image(unit), stage.read_reading(unit)
    shown = dataclasses.replace(scan, image=image, segmentation=None, description=unit.description)
    segmentation = lazy_segmentation(
        lambda: segmenter.segment(shown).fractions,
        lambda: stage.read_labels(unit),
        volumes=dict(reading.volumes),
        head_size=reading.head_size,
        qc=reading.qc,
        qc_parts=reading.qc_parts,
    )
    return scan.with_values(image=image, segmentation=segmentation, description=unit.description)


def unit_seed(seed: int, row: str, unit: Unit) -> int:
    """The seed of one image: depends on the run's seed and the image's name, never on what was made before it."""
    name = hashlib.blake2b(f"{row}/{unit.stem}".encode(), digest_size=8).digest()
    return int(np.random.SeedSequence([seed, int.from_bytes(name, "big")]).generate_state(1)[0])


def act(scan: Scan, do: Do) -> Scan:
    """The same scan with its metadata as ``do`` says: what a counterfactual image shows.

    Factors of regions (``{"frontal": 0.95}``) change the anatomy alone: the metadata stay.

    Raises:
        UserError: ``do`` names something a scan does not have.
    """
    known = ("age", "sex", "diagnosis", *REGIONS)
    if unknown := sorted(set(do) - set(known)):
        raise UserError(f"do {', '.join(unknown)}: only these can be set: {', '.join(known)}")
    changes: dict[str, float | str] = {name: str(do[name]) for name in ("sex", "diagnosis") if name in do}
    if "age" in do:
        changes["age"] = float(do["age"])
    return dataclasses.replace(scan, **changes)  # type: ignore[arg-type]


def checked(image: np.ndarray, scan: Scan, what: str) -> np.ndarray:
    """The generator's image as float32.

    Raises:
        UserError: another shape than the scan's, or not finite.
    """
    image = np.asarray(image, dtype=np.float32)
    if image.shape != scan.image.shape:
        raise UserError(f"{what}: made an image of shape {image.shape}, the scan has {scan.image.shape}")
    if not np.isfinite(image).all():
        raise UserError(f"{what}: made an image with NaN or infinite voxels; the plugin is at fault")
    return image


def _make_unit(
    row: str, generator: Generator, scan: Scan, ask: Ask, segmenter: Segmenter, stage: Stage, seed: int
) -> None:
    own_seed = unit_seed(seed, row, ask.unit)
    if not stage.has_image(ask.unit):
        image = checked(generator.counterfactual(scan, ask.do, own_seed), scan, f"{row}, {ask.unit.stem}")
        stage.write_image(ask.unit, image, scan.affine)
    # What is read is what was stored, in the same memory order, whether this process or a killed one made it.
    image = stage.read_image(ask.unit)
    asked: Mapping[str, float] = {}
    if "volumes" in generator.card.jobs:
        asked = generator.counterfactual_volumes(scan, ask.do, own_seed)
    shown = dataclasses.replace(act(scan, ask.do), image=image, segmentation=None, description=ask.unit.description)
    stage.write_reading(ask.unit, in_native_ml(segmenter.segment(shown), scan), scan.affine, asked)


def provenance(generator: Generator) -> dict[str, str]:
    """Who made a dataset, for its description."""
    card = generator.card
    return {"Name": card.title, "Version": card.version, "Description": f"{card.name}, run by pcgm-bench {__version__}"}
