"""The aging phantom as volumes, for tests of its study: planned people, and generators that work on volumes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.roster import Visit
from pcgm_bench.cohort.phantom.roster import aging_study
from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.metrics.aging_agreement import AgingAgreement
from pcgm_bench.metrics.aging_skill import AgingSkill
from pcgm_bench.metrics.aging_slope import AgingSlope
from pcgm_bench.metrics.ventricle_nmse import VentricleNMSE
from pcgm_bench.metrics.ventricle_pearson import VentriclePearson
from pcgm_bench.studies.aging import AgingStudy
from pcgm_bench.studies.aging.study import CONTROLS

STUDY = AgingStudy()
METRICS = {
    metric.record.name: metric() for metric in (AgingSlope, AgingSkill, AgingAgreement, VentricleNMSE, VentriclePearson)
}
KINDS = {**CONTROLS, "noise": RowKind.CONTROL}
RATES = {"adol": 0.010, "old": 0.035, "hiv": 0.030}
READING = 0.005


class Simulated:
    """The aging phantom without images: planned volumes, read with 0.5 % noise; generators that work on volumes."""

    def __init__(self, seed: int) -> None:
        self.visits = aging_study(seed)
        self.rng = np.random.default_rng(seed)
        self.table = pd.DataFrame(
            [
                [
                    v.person.subject,
                    v.session,
                    round(v.person.age + v.years, 4),
                    v.person.sex,
                    v.person.diagnosis,
                    v.person.icv,
                ]
                for v in self.visits
            ],
            columns=["subject", "session", "age", "sex", "diagnosis", "head_size"],
        )
        self.measurements = [
            self.measured("real", i, None, self.planned(v, v.years)) for i, v in enumerate(self.visits)
        ]

    @staticmethod
    def planned(visit: Visit, years: float) -> float:
        return planned_volumes(visit.person, visit.number, years, "demo")["ventricles"]

    def measured(self, row: str, index: int, age: float | None, volume: float) -> Measurement:
        person = self.table.iloc[index]
        read = volume * np.exp(READING * self.rng.standard_normal())
        return Measurement(
            row, person["subject"], person["session"], float(person["age"] if age is None else age), person["sex"],
            person["diagnosis"], person["diagnosis"], float(person["head_size"]), {"ventricles": float(read)},
        )  # fmt: skip

    def add(self, row: str, times: float | None = None, spread: float = 0.0) -> None:
        """A row: everybody aged along their own line (None), or at ``times`` the group's mean rate, with some noise."""
        real = {(m.subject, m.session): m.volumes["ventricles"] for m in self.measurements if m.row == "real"}
        for index, do in STUDY.interventions(self.table):
            visit = self.visits[index]
            years = do["age"] - float(self.table["age"].iloc[index])
            if times is None:
                volume = self.planned(visit, years)
            else:
                rate = RATES[visit.person.subject.rstrip("0123456789")]
                start = real[visit.person.subject, visit.session]
                volume = start * np.exp(times * rate * years + spread * self.rng.standard_normal())
            self.measurements.append(self.measured(row, index, do["age"], volume))

    def evidence(self, measurements: Sequence[Measurement] | None = None) -> Evidence:
        """All rows, methods first, in the order in which they were added; of these measurements, or of all."""
        names = list(dict.fromkeys(m.row for m in self.measurements if m.row != "real"))
        ordered = [name for name in names if name not in KINDS] + [name for name in names if name in KINDS]
        rows = [Row("real", RowKind.REAL)]
        rows += [Row(name, KINDS.get(name, RowKind.METHOD), name) for name in ordered]
        measured = self.measurements if measurements is None else measurements
        return Evidence(measured, self.table, rows, quick=True, metrics=METRICS)
