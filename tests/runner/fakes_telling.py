"""Real people with telling names, and a study that names them wherever it can."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import fakes
import fakes_studies
import numpy as np
import pandas as pd
import toy_plugins

from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.registry import Kind
from pcgm_bench.registry import Plugin

NAMES = [f"Wilhelmine{number}Quast" for number in range(6)] + [f"pat19{number}0417" for number in range(6)]
HOST, USER = "mri-server-7", "kowalczyk"
VISITS = {"01": "20240305", "02": "20250917"}


class TellingCohort(fakes.LabelledToyCohort):
    """The toy people under the names of a hospital's list."""

    is_phantom = False
    notes = (f"sub-{NAMES[2]}: scanned twice on 2024-03-05", f"/home/{USER}/scans/{NAMES[1]}: an old header")

    @property
    def table(self) -> pd.DataFrame:
        table = fakes.person_table(self.people)
        table["session"] = table["session"].map(VISITS)
        return table.assign(subject=[NAMES[int(subject)] for subject in table["subject"]])


class TellingSource(fakes.LabelledToySource):
    """Opens it."""

    name = "telling"

    def open(self, request: CohortRequest, home: Path, seed: int, quick: bool, progress: Progress) -> Cohort:
        return TellingCohort(seed)


class TellingStudy(fakes_studies.ToyStudy):
    """Names people wherever a study can."""

    name = "telling"

    def permuted(self, table: pd.DataFrame, seed: int) -> pd.DataFrame:
        people = sorted(set(table["subject"]))
        labels = dict(zip(people, ["AUD", "AUD", "control", "control"] * 3, strict=False))
        return table.assign(diagnosis=[labels[subject] for subject in table["subject"]])

    def score(self, evidence: Evidence) -> list[Record]:
        records = []
        for row in evidence.rows:
            mine = [m for m in evidence.measurements if m.row == row.name]
            if not mine:
                continue
            by_unit = {m.subject: m.volumes["frontal"] for m in mine}
            mean = float(np.mean(list(by_unit.values())))
            records.append(
                Record(row.name, row.kind, "frontal 1", mean, n=len(mine), unit="mL", direction="higher",
                       column="frontal", by_unit=by_unit)
            )  # fmt: skip
            records.append(
                Record(row.name, row.kind, "worst 1", direction="higher", column="worst", text=f"that of {NAMES[3]}")
            )
            records.append(
                Record(row.name, row.kind, "none 1", direction="higher", column="none", reason=f"{NAMES[7]} moved")
            )
        records.append(Record("", RowKind.REAL, "people", 12, text=f"Oldest: {NAMES[4]}.", column="people"))
        return records

    def warnings(self, table: pd.DataFrame, cohort: Cohort) -> list[str]:
        return [f"{NAMES[5]} is left-handed", f"{NAMES[8]}, {NAMES[9]} are siblings", "groups differ in age"]

    def tables(self, records: Sequence[Record]) -> list[fakes_studies.Table]:
        return []


def telling_plugins(kind: Kind) -> list[Plugin]:
    here = {"cohorts": {"telling": TellingSource}, "studies": {"telling": TellingStudy}}
    mine = [Plugin(kind, name, f"{__name__}:{cls.__name__}", "toys", "1") for name, cls in here.get(kind, {}).items()]
    return [*toy_plugins.toy_plugins(kind), *mine]
