"""Simulated volumes for tests of the recovery study: rows that answer every request with a slope of their own."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import pandas as pd

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.metrics.dose_response import DoseResponse
from pcgm_bench.metrics.effectiveness import Effectiveness
from pcgm_bench.metrics.minimality import Minimality
from pcgm_bench.results.select import only
from pcgm_bench.results.select import select
from pcgm_bench.studies.recovery import RecoveryStudy
from pcgm_bench.studies.recovery.study import CONTROLS

STUDY = RecoveryStudy()
METRICS = {metric.record.name: metric() for metric in (Effectiveness, Minimality, DoseResponse)}
VOLUMES = dict(zip(LOBE_NAMES, (180.0, 110.0, 105.0, 48.0, 20.0, 14.0), strict=True)) | {
    "white_matter": 450.0,
    "ventricles": 20.0,
}


def people(n: int) -> pd.DataFrame:
    """Half controls, half AUD."""
    return pd.DataFrame(
        {
            "subject": [f"{i:03d}" for i in range(n)],
            "session": "01",
            "age": np.linspace(30, 70, n),
            "sex": ["F", "M"] * (n // 2),
            "diagnosis": ["control"] * (n // 2) + ["AUD"] * (n // 2),
        }
    )


def measured(
    table: pd.DataFrame, slopes: Mapping[str, float], spill: float = 0.0, noise: float = 0.003
) -> list[Measurement]:
    """The factual scans, and a row each that answers with its own slope and moves the other lobes by ``spill``."""
    rng = np.random.default_rng(5)

    def measurement(row: str, index: int, do: Mapping[str, float], log: Mapping[str, float]) -> Measurement:
        volumes = {
            name: value * np.exp(log.get(name, 0.0) + (row != "real") * noise * rng.standard_normal())
            for name, value in VOLUMES.items()
        }
        subject = table.iloc[index]["subject"]
        return Measurement(row, subject, "01", 50.0, "F", "control", "control", 1400.0, volumes, do=do)

    measurements = [measurement("real", index, {}, {}) for index in range(len(table))]
    for row, slope in slopes.items():
        for index, do in STUDY.interventions(table):
            log = {region: slope * np.log(factor) for region, factor in do.items()}
            if row != "oracle":
                log |= {name: spill * sum(log.values()) for name in LOBE_NAMES if name not in do}
            measurements.append(measurement(row, index, do, log))
    return measurements


def evidence_of(measurements: Sequence[Measurement], table: pd.DataFrame, quick: bool = False) -> Evidence:
    """Rows in the study's order: methods, then controls."""
    names = dict.fromkeys(measurement.row for measurement in measurements)
    methods = [name for name in names if name not in (*CONTROLS, "real")]
    rows = [Row("real", RowKind.REAL), *(Row(name, RowKind.METHOD, name) for name in methods)]
    rows += [Row(name, kind, name) for name, kind in CONTROLS.items() if name in names]
    return Evidence(measurements, table, rows, quick=quick, metrics=METRICS)


def records_of(
    table: pd.DataFrame, slopes: Mapping[str, float], spill: float = 0.0, noise: float = 0.003
) -> list[Record]:
    """What the study says of simulated rows."""
    return STUDY.score(evidence_of(measured(table, slopes, spill, noise), table))


def value(records: Sequence[Record], row: str, metric: str, region: str = "", contrast: str = "") -> float:
    """The one estimate of a row whose metric begins like this."""
    names = {record.metric for record in records if record.metric.startswith(metric)}
    record = only(records, row=row, metric=sorted(names), region=region, contrast=contrast)
    assert record is not None
    assert record.estimate is not None
    return record.estimate


def verdicts(records: Sequence[Record], row: str) -> dict[str, str]:
    """Region -> verdict."""
    every = select(records, row=row, metric="verdict", contrast="")
    return {record.region: record.text for record in every if record.region}
