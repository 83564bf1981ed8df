"""The recovery study: what is asked, what the answers are worth, and what is shown of them.

``{"frontal": 0.95}`` is the same person with 5 % less frontal lobe. Lobes and ventricles are asked one at a time, from
-10 to +10 %, and nothing at all is asked of some people. The true image of every request is known (oracle): a phantom
is drawn anew, a real scan is deformed.
Some of these images are changed again: see `axioms`.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import ClassVar

from pcgm_bench.contracts import Changes
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Conclusion
from pcgm_bench.contracts import DosesPlot
from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import Study
from pcgm_bench.contracts import UserError
from pcgm_bench.results.estimates import directed
from pcgm_bench.results.estimates import with_estimate
from pcgm_bench.results.select import rows_of
from pcgm_bench.results.select import select
from pcgm_bench.results.where import METRICS as WHERE_METRICS
from pcgm_bench.results.where import where_records
from pcgm_bench.results.where_verdict import where_part
from pcgm_bench.statistics.matched_folds import matched_folds
from pcgm_bench.studies.recovery import axioms
from pcgm_bench.studies.recovery import single_requests
from pcgm_bench.studies.recovery.conclusion import conclusion
from pcgm_bench.studies.recovery.records import ASKED
from pcgm_bench.studies.recovery.records import MEASURED_CHANGE
from pcgm_bench.studies.recovery.records import dose_records
from pcgm_bench.studies.recovery.records import row_records
from pcgm_bench.studies.recovery.requests import DOSES
from pcgm_bench.studies.recovery.requests import MOST_REPEATS
from pcgm_bench.studies.recovery.requests import NULLS
from pcgm_bench.studies.recovery.requests import REGIONS
from pcgm_bench.studies.recovery.requests import chains_of
from pcgm_bench.studies.recovery.requests import dealt_requests
from pcgm_bench.studies.recovery.requests import repeats
from pcgm_bench.studies.recovery.responses import MEASURED
from pcgm_bench.studies.recovery.responses import Responses
from pcgm_bench.studies.recovery.responses import responses_of
from pcgm_bench.studies.recovery.row_scores import score_row
from pcgm_bench.studies.recovery.tables import all_tables

if TYPE_CHECKING:
    import pandas as pd

    from pcgm_bench.contracts import Plot
    from pcgm_bench.tables import Table

ORACLE = "oracle"
CONTROLS: Mapping[str, RowKind] = {
    ORACLE: RowKind.CEILING,
    "copy-input": RowKind.CONTROL,
    "random-other": RowKind.CONTROL,
    "blurred-copy": RowKind.CONTROL,
    "training-mean": RowKind.CONTROL,
    "tissue-edit": RowKind.CHEAT,
    "half-dose": RowKind.CHEAT,
    "double-dose": RowKind.CHEAT,
    "one-patch": RowKind.CHEAT,
    "do-nothing": RowKind.CHEAT,
}
OTHER_CHEATS = ("planted-edit",)
"""With a volume asked for it is ``tissue-edit``: no row of its own."""
OWN_NEAREST = "own-nearest"


class RecoveryStudy(Study):
    """Dose-response of lobes and ventricles, scored against what was asked and against the oracle.

    One image a person (several only if there are fewer than 36 people), so that every point of a regression is another
    person. With 120 people or more a row has 120 images, with 40 people 36; 86 more (34 if quick) go on from some of
    them, for composition and reversibility.
    """

    name: ClassVar[str] = "recovery"
    title: ClassVar[str] = "Recovery: known changes of lobes and ventricles, against the oracle"
    version: ClassVar[str] = "3"
    reference: ClassVar[str] = "pcgm-bench"
    job: ClassVar[Job] = Job.COUNTERFACTUAL
    needs: ClassVar[frozenset[Job]] = frozenset({Job.REGIONS})
    population: ClassVar[str] = "aud"
    metrics: ClassVar[tuple[str, ...]] = (OWN_NEAREST, *single_requests.METRICS, *WHERE_METRICS)
    makes_inputs: ClassVar[frozenset[type]] = frozenset({Changes})
    null_metrics: ClassVar[tuple[str, ...]] = axioms.NULL_METRICS
    round_trip_metrics: ClassVar[tuple[str, ...]] = axioms.ROUND_TRIP_METRICS
    chain_regions: ClassVar[tuple[str, ...]] = MEASURED

    def rows(self, method: str) -> list[Row]:
        """Real scans, the method, the oracle, the other controls."""
        kind = RowKind.CHEAT if method in OTHER_CHEATS else RowKind.METHOD
        own = [] if method in CONTROLS else [Row(method, kind, method)]
        return [Row("real", RowKind.REAL), *own, *(Row(name, kind, name) for name, kind in CONTROLS.items())]

    def job_for(self, do: Intervention) -> Job:
        """Ventricles are a job of their own; where a generator does not list it, the region is "not possible"."""
        return Job.VENTRICLES if "ventricles" in do else Job.REGIONS

    def folds(self, table: pd.DataFrame, seed: int) -> list[tuple[list[str], list[str]]]:
        """Five ``(training, held-out)`` lists of subjects, alike in diagnosis, sex and age."""
        return matched_folds(table, seed)

    def interventions(self, table: pd.DataFrame) -> list[tuple[int, Intervention]]:
        """``(row of the table, intervention)``: first visits in a fixed random order are dealt regions and doses.

        Raises:
            UserError: no people of the two diagnoses.
        """
        return list(dealt_requests(table))

    def chains(self, table: pd.DataFrame, quick: bool) -> list[tuple[int, list[Intervention]]]:
        """``(row of the table, interventions)``: what is asked of the images of some `interventions`, in a row.

        Raises:
            UserError: as `interventions`.
        """
        return [(row, list(requests)) for row, requests in chains_of(dealt_requests(table), quick)]

    def metric_input(self, kind: type, row: str, evidence: Evidence) -> Changes | None:
        """Every request of a row, the null ones included; None for the row of real scans."""
        factual = {(m.subject, m.session): m.volumes for m in evidence.measurements if m.row == "real"}
        responses = responses_of(evidence.measurements, row, factual)
        dosed = [region for region in REGIONS if responses.is_dosed(region)]
        if evidence.row(row).kind is RowKind.REAL or not dosed:
            return None
        return Changes(single_requests.changes_table(responses, dosed))

    def score(self, evidence: Evidence) -> list[Record]:
        """Row by row: overview, regions, doses; then the single requests and the axioms, line by line.

        Raises:
            UserError: the factual scans were not measured.
        """
        factual = {(m.subject, m.session): m.volumes for m in evidence.measurements if m.row == "real"}
        if not factual:
            raise UserError("the recovery study has no readings of the factual scans: segment them first, then score")
        measured = {measurement.row for measurement in evidence.measurements}
        rows = [row for row in evidence.rows if row.kind is not RowKind.REAL and row.name in measured]
        responses = {row.name: responses_of(evidence.measurements, row.name, factual) for row in rows}
        requests = []
        records: list[Record] = []
        for done, row in enumerate(rows):
            evidence.progress("recovery", done, len(rows))
            mine = responses[row.name]
            records += self._row(row, mine, None if row.name == ORACLE else responses.get(ORACLE), evidence)
            requests.append((row, single_requests.score_requests(mine, evidence.metrics, evidence.seed)))
        evidence.progress("recovery", len(rows), len(rows))
        records += single_requests.request_records(requests, evidence.metrics)
        records += axioms.axiom_records(evidence.chains, evidence.uses, rows)
        return [*records, *where_records(rows, evidence.images, evidence.uses)]

    def _row(self, row: Row, mine: Responses, oracle: Responses | None, evidence: Evidence) -> Iterator[Record]:
        score = score_row(mine, oracle, evidence.seed)
        where = where_part(evidence.images.get(row.name, {}), evidence.images.get(ORACLE, {}))
        yield from row_records(row, replace(score, where=where), self.version)
        if (near := evidence.images.get(row.name, {}).get(OWN_NEAREST)) is not None:
            use = evidence.uses[OWN_NEAREST]
            record = Record(row.name, row.kind, use.identity, unit=use.record.unit)
            yield with_estimate(directed(record, use.record), near)
        yield from dose_records(row, mine)

    def tables(self, records: Sequence[Record]) -> list[Table]:
        """The overview first, controls row by row and spill-over as detail."""
        return all_tables(records)

    def plots(self, records: Sequence[Record]) -> list[Plot]:
        """Measured against asked change of every region: the methods, and the oracle; none without images."""
        points = {
            row: {
                asked.region: [(asked.by_unit[name], measured.by_unit[name]) for name in asked.by_unit]
                for asked, measured in zip(
                    select(records, row=row, metric=ASKED),
                    select(records, row=row, metric=MEASURED_CHANGE),
                    strict=True,
                )
            }
            for row in rows_of(records, RowKind.METHOD, RowKind.CEILING)
        }
        if not any(points.values()):
            return []
        return [DosesPlot("dose-response", "Change read against change asked, one dot an image", points)]

    def conclusion(self, records: Sequence[Record], method: str) -> Conclusion | None:
        """See `Study.conclusion`."""
        return conclusion(records, method)

    def warnings(self, table: pd.DataFrame, cohort: Cohort) -> list[str]:
        """What a reader must know before believing a number from this cohort; one line each."""
        lines = []
        people = int(table["subject"].nunique())
        images = repeats(people) * len(DOSES)
        if repeats(people) < MOST_REPEATS:
            lines.append(
                f"{people} people give {images} images a region: slopes are known to about +-0.1 to 0.2, "
                f"and 'inconclusive' is the expected verdict (120 people give {MOST_REPEATS * len(DOSES)})"
            )
        if people < len(REGIONS) * len(DOSES) + NULLS:
            lines.append(f"{people} people are asked more than once: intervals take that into account, n does not")
        if cohort.is_phantom:
            lines.append("phantom cohort: every number here is about simulated anatomy")
        else:
            lines.append(
                "real cohort: the oracle is each scan itself, deformed by a measured amount; its truth is of the "
                "region as the run's segmenter drew it on the factual scan, and its noise is that scan's own"
            )
        return lines
