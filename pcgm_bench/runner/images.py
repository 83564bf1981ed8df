"""Metrics of a row's images against real scans, for studies that name some in ``image_metrics``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pcgm_bench import registry
from pcgm_bench.contracts import Measurement
from pcgm_bench.runner.build import call_with
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


@dataclass(frozen=True)
class Subjects:
    """What image metrics compare: a row's images and the real ones, as images, features, volumes and names.

    Attributes:
        home: keeps features.
        device: for feature extractors.
        threads: likewise.
        workers: images at a time; no feature depends on it.
        progress: told (what, done, total).
    """

    home: Path
    device: str
    threads: int
    workers: int
    progress: Progress

    def features(self, space: str, images: Images) -> np.ndarray:
        """``(n, d)`` in a registered feature space; from the store if they are there."""
        from pcgm_bench.features.cache import features_of

        extractor = call_with(registry.get("features", space), device=self.device, threads=self.threads)
        return features_of(images, extractor, self.home / "features", workers=self.workers, progress=self.progress)


def image_metrics(study: Any) -> dict[str, str]:
    """Names of the image metrics of a study, each with its version, source and feature space: what scores depend on."""
    found = {}
    for name, metric, space in _named(study):
        found[name] = f"{metric.record.version}-{source_digest(metric)[:12]}"
        if space:
            found[name] += f"-{registry.get('features', space)().identity}"
    return found


def metric_records(study: Any) -> dict[str, dict[str, Any]]:
    """Image metric of a study -> its record, and ``identity``: what must be equal for two values to be compared."""
    identities = image_metrics(study)
    found = {}
    for name, metric, space in _named(study):
        found[name] = dataclasses.asdict(metric.record)
        found[name]["identity"] = f"{metric.record.name}-{metric.record.version}" + (
            f" in {identities[name].split('-', 2)[2]}" if space else ""
        )
    return found


def image_scores(
    study: Any,
    cohort: ReadCohort,
    plans: Mapping[str, Sequence[Fold]],
    stages: Mapping[str, Stage],
    measurements: Sequence[Measurement],
    seed: int,
    subjects: Subjects,
) -> dict[str, dict[str, Any]]:
    """Row -> metric -> what it says about the row's images; ``fid (uncnn)`` is a metric in a feature space.

    Real images are all of the cohort's, or the study's ``real_rows`` where it has one.

    Args:
        study: names its metrics in ``image_metrics`` and feature spaces in ``feature_spaces``.
        cohort: the factual scans.
        plans: row -> what was asked; every image must be there.
        stages: rows with images.
        measurements: of the real scans and of every row.
        seed: of the run.
        subjects: how to get at features.
    """
    metrics = [(name, metric(), space) for name, metric, space in _named(study)]
    if not metrics:
        return {}
    table = cohort.table
    rows = study.real_rows(table, seed) if hasattr(study, "real_rows") else list(range(len(cohort)))
    real = Images([partial(image_of, cohort, index) for index in rows])
    names = table["subject"].astype(str).to_numpy()
    real_table = volumes_table([one for one in measurements if one.row == "real"]).iloc[rows].reset_index(drop=True)
    scores: dict[str, dict[str, Any]] = {}
    for done, (row, stage) in enumerate(stages.items()):
        subjects.progress("image metrics", done, len(stages))
        asks = asks_in_order(plans[row])
        if not asks:
            continue
        made = Images([partial(stage.read_image, ask.unit) for ask in asks])
        made_table = volumes_table([one for one in measurements if one.row == row])
        scores[row] = {}
        for name, metric, space in metrics:
            inputs = metric.record.inputs
            if inputs == "people":
                arguments: tuple[Any, ...] = (real, made, list(names[rows]), [ask.unit.subject for ask in asks])
            elif inputs == "features":
                arguments = (subjects.features(space, real), subjects.features(space, made))
            elif inputs == "volumes":
                arguments = (real_table, made_table)
            elif inputs == "images":
                arguments = (real, made)
            else:
                msg = f"metric {name!r} of study {study.name!r} wants {inputs!r}, which is no image metric's input"
                raise ValueError(msg)
            scores[row][name] = metric(*arguments)
    subjects.progress("image metrics", len(stages), len(stages))
    return scores


def volumes_table(measurements: Sequence[Measurement]) -> pd.DataFrame:
    """One row an image: subject, age, sex, diagnosis, head_size, qc, and every region in mL."""
    meta = ("subject", "age", "sex", "diagnosis", "head_size", "qc")
    return pd.DataFrame([{name: getattr(one, name) for name in meta} | dict(one.volumes) for one in measurements])


def image_of(cohort: ReadCohort, index: int) -> np.ndarray:
    """The factual image of a row of the cohort's table, ``(X, Y, Z)``."""
    return cohort[index].image


def _named(study: Any) -> list[tuple[str, Any, str]]:
    """``(name in the scores, metric, feature space or empty)``: a feature metric once a space."""
    found = []
    for name in getattr(study, "image_metrics", ()):
        metric = registry.get("metrics", name)
        if metric.record.inputs == "features":
            found += [(f"{name} ({space})", metric, space) for space in study.feature_spaces]
        else:
            found.append((name, metric, ""))
    return found
