"""Rows without images: what a generator means the volumes to be, under true labels and under permuted ones."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import UserError
from pcgm_bench.runner.fold_plan import FoldPlan
from pcgm_bench.runner.fold_plan import image_seed
from pcgm_bench.runner.generators import GeneratorSpec
from pcgm_bench.runner.row_work import checked_volumes
from pcgm_bench.runner.segmented_cohort import SegmentedCohort
from pcgm_bench.store import ImageKey
from pcgm_bench.store import RunFolder
from pcgm_bench.store import digest
from pcgm_bench.store.schema import read_versioned
from pcgm_bench.store.schema import write_versioned

Volumes = Mapping[ImageKey, Mapping[str, float]]
SCHEMA = 1

log = logging.getLogger(__name__)


def volume_row(
    row: Row,
    spec: GeneratorSpec,
    train: SegmentedCohort,
    asked: SegmentedCohort,
    folds: Sequence[FoldPlan],
    folder: RunFolder,
    context: Context,
) -> Volumes:
    """Asked volumes of everybody held out, one atomic file a fold.

    Args:
        row: in the tables.
        spec: its generator.
        train: the people as the generator learns them (labels permuted or not).
        asked: the people as it is asked about them.
        folds: planned on ``asked``.
        folder: of the run.
        context: as for images.

    Raises:
        PluginError: the generator fails.
    """
    volumes: dict[ImageKey, Mapping[str, float]] = {}
    generator = None
    for number, fold in enumerate(folds):
        context.progress(f"volumes, {row.name}", number, len(folds))
        path = folder.volumes_file(row.name, number)
        tasks = [[task.key.stem, sorted((name, str(value)) for name, value in task.do.items())] for task in fold.tasks]
        # The labels too: permuted ones are not in the names.
        basis = digest([fold.basis, sorted(fold.train), tasks, train.content_hash, asked.content_hash])
        stored = _stored(path)
        if stored.get("basis") != basis:
            generator = generator or spec.open(context.device)
            with spec.guarded(f"adapting to fold {number + 1}"):
                generator.adapt(train.subset(fold.train), context)
            answers = {}
            for task in fold.tasks:
                with spec.guarded(f"saying the volumes of {task.key.stem}"):
                    seed = image_seed(context.seed, row.name, task.key)
                    answer = generator.counterfactual_volumes(asked[task.index], task.do, seed)
                    answers[task.key.stem] = checked_volumes(answer)
            stored = {"basis": basis, "volumes": answers}
            write_versioned(path, SCHEMA, stored)
        volumes.update({task.key: stored["volumes"][task.key.stem] for task in fold.tasks})
    context.progress(f"volumes, {row.name}", len(folds), len(folds))
    return volumes


def _stored(path: Path) -> dict[str, Any]:
    """What a fold's file holds; nothing where there is none, or where it is damaged: then it is made again."""
    if not path.exists():
        return {}
    try:
        return read_versioned(path, SCHEMA, "volumes asked for", "they are asked for again")
    except UserError as error:
        log.warning("%s", error)
        return {}
