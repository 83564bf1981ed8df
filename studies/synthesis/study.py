"""The synthesis study (paper, section 4.2, Table 1 and Figure 4): are unconditional brains like real ones?

The cohort is cut in two halves of equal make-up. One half is the reference; the other is what a method may adapt to,
and what the controls draw from: real scans of it, compared with the reference, are the floor of every metric at
exactly this n. A method draws as many brains as the reference has scans.

Privacy compares a row's images with the scans that it learnt from: for trained weights, the people they were trained
on, for all else the other half; the controls that hand those out are its worst case.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Conclusion
from pcgm_bench.contracts import EffectsPlot
from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import MetricUse
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import Study
from pcgm_bench.contracts import UserError
from pcgm_bench.studies.synthesis.conclusion import conclusion
from pcgm_bench.studies.synthesis.records import IMAGES
from pcgm_bench.studies.synthesis.records import PRIVACY
from pcgm_bench.studies.synthesis.records import metric_records
from pcgm_bench.studies.synthesis.tables import all_tables
from pcgm_bench.studies.synthesis.tables import images
from pcgm_bench.studies.synthesis.tables import regions_ln_d

if TYPE_CHECKING:
    import pandas as pd

    from pcgm_bench.contracts import Plot
    from pcgm_bench.tables import Table

FLOOR = "other-half"
CONTROLS: Mapping[str, RowKind] = {
    FLOOR: RowKind.FLOOR,
    "one-person": RowKind.CONTROL,
    "training-mean": RowKind.CONTROL,
    "blurred-copy": RowKind.CONTROL,
    "noise": RowKind.CONTROL,
}
LEAST = 10
"""Fewest scans of a half."""


class SynthesisStudy(Study):
    """New brains against held-out real ones: realism, diversity, anatomy (with the real-against-real floor), privacy.

    Halves are matched on age and sex: people are sorted by sex and age, and each pair of neighbours is split by a
    coin of the seed. A person's visits stay together.
    """

    name: ClassVar[str] = "synthesis"
    title: ClassVar[str] = "Synthesis: new brains against held-out real ones"
    version: ClassVar[str] = "2"
    reference: ClassVar[str] = "Li et al. 2025, section 4.2, Table 1, Figure 4"
    job: ClassVar[Job] = Job.SAMPLE
    population: ClassVar[str] = "synthesis"
    metrics: ClassVar[tuple[str, ...]] = (
        "fid", "kid", "mmd", "precision", "recall", "density", "coverage", "mmd-image", "ms-ssim",
        "cohens-d", "regions-wasserstein", "qc-gate", PRIVACY,
        "paper-mmd", "paper-mmd-image", "paper-ms-ssim", "paper-cohens-d",
    )  # fmt: skip
    feature_spaces: ClassVar[tuple[str, ...]] = ("uncnn", "segmenter")

    def rows(self, method: str) -> list[Row]:
        """Real scans, the method, the floor, the other controls."""
        own = [] if method in CONTROLS else [Row(method, RowKind.METHOD, method)]
        return [Row("real", RowKind.REAL), *own, *(Row(name, kind, name) for name, kind in CONTROLS.items())]

    def folds(self, table: pd.DataFrame, seed: int) -> list[tuple[list[str], list[str]]]:
        """One fold: the half to adapt to, and the reference.

        Raises:
            UserError: too few people for two halves.
        """
        people = table.drop_duplicates("subject").sort_values(["sex", "age", "subject"])
        names = people["subject"].astype(str).to_list()
        if len(names) < 2 * LEAST:
            raise UserError(f"the synthesis study needs at least {2 * LEAST} people, has {len(names)}")
        rng = np.random.default_rng([seed, 5])
        halves: tuple[list[str], list[str]] = ([], [])
        for start in range(0, len(names) - 1, 2):
            first = int(rng.integers(2))
            halves[first].append(names[start])
            halves[1 - first].append(names[start + 1])
        return [(sorted(halves[0]), sorted(halves[1]))]

    def real_rows(self, table: pd.DataFrame, seed: int) -> list[int]:
        """Rows of the table that are the reference: the held-out half's first visits."""
        ((_, held_out),) = self.folds(table, seed)
        chosen = table[table["subject"].astype(str).isin(held_out)]
        first = chosen[~chosen["subject"].duplicated()]
        return [int(row) for row in first.index]

    def score(self, evidence: Evidence) -> list[Record]:
        """How many images; then what every metric says of every row, metric by metric."""
        rows = [row for row in evidence.rows if row.name in evidence.images]
        reference = self.real_rows(evidence.table, evidence.seed)
        records = [Record("", RowKind.REAL, IMAGES, len(reference), n=len(reference))]
        for row in rows:
            n = sum(measurement.row == row.name for measurement in evidence.measurements)
            records.append(Record(row.name, row.kind, IMAGES, n, n=n))
        for name, use in evidence.uses.items():
            estimates = {row.name: evidence.images[row.name][name] for row in rows if name in evidence.images[row.name]}
            floor = estimates[FLOOR].value if FLOOR in estimates and has_floor(use) else None
            records += metric_records(use, rows, estimates, floor)
        return records

    def tables(self, records: Sequence[Record]) -> list[Table]:
        """Overview, paper variants, privacy, regions."""
        return all_tables(records)

    def plots(self, records: Sequence[Record]) -> list[Plot]:
        """ln|d| of every region, the method first (paper, Figure 4)."""
        effects = regions_ln_d(records)
        title = f"Regional volumes of {images(records)} real and as many made brains, head size regressed out"
        return [EffectsPlot("regions-ln-d", title, effects)] if effects else []

    def conclusion(self, records: Sequence[Record], method: str) -> Conclusion | None:
        """See `Study.conclusion`."""
        return conclusion(records, method)

    def warnings(self, table: pd.DataFrame, cohort: Cohort) -> list[str]:
        """What a reader must know before believing a number."""
        lines = []
        if cohort.is_phantom:
            lines.append("phantom cohort: realism here is likeness to simulated scans, not to people")
            lines.append(
                "privacy: the retest is the same simulated head with fresh noise, a stricter yardstick than a scanner"
            )
        people = table["subject"].nunique()
        if people < 200:
            lines.append(
                f"{people} people in two halves: set metrics are mostly bias at this n; read them by the floor"
            )
        lines.append("feature spaces are an untrained network and the segmenter: not comparable with published FID")
        return lines


def has_floor(use: MetricUse) -> bool:
    """Whether the other half is a floor of the metric: all but privacy, for which it is a row of copies."""
    return use.record.name != PRIVACY
