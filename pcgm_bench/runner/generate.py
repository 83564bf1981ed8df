"""One row of a run: a generator adapts to each fold and answers every intervention, one atomic unit an image."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
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
from pcgm_bench.runner.readings import ReadCohort
from pcgm_bench.runner.readings import in_native_ml
from pcgm_bench.runner.readings import noted
from pcgm_bench.store import Stage
from pcgm_bench.store import Unit
from pcgm_bench.store.stage import describe


@dataclass(frozen=True)
class Ask:
    """One counterfactual to make.

    Attributes:
        index: row of the cohort's table.
        do: the intervention.
        unit: where it is stored.
    """

    index: int
    do: Do
    unit: Unit


@dataclass(frozen=True)
class Fold:
    """People to learn from, and what to answer about the others."""

    train: tuple[str, ...]
    asks: tuple[Ask, ...]


def plan(
    cohort: ReadCohort,
    interventions: Sequence[tuple[int, Do]],
    folds: Sequence[tuple[Sequence[str], Sequence[str]]],
) -> list[Fold]:
    """Hand every intervention to the one fold that holds its person out.

    Raises:
        ValueError: the study's folds or interventions contradict each other; a bug of the study.
    """
    subjects = cohort.table["subject"].astype(str).to_list()
    sessions = cohort.table["session"].fillna("").astype(str).to_list()
    asks = [Ask(index, do, Unit(subjects[index], sessions[index], describe(do))) for index, do in interventions]
    if len({ask.unit for ask in asks}) < len(asks):
        raise ValueError("two interventions of the study would have one file name")
    plans = []
    for train, test in folds:
        if shared := set(train) & set(test):
            raise ValueError(f"a fold of the study trains and tests on the same people: {sorted(shared)[:3]}")
        held_out = set(test)
        mine = tuple(ask for ask in asks if ask.unit.subject in held_out)
        plans.append(Fold(tuple(train), mine))
    if sum(len(fold.asks) for fold in plans) != len(asks):
        raise ValueError("every person that the study asks about must be held out in exactly one fold")
    return plans


def plan_study(cohort: ReadCohort, study: Any, seed: int) -> list[Fold]:
    """`plan` with a study's own interventions and folds."""
    table = cohort.table
    return plan(cohort, study.interventions(table), study.folds(table, seed))


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

    A fold whose images are all there is not even adapted to; a generator with the attribute ``adapts_slowly`` gets
    whole folds for its share, so that no two processes adapt to the same one. Results do not depend on what was there
    before: every image is made from its own seed, and read as it was stored.

    Raises:
        UserError: the generator or the segmenter fails on a scan, which is named; what was made stays.
    """
    places = {ask.unit: place for place, ask in enumerate(ask for fold in folds for ask in fold.asks)}
    slow = getattr(generator, "adapts_slowly", False)
    stage.describe_dataset(f"{cohort.name}, counterfactuals by {row}", provenance(generator))
    for number, fold in enumerate(folds):
        mine = [ask for ask in fold.asks if share.takes(number if slow else places[ask.unit])]
        missing = [ask for ask in mine if not stage.is_done(ask.unit)]
        if not missing:
            continue
        with noted(f"while {row} adapted to fold {number + 1}"):
            generator.adapt(cohort.subset(fold.train), context)
        for ask in missing:
            with noted(f"while {row} made {ask.unit.stem}"):
                _make_unit(row, generator, cohort[ask.index], ask, segmenter, stage, context.seed)
            count()


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
    known = ("age", "sex", "diagnosis", *LOBE_NAMES, "ventricles")
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
