"""The aging study (paper, section 4.3 and Fig. 3): does a baseline scan, made older, grow the right ventricles?

Every baseline scan is shown at the age of each later visit; the ventricles of the image are compared with those of the
real later scan. By two rules that are never mixed: the paper's NMSE and Pearson's r, and rates of change.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import ClassVar

from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Conclusion
from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import Study
from pcgm_bench.contracts import TrajectoriesPlot
from pcgm_bench.contracts import Visits
from pcgm_bench.results.estimates import directed
from pcgm_bench.results.estimates import with_estimate
from pcgm_bench.studies.aging import groups
from pcgm_bench.studies.aging import terms
from pcgm_bench.studies.aging import visits
from pcgm_bench.studies.aging.cohort_warnings import cohort_warnings
from pcgm_bench.studies.aging.conclusion import conclusion
from pcgm_bench.studies.aging.records import comparison_records
from pcgm_bench.studies.aging.records import group_records
from pcgm_bench.studies.aging.records import paper_records
from pcgm_bench.studies.aging.records import trajectory_records
from pcgm_bench.studies.aging.scores import METRICS
from pcgm_bench.studies.aging.scores import Scorer
from pcgm_bench.studies.aging.scores import compare
from pcgm_bench.studies.aging.scores import score_group
from pcgm_bench.studies.aging.scores import score_paper
from pcgm_bench.studies.aging.tables import all_tables
from pcgm_bench.studies.aging.trajectories import trajectories

if TYPE_CHECKING:
    import pandas as pd

    from pcgm_bench.contracts import Plot
    from pcgm_bench.tables import Table

CONTROLS: Mapping[str, RowKind] = {
    "oracle": RowKind.CEILING,
    "copy-input": RowKind.CONTROL,
    "blurred-copy": RowKind.CONTROL,
    "random-other": RowKind.CONTROL,
    "training-mean": RowKind.CONTROL,
}
NOISE = "noise"
"""A control of other studies. It has no ventricles, and its score would be one of the segmenter's whims."""
OWN_NEAREST = "own-nearest"
REPLICATES = 1000
REPLICATES_QUICK = 200


