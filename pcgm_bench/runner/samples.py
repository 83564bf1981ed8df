"""One row of a run that draws new brains: a generator adapts to the fold, then draws, one atomic unit a brain."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial
from typing import Any

from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmenter
from pcgm_bench.contracts import UserError
from pcgm_bench.runner.generate import Ask
from pcgm_bench.runner.generate import Fold
from pcgm_bench.runner.generate import asks_in_order
from pcgm_bench.runner.generate import checked
from pcgm_bench.runner.generate import provenance
from pcgm_bench.runner.generate import unit_seed
from pcgm_bench.runner.helpers import Share
from pcgm_bench.runner.images import image_of
from pcgm_bench.runner.readings import ReadCohort
from pcgm_bench.runner.readings import noted
from pcgm_bench.runner.scoring import Example
from pcgm_bench.runner.scoring import labels_of
from pcgm_bench.store import Stage
from pcgm_bench.store import Unit

DESCRIPTION = "sample"
NOBODY = Unit("seed", "", "")
EXAMPLES = 4
"""Brains that a run shows in pictures, beside as many real ones."""


def plan_samples(cohort: ReadCohort, study: Any, seed: int) -> list[Fold]:
    """One fold: whom to learn from, and as many brains to draw as the study compares them with real ones.

    Raises:
        UserError: the cohort is too small for the study.
    """
    table = cohort.table
    ((train, _held_out),) = study.folds(table, seed)
    count = len(study.real_rows(table, seed))
    if count < 2 or not train:
        raise UserError(f"{cohort.name}: {len(table)} scans are too few for this study")
    asks = [Ask(index, {}, Unit(f"{index + 1:04d}", "", DESCRIPTION)) for index in range(count)]
    return [Fold(tuple(train), tuple(asks))]


def make_samples(
    row: str,
    generator: Generator,
    cohort: ReadCohort,
    folds: Sequence[Fold],
    segmenter: Segmenter,
    stage: Stage,
    context: Context,
    count: Callable[[], object],
    share: Share,
) -> None:
    """Draw every missing brain of a row, or of a share of it, and read it; ``count`` is called after each.

    Raises:
        UserError: the generator draws something that is no image of the cohort's grid; what was made stays.
    """
    (fold,) = folds
    missing = [ask for ask in fold.asks if share.takes(ask.index) and not stage.is_done(ask.unit)]
    if not missing:
        return
    stage.describe_dataset(f"new brains by {row}", provenance(generator))
    with noted(f"while {row} adapted"):
        generator.adapt(cohort.subset(fold.train), context)
    pattern = cohort[0]
    seed = unit_seed(context.seed, row, NOBODY)
    for ask in missing:
        with noted(f"while {row} drew {ask.unit.stem}"):
            if not stage.has_image(ask.unit):
                drawn = next(iter(generator.sample(1, seed, first=ask.index)))
                stage.write_image(ask.unit, checked(drawn, pattern, f"{row}, {ask.unit.stem}"), pattern.affine)
            image = stage.read_image(ask.unit)
            nobody = Scan(ask.unit.subject, "", image, pattern.affine, float("nan"), "", "", description=DESCRIPTION)
            stage.write_reading(ask.unit, segmenter.segment(nobody), pattern.affine)
        count()


def sample_measurements(row: str, _cohort: ReadCohort, folds: Sequence[Fold], stage: Stage) -> list[Measurement]:
    """One a brain that has been read; it is of no known age, sex or diagnosis."""
    measurements = []
    for ask in asks_in_order(folds):
        reading = stage.read_reading(ask.unit)
        measurements.append(
            Measurement(
                row=row,
                subject=ask.unit.subject,
                session="",
                age=float("nan"),
                sex="",
                diagnosis="",
                factual_diagnosis="",
                head_size=reading.head_size,
                volumes=dict(reading.volumes),
                qc=reading.qc,
                qc_parts=reading.qc_parts,
            )
        )
    return measurements


def sample_examples(
    cohort: ReadCohort, folds: Sequence[Fold], stages: Mapping[str, Stage], study: Any, seed: int
) -> list[Example]:
    """The first `EXAMPLES` brains of every row, each beside a real one."""
    reference = study.real_rows(cohort.table, seed)
    chosen = []
    for ask in asks_in_order(folds)[:EXAMPLES]:
        images = {row: partial(stage.read_image, ask.unit) for row, stage in stages.items()}
        real = reference[ask.index]
        chosen.append(Example(ask.unit, partial(image_of, cohort, real), partial(labels_of, cohort, real), images))
    return chosen
