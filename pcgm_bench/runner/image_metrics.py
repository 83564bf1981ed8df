"""Metrics of a row's images against real scans."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import FeatureSets
from pcgm_bench.contracts import ImageSets
from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import PluginError
from pcgm_bench.contracts import TrainingSets
from pcgm_bench.contracts import TrueChanges
from pcgm_bench.contracts import VolumeMetric
from pcgm_bench.contracts import VolumeTables
from pcgm_bench.runner.features import Features
from pcgm_bench.runner.fold_plan import FoldPlan
from pcgm_bench.runner.fold_plan import ImageTask
from pcgm_bench.runner.fold_plan import tasks_in_order
from pcgm_bench.runner.images_of import factual_images
from pcgm_bench.runner.images_of import made_images
from pcgm_bench.runner.lazy_images import Images
from pcgm_bench.runner.metric_uses import OpenMetric
from pcgm_bench.runner.metric_uses import Space
from pcgm_bench.runner.privacy_sets import PrivacySets
from pcgm_bench.runner.segmented_cohort import SegmentedCohort
from pcgm_bench.runner.true_changes import TrueTasks
from pcgm_bench.runner.true_changes import true_tasks
from pcgm_bench.store import DerivativeFolder
from pcgm_bench.store.volumes_table import PART


@dataclass(frozen=True)
class RowImages:
    """A row whose images are compared.

    Attributes:
        folder: where they are.
        plans: what was asked; every image must be there.
        measurements: of the row.
    """

    folder: DerivativeFolder
    plans: Sequence[FoldPlan]
    measurements: Sequence[Measurement]


@dataclass(frozen=True)
class RealImages:
    """The real scans that rows are compared with.

    Attributes:
        cohort: the factual scans.
        rows: of its table.
        measurements: of these rows.
    """

    cohort: SegmentedCohort
    rows: Sequence[int]
    measurements: Sequence[Measurement]

    @property
    def people(self) -> list[str]:
        """Whose each one is."""
        return list(self.cohort.table["subject"].astype(str).to_numpy()[list(self.rows)])


def image_estimates(
    metrics: Sequence[OpenMetric],
    spaces: Sequence[Space],
    real: RealImages,
    rows: Mapping[str, RowImages],
    features: Features,
    privacy: PrivacySets,
    qc: tuple[str, float | None],
) -> dict[str, dict[str, Estimate]]:
    """Row -> metric -> what it says about the row's images, against the real ones.

    Args:
        metrics: of the run.
        spaces: of the run.
        real: the real scans.
        rows: rows with images.
        features: where features come from.
        privacy: whom the rows have learnt from, for metrics that ask.
        qc: name of the QC score, and the threshold that the user wants.
    """
    if not metrics:
        return {}
    truths = TrueTasks(reason="no metric asks")
    if any(metric.metric.inputs is TrueChanges for metric in metrics):
        plans = [tasks_in_order(row.plans) for row in rows.values()]
        truths = true_tasks(real.cohort, [tasks for tasks in plans if tasks], features.progress)
    scratch = features.request.home
    images = factual_images(real.cohort, real.rows, scratch)
    wanted = [space for space in spaces if any(metric.space == space.name for metric in metrics)]
    real_features = features.of(images, wanted)
    real_table = volumes_table(real.measurements)
    estimates: dict[str, dict[str, Estimate]] = {}
    for done, (name, row) in enumerate(rows.items()):
        features.progress("image metrics", done, len(rows))
        tasks = tasks_in_order(row.plans)
        if not tasks:
            continue
        made = made_images(row.folder, tasks, scratch)
        made_features = features.of(made, wanted)
        people = [task.key.subject for task in tasks]
        sets = ImageSets(images, made, real.people, people)
        tables = VolumeTables(real_table, volumes_table(row.measurements), *qc)
        changes = _true_changes(truths, tasks, made)
        estimates[name] = {}
        for metric in metrics:
            if metric.metric.inputs is ImageSets:
                estimate = metric.measure(sets)
            elif metric.metric.inputs is VolumeTables:
                estimate = _of_volumes(metric, tables)
            elif metric.metric.inputs is TrueChanges:
                estimate = Estimate(reason=truths.reason) if changes is None else metric.measure(changes)
            else:
                both = real_features[metric.space], made_features[metric.space]
                estimate = _of_features(metric, name, row.plans[0].train, both, privacy)
            estimates[name][metric.name] = estimate
    features.progress("image metrics", len(rows), len(rows))
    return estimates


def _of_features(
    metric: OpenMetric,
    row: str,
    fold: Sequence[str],
    features: tuple[np.ndarray | PluginError, np.ndarray | PluginError],
    privacy: PrivacySets,
) -> Estimate:
    real, made = features
    if isinstance(real, PluginError) or isinstance(made, PluginError):
        return Estimate(reason=str(real if isinstance(real, PluginError) else made))
    if metric.metric.inputs is TrainingSets:
        return privacy.estimate(metric, row, fold, made, real)
    # Copies: a metric may write into what it is given.
    return metric.measure(FeatureSets(real.copy(), made.copy(), metric.space))


def _true_changes(truths: TrueTasks, tasks: Sequence[ImageTask], made: Images) -> TrueChanges | None:
    """A row's images whose truth is known, the same for all metrics; None where there are none."""
    if truths.reason:
        return None
    places = {task.key: place for place, task in enumerate(tasks)}
    images = Images([partial(made.__getitem__, places[task.key]) for task in truths.tasks])
    return TrueChanges(truths.truths, images, truths.voxel_mm)


