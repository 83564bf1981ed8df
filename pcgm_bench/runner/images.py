"""Metrics of a row's images against real scans, for studies that name some in ``image_metrics``."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
import pandas as pd

from pcgm_bench import registry
from pcgm_bench.contracts import Measurement
from pcgm_bench.runner.build import call_with
from pcgm_bench.runner.generate import Fold
from pcgm_bench.runner.generate import asks_in_order
from pcgm_bench.runner.image_set import Images
from pcgm_bench.runner.readings import Progress
from pcgm_bench.runner.readings import ReadCohort
from pcgm_bench.store import Stage
from pcgm_bench.store import source_digest
from pcgm_bench.store.stage import PART

if TYPE_CHECKING:
    from pcgm_bench.runner.training import TrainingSets


@dataclass(frozen=True)
class ImageMetric:
    """One metric that a study names, in one feature space if it takes features.

    Attributes:
        name: in the scores: ``ms-ssim``, ``fid (uncnn)``.
        metric: the plugin's class.
        space: registered feature space, or empty.
        space_identity: of that space's extractor, or empty.
        told: what it is called with by name, where that is not its default: whose QC score it judges.
    """

    name: str
    metric: Any
    space: str = ""
    space_identity: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)

    def asks_for(self, name: str) -> bool:
        """Whether it is a metric of volumes that can be told something by this name."""
        return self.metric.record.inputs == "volumes" and name in inspect.signature(self.metric.__call__).parameters

    def telling(self, **offered: Any) -> ImageMetric:
        """The same metric, told what it asks for by name."""
        known = inspect.signature(self.metric.__call__).parameters
        told = {k: v for k, v in offered.items() if self.asks_for(k) and v != known[k].default}
        return dataclasses.replace(self, told=told)

    @property
    def source(self) -> str:
        """Version, source and feature space: what its values depend on."""
        parts = [self.metric.record.version, source_digest(self.metric)[:12], self.space_identity, self._said]
        return "-".join(part for part in parts if part)

    @property
    def record(self) -> dict[str, Any]:
        """The metric's record, and ``identity``: what must be equal for two values to be compared."""
        record = self.metric.record
        where = f" in {self.space_identity}" if self.space else ""
        said = f" ({self._said})" if self.told else ""
        return {**dataclasses.asdict(record), "identity": f"{record.name}-{record.version}{where}{said}"}

    @property
    def _said(self) -> str:
        return ", ".join(f"{name}: {value or 'unknown'}" for name, value in self.told.items())


TRAINING = "training"
"""What a metric that wants scans of training people says in ``inputs``."""


def image_metrics(study: Any) -> list[ImageMetric]:
    """What a study names in ``image_metrics``; a metric of features once for each of its ``feature_spaces``."""
    spaces = {space: registry.get("features", space)().identity for space in getattr(study, "feature_spaces", ())}
    found = []
    for name in getattr(study, "image_metrics", ()):
        metric = registry.get("metrics", name)
        if metric.record.inputs in ("features", TRAINING):
            found += [ImageMetric(f"{name} ({space})", metric, space, identity) for space, identity in spaces.items()]
        else:
            found += named_metrics([name])
    return found


def named_metrics(names: Sequence[str]) -> list[ImageMetric]:
    """Registered metrics without a feature space, by name."""
    return [ImageMetric(name, registry.get("metrics", name)) for name in names]


@dataclass(frozen=True)
class Features:
    """Features of images in registered spaces, kept under the home folder.

    Attributes:
        home: keeps them.
        device: for the extractors.
        threads: likewise.
        workers: images at a time; no feature depends on it.
        progress: told (what, done, total).
    """

    home: Path
    device: str
    threads: int
    workers: int
    progress: Progress

    def of(self, images: Images, spaces: Iterable[str]) -> dict[str, np.ndarray]:
        """Space -> ``(n, d)``; from the store if they are there."""
        from pcgm_bench.features.cache import features_of

        found = {}
        for space in spaces:
            extractor = call_with(registry.get("features", space), device=self.device, threads=self.threads)
            folder = self.home / "features"
            found[space] = features_of(images, extractor, folder, workers=self.workers, progress=self.progress)
        return found


def real_rows(study: Any, table: pd.DataFrame, seed: int) -> list[int]:
    """Rows of the table that are the real images: all, or the study's ``real_rows`` where it has one."""
    return list(study.real_rows(table, seed)) if hasattr(study, "real_rows") else list(range(len(table)))


