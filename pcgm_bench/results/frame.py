"""Records as DataFrames: all numbers, and those of single people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

import pandas as pd

from pcgm_bench.contracts import Record

FIELDS = (
    "row", "kind", "metric", "rule", "group", "region", "contrast", "estimate", "low", "high", "n", "unit",
    "direction", "target", "floor", "text", "reason", "column",
)  # fmt: skip


def records_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row a record, without its values by unit."""
    frame = pd.DataFrame([asdict(record) for record in records], columns=list(FIELDS))
    return frame.assign(kind=frame["kind"].map(str))


def people_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row a person (or image) and record: ``unit`` is text, so that 001 stays 001."""
    names = ("row", "metric", "group", "region", "contrast")
    rows = [
        [record.row, record.metric, record.group, record.region, record.contrast, str(unit), value]
        for record in records
        for unit, value in record.by_unit.items()
    ]
    return pd.DataFrame(rows, columns=[*names, "unit", "value"])