def _of_volumes(metric: OpenMetric, tables: VolumeTables) -> Estimate:
    """What a metric says of two tables; or no value and why, where volumes are not there."""
    assert isinstance(metric.metric, VolumeMetric)
    reason = _lacking(metric.metric, (tables.real, tables.made))
    own = replace(tables, real=tables.real.copy(), made=tables.made.copy())  # a metric may write into it
    return Estimate(reason=reason) if reason else metric.measure(own)


def _lacking(metric: VolumeMetric, tables: Sequence[pd.DataFrame]) -> str:
    """Why a metric of volumes cannot be had; empty if it can. ``qc`` may be there in parts, ``qc_thalamus``."""
    for table in tables:
        if not len(table):
            return "no volumes were measured on these images"
        for column in metric.columns:
            parts = [name for name in table if name == column or str(name).startswith(f"{column}_")]
            if not parts or table[parts].isna().all(axis=None):
                return f"nobody has measured {column}"
    return ""


def not_possible(estimates: Mapping[str, Mapping[str, Estimate]]) -> dict[str, str]:
    """Metric -> why it is missing, and in which rows."""
    reasons: dict[str, dict[str, list[str]]] = {}
    for row, by_metric in estimates.items():
        for name, estimate in by_metric.items():
            if estimate.reason:
                reasons.setdefault(name, {}).setdefault(estimate.reason, []).append(row)
    return {
        name: "not possible: " + "; ".join(f"{reason} ({', '.join(rows)})" for reason, rows in by_reason.items())
        for name, by_reason in reasons.items()
    }


def volumes_table(measurements: Sequence[Measurement]) -> pd.DataFrame:
    """One row an image: subject, age, sex, diagnosis, head_size, every region in mL, and ``qc``.

    A score that has parts (`pcgm_bench.contracts.Segmentation`) has columns ``qc_...`` in place of ``qc``.
    """
    rows = []
    for image in measurements:
        quality = {f"{PART}{name}": value for name, value in image.qc_parts.items()} or {"qc": image.qc}
        rows.append(
            {
                "subject": image.subject,
                "age": image.age,
                "sex": image.sex,
                "diagnosis": image.diagnosis,
                "head_size": image.head_size,
                **quality,
                **image.volumes,
            }
        )
    return pd.DataFrame(rows)
