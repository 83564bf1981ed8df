"""Metrics of a row's images against the factual scans, for studies that name some in ``image_metrics``."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pcgm_bench import registry
from pcgm_bench.runner.generate import Fold
from pcgm_bench.runner.generate import asks_in_order
from pcgm_bench.runner.readings import Progress
from pcgm_bench.runner.readings import ReadCohort
from pcgm_bench.store import Stage
from pcgm_bench.store import source_digest


@dataclass(frozen=True)
class Images(Sequence[np.ndarray]):
    """Images ``(X, Y, Z)`` that are read when asked for, one at a time."""

    loaders: Sequence[Callable[[], np.ndarray]]

    def __len__(self) -> int:
        return len(self.loaders)

    def __getitem__(self, index: Any) -> Any:
        return self.loaders[index]()


def image_metrics(study: Any) -> dict[str, str]:
    """Names of the image metrics of a study, each with its version and source: part of what scores depend on."""
    found = {}
    for name in getattr(study, "image_metrics", ()):
        metric = registry.get("metrics", name)
        found[name] = f"{metric.record.version}-{source_digest(metric)[:12]}"
    return found


def image_scores(
    study: Any, cohort: ReadCohort, folds: Sequence[Fold], stages: Mapping[str, Stage], progress: Progress
) -> dict[str, dict[str, Any]]:
    """Row -> metric -> what it says about the row's images.

    Args:
        study: names its metrics in ``image_metrics``.
        cohort: the factual scans.
        folds: what was asked; every image must be there.
        stages: rows with images.
        progress: told (what, rows done, rows).
    """
    names = getattr(study, "image_metrics", ())
    asks = asks_in_order(folds)
    if not names or not asks:
        return {}
    factual = Images([partial(image_of, cohort, index) for index in range(len(cohort))])
    whose = cohort.table["subject"].astype(str).to_list()
    scores: dict[str, dict[str, Any]] = {}
    for done, (row, stage) in enumerate(stages.items()):
        progress("image metrics", done, len(stages))
        made = Images([partial(stage.read_image, ask.unit) for ask in asks])
        people = [ask.unit.subject for ask in asks]
        scores[row] = {name: registry.get("metrics", name)()(factual, made, whose, people) for name in names}
    progress("image metrics", len(stages), len(stages))
    return scores


def image_of(cohort: ReadCohort, index: int) -> np.ndarray:
    """The factual image of a row of the cohort's table, ``(X, Y, Z)``."""
    return cohort[index].image
