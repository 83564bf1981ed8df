"""From readings to scores: measurements, the study's verdicts, tables."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pcgm_bench import statistics
from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import UserError
from pcgm_bench.plain import plain_json
from pcgm_bench.runner.generate import Fold
from pcgm_bench.runner.generate import asks_in_order
from pcgm_bench.runner.images import image_of
from pcgm_bench.runner.readings import ReadCohort
from pcgm_bench.runner.readings import units_of
from pcgm_bench.store import RunFolder
from pcgm_bench.store import Stage
from pcgm_bench.store import Unit
from pcgm_bench.store import atomic
from pcgm_bench.store import digest
from pcgm_bench.store import source_digest
from pcgm_bench.store.identity import folder_digest
from pcgm_bench.store.stage import PART
from pcgm_bench.store.stage import Reading
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table

META = ("row", "subject", "session", "age", "sex", "diagnosis", "factual_diagnosis", "head_size", "qc", "do")


EXAMPLES = 2
"""People of each diagnosis that a run shows in pictures."""


@dataclass(frozen=True)
class Example:
    """One person to look at; the images are read when asked for.

    Attributes:
        unit: whose scan, under which intervention.
        factual: the scan.
        labels: how it was segmented; gives None where only volumes were read.
        counterfactuals: row -> its image.
    """

    unit: Unit
    factual: Callable[[], np.ndarray]
    labels: Callable[[], np.ndarray | None]
    counterfactuals: Mapping[str, Callable[[], np.ndarray]]


@dataclass(frozen=True)
class Scored:
    """What a study made of a run.

    Attributes:
        folder: where it is stored.
        tables: of the study, the overview first.
        warnings: what not to believe, one line each.
        skipped: row -> why it was not run.
        made: images made by this process; 0 when everything came from the store.
        examples: a few people to look at.
    """

    folder: RunFolder
    tables: Sequence[Table]
    warnings: Sequence[str]
    skipped: Mapping[str, str]
    made: int = 0
    examples: Sequence[Example] = ()


def real_measurements(cohort: ReadCohort) -> list[Measurement]:
    """One a factual scan."""
    table = cohort.table
    return [
        _measurement("real", person, str(person["diagnosis"]), cohort.readings[cohort.rows[index]], {})
        for index, (_, person) in enumerate(table.iterrows())
    ]


def image_measurements(row: str, cohort: ReadCohort, folds: Sequence[Fold], stage: Stage) -> list[Measurement]:
    """One a counterfactual image that has been read, in the order of the cohort."""
    table = cohort.table
    return [
        _measurement(row, table.iloc[ask.index], None, stage.read_reading(ask.unit), ask.do)
        for ask in asks_in_order(folds)
    ]


def examples(cohort: ReadCohort, folds: Sequence[Fold], stages: Mapping[str, Stage]) -> list[Example]:
    """The first `EXAMPLES` people of every diagnosis that the study intervenes on, with every row's image."""
    chosen: list[Example] = []
    seen: dict[str, int] = {}
    for ask in asks_in_order(folds):
        diagnosis = str(cohort.table["diagnosis"].iloc[ask.index])
        seen[diagnosis] = seen.get(diagnosis, 0) + 1
        if seen[diagnosis] <= EXAMPLES:
            images = {
                row: partial(stage.read_image, ask.unit) for row, stage in stages.items() if stage.has_image(ask.unit)
            }
            loaders = (partial(image_of, cohort, ask.index), partial(labels_of, cohort, ask.index))
            chosen.append(Example(ask.unit, *loaders, images))
    return chosen


def labels_of(cohort: ReadCohort, index: int) -> np.ndarray | None:
    """The label map of a row of the cohort's table, ``(X, Y, Z)``; None where only volumes were read."""
    if not cohort.stage.has_labels(units_of(cohort.table)[index]):
        return None
    segmentation = cohort[index].segmentation
    assert segmentation is not None
    return segmentation.labels


def volume_measurements(
    row: str, cohort: ReadCohort, folds: Sequence[Fold], volumes: Mapping[Any, Mapping[str, float]]
) -> list[Measurement]:
    """One a person asked about, without an image; ``cohort`` carries the labels they were asked under."""
    table = cohort.table
    return [
        _measurement(row, table.iloc[ask.index], None, Reading(volumes[ask.unit], math.nan, math.nan), ask.do)
        for ask in asks_in_order(folds)
        if volumes.get(ask.unit)
    ]


def write_measurements(folder: RunFolder, measurements: Sequence[Measurement]) -> str:
    """Store ``measurements.tsv`` (floats whole); returns its hash."""
    names = sorted({name for measurement in measurements for name in measurement.volumes})
    parts = list(dict.fromkeys(name for measurement in measurements for name in measurement.qc_parts))
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t", lineterminator="\n")
    writer.writerow([*META, *names, *(f"{PART}{name}" for name in parts)])
    for one in measurements:
        asked = " ".join(f"{name}={factor!r}" for name, factor in one.do.items())
        meta = [getattr(one, name) for name in META[:-1]]
        values = [one.volumes.get(name, "n/a") for name in names] + [one.qc_parts.get(name, "n/a") for name in parts]
        writer.writerow([*meta, asked, *values])
    text = out.getvalue()
    if not folder.measurements_file.exists() or folder.measurements_file.read_text() != text:
        atomic.write_text(folder.measurements_file, text)
    return digest(text.encode())


def scored_by(study: Any, measured: str, **more: Any) -> str:
    """Hash of all that the scores depend on: measurements, the code that scores, and what else it is told.

    Scoring again is cheap, so any edit of a study or of the statistics does it; images are never made again for that.
    """
    code = [source_digest(type(study)), folder_digest(Path(statistics.__file__ or "").parent)]
    return digest([measured, code, study.version, more])


def write_scores(folder: RunFolder, study: Any, content: Mapping[str, Any]) -> list[Table]:
    """Store the scores with their tables; returns the tables, as a pure function of what was stored."""
    stored = plain_json(dict(content))
    tables = study_tables(study, stored)
    texts = [(f"{table.name}.csv", table.csv()) for table in tables]
    texts += [(f"{table.name}.md", table.markdown() + "\n") for table in tables]
    folder.write_scores(stored, texts)
    return tables


def study_tables(study: Any, stored: Mapping[str, Any]) -> list[Table]:
    """The study's tables, and one that says what was skipped and why.

    Raises:
        UserError: the scores were made by another state of the study, which its tables do not understand.
    """
    try:
        tables = list(study.tables(stored["scores"]))
    except KeyError as error:
        msg = f"these scores of {study.name!r} lack {error}: another version made them; give the run's command again"
        raise UserError(msg) from error
    if stored["skipped"]:
        rows = [[row, reason] for row, reason in sorted(stored["skipped"].items())]
        tables.append(Table("skipped", "Not run", [Column("row"), Column("reason")], rows))
    return tables


def _measurement(row: str, person: Any, diagnosis: str | None, reading: Reading, do: Mapping[str, Any]) -> Measurement:
    return Measurement(
        row=row,
        subject=str(person["subject"]),
        session=str(person["session"] or ""),
        age=float(do.get("age", person["age"])),
        sex=str(do.get("sex", person["sex"])),
        diagnosis=diagnosis or str(do.get("diagnosis", person["diagnosis"])),
        factual_diagnosis=str(person["diagnosis"]),
        head_size=float(person["head_size"]),
        volumes=dict(reading.volumes),
        qc=reading.qc,
        qc_parts=reading.qc_parts,
        do={name: value for name, value in do.items() if name not in ("age", "sex", "diagnosis")},
    )
