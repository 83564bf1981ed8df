"""Axioms of the recovery study: what happens when interventions follow each other.

Composition: nothing is asked, ten times in a row, each time of the image made before. Reversibility: a region is asked
to change by 10 % and then by the inverse factor, so that an image that obeyed is asked back to the factual volume.

Mask adherence is not here. It needs the mask that a generator was to draw, and a request names a volume, which many
masks have; how a generator turns it into one is its own affair. The oracle's mask would measure likeness to the
phantom's own way of growing a region, with the segmenter's noise on both sides and no ceiling (the oracle agrees with
itself); hard label maps do not show a change that is a fraction of a voxel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

from pcgm_bench.contracts import ChainEstimate
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricUse
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.results.estimates import directed
from pcgm_bench.results.estimates import with_estimate
from pcgm_bench.studies.recovery.region_scores import IMPOSSIBLE
from pcgm_bench.studies.recovery.requests import CYCLES
from pcgm_bench.studies.recovery.side_by_side import ends
from pcgm_bench.studies.recovery.side_by_side import flagged_headings
from pcgm_bench.studies.recovery.side_by_side import made_rows
from pcgm_bench.studies.recovery.side_by_side import no_lines
from pcgm_bench.studies.recovery.side_by_side import side_by_side
from pcgm_bench.tables import Table

NULL_METRICS = ("composition", "composition-voxels")
ROUND_TRIP_METRICS = ("reversibility", "reversibility-voxels")
UNITS: Mapping[str, str] = {"composition": ", %", "reversibility": ", share left"}
"""What is written behind a metric's name."""
ML = " ml"
"""Behind the metric's identity: the same in millilitres, which stand in the table alone."""
DOES_NOT_MOVE = "does not move"
NAME = "axioms"
TITLE = "Axioms: nothing asked again and again, and there and back"


@dataclass(frozen=True)
class AxiomLine:
    """A line of the table.

    Attributes:
        use: the metric.
        cycles: null interventions in a row; 0 for a round trip.
    """

    use: MetricUse
    cycles: int

    @property
    def name(self) -> str:
        """``composition x 10``."""
        return self.use.name + (f" x {self.cycles}" if self.cycles else "")

    @property
    def heading(self) -> str:
        """``composition x 10, %``."""
        return self.name + UNITS.get(self.use.name, "")

    @property
    def identity(self) -> str:
        """What must be equal for two values to be compared."""
        return self.use.identity + (f" x {self.cycles}" if self.cycles else "")


def axiom_records(
    chains: Sequence[ChainEstimate], uses: Mapping[str, MetricUse], rows: Sequence[Row]
) -> Iterator[Record]:
    """Line by line: what a perfect and a useless generator score, then every row; nothing without chains."""
    estimates = {(chain.metric, chain.cycles, chain.row): chain.estimate for chain in chains}
    for line in _lines(chains, uses):
        mine = {row.name: estimates.get((line.use.name, line.cycles, row.name)) for row in rows}
        metric = line.use.record
        yield from ends(line.identity, line.heading, metric.perfect, metric.useless)
        for row in rows:
            record = Record(row.name, row.kind, line.identity, contrast=line.heading, unit=metric.unit)
            estimate = mine[row.name]
            if estimate is None:
                yield replace(record, reason=IMPOSSIBLE)
            else:
                yield replace(directed(_with_reason(record, estimate), metric), column=line.heading)
        if any(estimate is not None and "ml" in estimate.parts for estimate in mine.values()):
            yield from _in_ml(line, rows, mine)


def _lines(chains: Sequence[ChainEstimate], uses: Mapping[str, MetricUse]) -> list[AxiomLine]:
    if not chains:
        return []
    cycles = sorted({chain.cycles for chain in chains if chain.metric in NULL_METRICS})
    nulls = [AxiomLine(uses[name], times) for name in NULL_METRICS if name in uses for times in cycles]
    return [*nulls, *(AxiomLine(uses[name], 0) for name in ROUND_TRIP_METRICS if name in uses)]


def _in_ml(line: AxiomLine, rows: Sequence[Row], estimates: Mapping[str, Estimate | None]) -> Iterator[Record]:
    heading = f"{line.name}, mL"
    yield from ends(line.identity + ML, heading, 0.0, float("inf"))
    for row in rows:
        record = Record(row.name, row.kind, line.identity + ML, contrast=heading, unit="mL")
        estimate = estimates[row.name]
        if estimate is None:
            yield replace(record, reason=IMPOSSIBLE)
        else:
            yield _with_reason(record, _ml_of(estimate))


def _ml_of(estimate: Estimate) -> Estimate:
    """The same in millilitres; without a value where the estimate has none."""
    return estimate if math.isnan(estimate.value) else replace(estimate.parts["ml"], n=estimate.n)


def _with_reason(record: Record, estimate: Estimate) -> Record:
    record = with_estimate(record, estimate)
    return replace(record, reason=record.reason or DOES_NOT_MOVE) if record.estimate is None else record


def axioms_table(records: Sequence[Record]) -> Table:
    """Lines down, rows across, estimates with intervals and people; flagged where a useless control stands first."""
    rows = made_rows(records)
    mine = [record for record in records if record.metric.startswith((*NULL_METRICS, *ROUND_TRIP_METRICS))]
    if not mine:
        note = "Not possible: chains need the plugin, since an image can be changed again only by what made it."
        line = "composition, reversibility"
        return no_lines(rows, line, IMPOSSIBLE, name=NAME, title=TITLE, first="axiom", note=note)
    above = flagged_headings(mine)
    flagged = {record.metric for record in mine if record.contrast in above}
    lines = [_marked_with(record, flagged) for record in mine]
    return side_by_side(lines, rows, name=NAME, title=TITLE, first="axiom", flagged=above, notes=_notes())


def _marked_with(record: Record, flagged: set[str]) -> Record:
    """A line in millilitres is marked where that in the metric's own unit is."""
    is_flagged = ML in record.metric and record.metric.split(ML)[0] in flagged
    return replace(record, contrast=f"{record.contrast} (!)") if is_flagged else record


def _notes() -> list[str]:
    return [
        "Estimate [95 %] (people; images where voxels are compared). Less is better. Every image is read by the run's "
        "segmenter, given back as a scan, and changed again.",
        f"Composition: nothing is asked, once and {CYCLES} times in a row; mean absolute change of volumes, and of "
        "intensity inside the head (white matter is 1). Reversibility: one region is asked to change by 10 % and back; "
        "what is left of the way, in its volume and in intensities, and its distance from the start in mL.",
        "A perfect generator scores 0, but for the noise of images and of the segmenter: the oracle's column, which "
        "draws fresh noise on phantoms. A useless one, such as random-other, is another person away in composition, "
        "which has no bound, and keeps about 1 of the way in reversibility, which has no value where nothing moved "
        "(0.5 % or less).",
        "copy-input is perfect in composition by standing still, and has no way back to go: read both beside slopes.",
    ]
