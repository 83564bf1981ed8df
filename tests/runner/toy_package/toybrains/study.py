"""Everybody under the other diagnosis, in two folds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Column
from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import Fold
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import Study
from pcgm_bench.contracts import Table
from toybrains.faults import fault

FACTOR = 1.0


class Swap(Study):
    """See the module."""

    name = "toy-swap"
    title = "toy swap"
    version = "1"
    reference = "none"
    metrics = ("toy-brightness",)

    def rows(self, method: str) -> Sequence[Row]:
        """The method, and a copy."""
        return [
            Row("real", RowKind.REAL),
            Row(method, RowKind.METHOD, method),
            Row("toy-copy", RowKind.CONTROL, "toy-copy"),
            Row(f"{method} (volumes)", RowKind.VOLUMES, method, makes_images=False),
        ]

    def folds(self, table: pd.DataFrame, seed: int) -> Sequence[Fold]:
        """Two halves with as many patients in each."""
        people = list(table["subject"])
        halves = [[s for place, s in enumerate(people) if place // 2 % 2 == half] for half in (0, 1)]
        return [(halves[1], halves[0]), (halves[0], halves[1])]

    def interventions(self, table: pd.DataFrame) -> Sequence[tuple[int, Intervention]]:
        """The other diagnosis."""
        other = {"patient": "control", "control": "patient"}
        return [(place, {"diagnosis": other[diagnosis]}) for place, diagnosis in enumerate(table["diagnosis"])]

    def score(self, evidence: Evidence) -> Sequence[Record]:
        """Mean frontal volume of every row, and the metric."""
        if fault() == "study":
            raise RuntimeError("no result")
        if fault() == "study-exits":
            raise SystemExit(0)
        records = []
        for row in evidence.rows:
            volumes = [m.volumes["frontal"] for m in evidence.measurements if m.row == row.name]
            if volumes:
                mean = FACTOR * float(np.mean(volumes))
                records.append(Record(row.name, row.kind, "frontal", mean, n=len(volumes), unit="mL"))
            if row.name in evidence.images:
                estimate = evidence.images[row.name]["toy-brightness"]
                name = evidence.uses["toy-brightness"].identity
                records.append(Record(row.name, row.kind, name, estimate.value, reason=estimate.reason))
        return records

    def tables(self, records: Sequence[Record]) -> Sequence[Table]:
        """One line a record."""
        rows = [[record.row, record.metric, record.estimate] for record in records]
        return [Table("swap", "Toy swap", [Column("row"), Column("metric"), Column("estimate", 4)], rows)]

    def warnings(self, table: pd.DataFrame, cohort: Cohort) -> Sequence[str]:
        """They are toys."""
        return [f"{len(table)} toys"]
