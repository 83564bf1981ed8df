"""Stored segmentations as the measurements that a study is scored from."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import pandas as pd

from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import Measurement
from pcgm_bench.printable import csv_cell
from pcgm_bench.runner.fold_plan import FoldPlan
from pcgm_bench.runner.fold_plan import tasks_in_order
from pcgm_bench.runner.segmented_cohort import SegmentedCohort
from pcgm_bench.runner.volume_rows import Volumes
from pcgm_bench.store import DerivativeFolder
from pcgm_bench.store import RunFolder
from pcgm_bench.store import StoredVolumes
from pcgm_bench.store import atomic
from pcgm_bench.store import digest
from pcgm_bench.store.volumes_table import PART

META = ("row", "subject", "session", "age", "sex", "diagnosis", "factual_diagnosis", "head_size", "qc", "do")
NAN = float("nan")


def real_measurements(cohort: SegmentedCohort) -> list[Measurement]:
    """One a factual scan."""
    table = cohort.table
    return [
        _measurement("real", person, str(person["diagnosis"]), cohort.stored[cohort.rows[index]], {})
        for index, (_, person) in enumerate(table.iterrows())
    ]


def image_measurements(
    row: str, job: Job, cohort: SegmentedCohort, folds: Sequence[FoldPlan], folder: DerivativeFolder
) -> list[Measurement]:
    """One a made image, in the order of the cohort; without those whose segmenter measured nothing."""
    table = cohort.table
    measurements = []
    for task in tasks_in_order(folds):
        stored = folder.read_volumes(task.key)
        if not stored.volumes:
            continue
        if job is Job.SAMPLE:
            measurements.append(_new_brain(row, task.key.subject, stored))
        else:
            measurements.append(_measurement(row, table.iloc[task.index], None, stored, task.do))
    return measurements


def volume_measurements(
    row: str, cohort: SegmentedCohort, folds: Sequence[FoldPlan], volumes: Volumes
) -> list[Measurement]:
    """One a person asked about, without an image; ``cohort`` carries the labels they were asked under."""
    table = cohort.table
    return [
        _measurement(row, table.iloc[task.index], None, StoredVolumes(volumes[task.key], math.nan, math.nan), task.do)
        for task in tasks_in_order(folds)
        if volumes.get(task.key)
    ]


def write_measurements(folder: RunFolder, measurements: Sequence[Measurement]) -> str:
    """Store ``measurements.tsv`` (floats whole); returns its hash."""
    names = sorted({name for measurement in measurements for name in measurement.volumes})
    parts = list(dict.fromkeys(name for measurement in measurements for name in measurement.qc_parts))
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t", lineterminator="\n")
    writer.writerow([*META, *names, *(f"{PART}{name}" for name in parts)])
    for m in measurements:
        asked = " ".join(f"{name}={factor!r}" for name, factor in m.do.items())
        meta = [m.row, m.subject, m.session, m.age, m.sex, m.diagnosis, m.factual_diagnosis, m.head_size, m.qc, asked]
        values = [m.volumes.get(name, "n/a") for name in names] + [m.qc_parts.get(name, "n/a") for name in parts]
        writer.writerow([csv_cell(cell) if isinstance(cell, str) else cell for cell in (*meta, *values)])
    text = out.getvalue()
    if not folder.measurements_file.exists() or folder.measurements_file.read_text("utf-8") != text:
        atomic.write_text(folder.measurements_file, text)
    return digest(text.encode())


def _measurement(
    row: str, person: pd.Series[Any], diagnosis: str | None, stored: StoredVolumes, do: Intervention
) -> Measurement:
    factors: Mapping[str, float] = {n: value for n, value in do.items() if n not in ("age", "sex", "diagnosis")}
    return Measurement(
        row=row,
        subject=str(person["subject"]),
        session=str(person["session"] or ""),
        age=float(do.get("age", person["age"])),
        sex=str(do.get("sex", person["sex"])),
        diagnosis=diagnosis or str(do.get("diagnosis", person["diagnosis"])),
        factual_diagnosis=str(person["diagnosis"]),
        head_size=float(person["head_size"]),
        volumes=dict(stored.volumes),
        qc=stored.qc,
        qc_parts=stored.qc_parts,
        do=factors,
    )


def _new_brain(row: str, number: str, stored: StoredVolumes) -> Measurement:
    """Of no known age, sex or diagnosis, with a head size of its own."""
    return Measurement(
        row=row,
        subject=number,
        session="",
        age=NAN,
        sex="",
        diagnosis="",
        factual_diagnosis="",
        head_size=stored.head_size,
        volumes=dict(stored.volumes),
        qc=stored.qc,
        qc_parts=stored.qc_parts,
    )