def image_scores(
    metrics: Sequence[ImageMetric],
    study: Any,
    cohort: ReadCohort,
    plans: Mapping[str, Sequence[Fold]],
    stages: Mapping[str, Stage],
    measurements: Sequence[Measurement],
    features: Features,
    training: TrainingSets,
) -> dict[str, dict[str, Any]]:
    """Row -> metric -> what it says about the row's images, against the real ones: ``training.held_out``.

    Args:
        metrics: of the study.
        study: that asks; its name is in messages.
        cohort: the factual scans.
        plans: row -> what was asked; every image must be there.
        stages: rows with images.
        measurements: of the real scans and of every row.
        features: where features come from.
        training: which scans are the real ones, and whom the rows have learnt from, for metrics that ask.
    """
    if not metrics:
        return {}
    rows = training.held_out
    real = Images([partial(image_of, cohort, index) for index in rows], scratch=features.home)
    people = list(cohort.table["subject"].astype(str).to_numpy()[rows])
    real_table = volumes_table([one for one in measurements if one.row == "real"]).iloc[rows].reset_index(drop=True)
    spaces = list(dict.fromkeys(one.space for one in metrics if one.space))
    real_features = features.of(real, spaces)
    # One instance for all rows: a metric may keep what it knows of the real images.
    instances = {one.name: one.metric() for one in metrics}
    scores: dict[str, dict[str, Any]] = {}
    for done, (row, stage) in enumerate(stages.items()):
        features.progress("image metrics", done, len(stages))
        asks = asks_in_order(plans[row])
        if not asks:
            continue
        made = Images([partial(stage.read_image, ask.unit) for ask in asks], scratch=features.home)
        made_features = features.of(made, spaces)
        offered: dict[str, tuple[Any, ...]] = {
            "people": (real, made, people, [ask.unit.subject for ask in asks]),
            "images": (real, made),
            "volumes": (real_table, volumes_table([one for one in measurements if one.row == row])),
        }
        offered |= {space: (real_features[space], made_features[space]) for space in spaces}
        people_of_fold = plans[row][0].train
        scores[row] = {}
        for one in metrics:
            metric, space, inputs = instances[one.name], one.space, one.metric.record.inputs
            if inputs == TRAINING:
                sets = (made_features[space], real_features[space])
                scores[row][one.name] = training.score(metric, row, people_of_fold, space, *sets)
                continue
            arguments = _arguments(one, offered, study)
            scores[row][one.name] = _of_volumes(one, metric, arguments) if inputs == "volumes" else metric(*arguments)
    features.progress("image metrics", len(stages), len(stages))
    return scores


def _arguments(one: ImageMetric, offered: Mapping[str, tuple[Any, ...]], study: Any) -> tuple[Any, ...]:
    wanted = one.space or one.metric.record.inputs
    if wanted not in offered:
        msg = f"metric {one.name!r} of study {study.name!r} wants {wanted!r}, which is no image metric's input"
        raise ValueError(msg)
    return offered[wanted]


def _of_volumes(one: ImageMetric, metric: Any, tables: tuple[Any, ...]) -> dict[str, Any]:
    """What a metric says of two tables; or no value and why, where volumes are not there or are no numbers."""
    reason = _lacking(metric, tables)
    if not reason:
        try:
            return dict(metric(*tables, **one.told))
        except ValueError as error:
            reason = str(error)
    return {"value": None, "low": None, "high": None, "n": 0, "reason": reason}


def _lacking(metric: Any, tables: Sequence[pd.DataFrame]) -> str:
    """Why a metric of volumes cannot be had; empty if it can.

    It names the columns it needs in ``columns``; one may be there in parts, ``qc_thalamus`` and others for ``qc``.
    """
    for table in tables:
        if not len(table):
            return "no volumes were measured on these images"
        for column in getattr(metric, "columns", ()):
            parts = [name for name in table if name == column or str(name).startswith(f"{column}_")]
            if not parts or table[parts].isna().all(axis=None):
                return f"nobody has measured {column}"
    return ""


def not_possible(scores: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Metric -> why it is missing, and in which rows."""
    found: dict[str, dict[str, list[str]]] = {}
    for row, values in scores.items():
        for name, value in values.items():
            if isinstance(value, Mapping) and value.get("value") is None and value.get("reason"):
                found.setdefault(name, {}).setdefault(value["reason"], []).append(row)
    return {
        name: "not possible: " + "; ".join(f"{reason} ({', '.join(rows)})" for reason, rows in reasons.items())
        for name, reasons in found.items()
    }


def volumes_table(measurements: Sequence[Measurement]) -> pd.DataFrame:
    """One row an image: subject, age, sex, diagnosis, head_size, every region in mL, and ``qc``.

    A score that has parts (`pcgm_bench.contracts.Segmentation`) has columns ``qc_...`` in place of ``qc``.
    """
    meta = ("subject", "age", "sex", "diagnosis", "head_size")
    rows = []
    for one in measurements:
        quality = {f"{PART}{name}": value for name, value in one.qc_parts.items()} or {"qc": one.qc}
        rows.append({name: getattr(one, name) for name in meta} | quality | dict(one.volumes))
    return pd.DataFrame(rows)


def image_of(cohort: ReadCohort, index: int) -> np.ndarray:
    """The factual image of a row of the cohort's table, ``(X, Y, Z)``."""
    return cohort[index].image