class AgingStudy(Study):
    """Aging: the ventricles at a later visit, from the baseline scan and the later age (paper, task 2).

    Groups: adolescents and old adults (controls under 40 and from 40 on at baseline), and people with HIV. Nothing but
    age is asked to change. The baseline is the input and is scored nowhere; Pearson's r alone begins with it.

    Rows beside the method: ``oracle`` (the person's true later anatomy, fresh image noise: the ceiling that noise of
    reading allows), ``copy-input`` (no change), ``blurred-copy`` (no change and a worse picture: what blur alone does
    to the reading), ``random-other`` (another person) and ``training-mean`` (nobody).
    """

    name: ClassVar[str] = "aging"
    title: ClassVar[str] = "Aging: ventricles of baseline scans made older, against the real later scans"
    version: ClassVar[str] = "1"
    reference: ClassVar[str] = "Li et al. 2025, section 4.3, Fig. 3"
    population: ClassVar[str] = "aging"
    metrics: ClassVar[tuple[str, ...]] = (OWN_NEAREST, *METRICS)
    makes_inputs: ClassVar[frozenset[type]] = frozenset({Visits})

    def rows(self, method: str) -> list[Row]:
        """Real scans, the method, the ceiling, the other controls."""
        kind = RowKind.CONTROL if method == NOISE else RowKind.METHOD
        own = [] if method in CONTROLS else [Row(method, kind, method)]
        return [Row("real", RowKind.REAL), *own, *(Row(name, kind, name) for name, kind in CONTROLS.items())]

    def folds(self, table: pd.DataFrame, seed: int) -> list[tuple[list[str], list[str]]]:
        """Five ``(training, held-out)`` lists of subjects, alike in group, sex and age."""
        return groups.folds(table, seed)

    def interventions(self, table: pd.DataFrame) -> list[tuple[int, Intervention]]:
        """``(row of a baseline, {"age": age at a later visit})``, one a follow-up."""
        return list(groups.interventions(table))

    def metric_input(self, kind: type, row: str, evidence: Evidence) -> Visits | None:
        """The follow-up visits of everybody, as a row shows them; None for the row of real scans."""
        measurements = [m for m in evidence.measurements if m.row == row]
        if not measurements or evidence.row(row).kind is RowKind.REAL:
            return None
        real = visits.with_expected(
            visits.real_visits(evidence.measurements, evidence.table), self.folds(evidence.table, evidence.seed)
        )
        return Visits(visits.with_made(real, measurements))

    def score(self, evidence: Evidence) -> list[Record]:
        """Group by group: people, rows by both rules, comparisons; then everybody by the paper's rule; trajectories.

        Raises:
            UserError: readings of real scans are missing, or an image matches no follow-up.
        """
        table, measurements = evidence.table, evidence.measurements
        real = visits.with_expected(visits.real_visits(measurements, table), self.folds(table, evidence.seed))
        measured = {measurement.row for measurement in measurements}
        shown = [row for row in evidence.rows if row.kind is not RowKind.REAL and row.name in measured]
        visits_of_rows = [
            (row, visits.with_made(real, [m for m in measurements if m.row == row.name])) for row in shown
        ]
        records = list(_row_facts(visits_of_rows, evidence))
        visits_of_rows = [(row, follow_ups) for row, follow_ups in visits_of_rows if len(follow_ups)]
        scorer = Scorer(evidence.metrics, evidence.seed, REPLICATES_QUICK if evidence.quick else REPLICATES)
        present = [group for group in groups.GROUPS if (real["group"] == group).any()]
        comparisons: list[Record] = []
        for number, group in enumerate(present):
            evidence.progress("score aging", number, len(present) + 1)
            score = score_group(real, visits_of_rows, group, scorer)
            records += group_records(score, scorer)
            comparisons += comparison_records(compare([row.paper for row in score.rows]), group)
        evidence.progress("score aging", len(present), len(present) + 1)
        everybody = [score_paper(row, follow_ups, scorer) for row, follow_ups in visits_of_rows]
        for paper in everybody:
            records += paper_records(paper, "", scorer)
        records += [*comparison_records(compare(everybody), ""), *comparisons]
        evidence.progress("score aging", len(present) + 1, len(present) + 1)
        return [*records, *trajectory_records(real, visits_of_rows)]

    def tables(self, records: Sequence[Record]) -> list[Table]:
        """Both overviews and the people; then the detail."""
        return all_tables(records)

    def plots(self, records: Sequence[Record]) -> list[Plot]:
        """Ventricles over age, person by person (paper, Fig. 3); rows in their order."""
        people = trajectories(records)
        return [TrajectoriesPlot("ventricles", "Ventricles of baseline scans made older", people)] if people else []

    def conclusion(self, records: Sequence[Record], method: str) -> Conclusion | None:
        """See `Study.conclusion`."""
        return conclusion(records, method)

    def warnings(self, table: pd.DataFrame, cohort: Cohort) -> list[str]:
        """What a reader must know before believing a number from this cohort; one line each."""
        return cohort_warnings(table, cohort.is_phantom)


def _row_facts(visits_of_rows: Sequence[tuple[Row, pd.DataFrame]], evidence: Evidence) -> Iterator[Record]:
    """Of every row: how many follow-ups have an image, and how many of its images are nearest to the person's own."""
    for row, follow_ups in visits_of_rows:
        n = len(follow_ups)
        yield Record(row.name, row.kind, terms.FOLLOW_UPS, n, n=n)
        near = evidence.images.get(row.name, {}).get(OWN_NEAREST)
        if near is not None and n:
            use = evidence.uses[OWN_NEAREST]
            record = Record(row.name, row.kind, use.identity, contrast=terms.OWN, unit=use.record.unit)
            yield with_estimate(directed(record, use.record), near)
