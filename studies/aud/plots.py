"""What is drawn of the AUD study: effects of every column and lobe, and the change of every person."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence

from pcgm_bench.contracts import Change
from pcgm_bench.contracts import ChangesPlot
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import ForestPlot
from pcgm_bench.contracts import Plot
from pcgm_bench.contracts import Record
from pcgm_bench.results.select import rows_of
from pcgm_bench.results.select import select
from pcgm_bench.studies.aud import terms
from pcgm_bench.studies.aud.comparisons import COLUMNS
from pcgm_bench.studies.aud.rows import COPY
from pcgm_bench.studies.aud.rows import ORACLE
from pcgm_bench.studies.aud.rows import RANDOM
from pcgm_bench.studies.aud.rows import REAL
from pcgm_bench.studies.aud.sample import LOBES


def all_plots(records: Sequence[Record]) -> list[Plot]:
    """Effects with intervals; changes person by person, where it is known what was asked."""
    plots: list[Plot] = []
    if panels := {title: lines for title, lines in _panels(records) if lines}:
        title = "Difference between the groups, lobe by lobe"
        plots.append(ForestPlot("effects", title, "Cohen's d (negative: smaller in the patient-like group)", panels))
    if changes := _changes(records):
        plots.append(ChangesPlot("changes", "Change shown against change asked, one dot a person", "log-%", changes))
    return plots


def _drawn_rows(records: Sequence[Record]) -> list[str]:
    """The truth, the row that the run is about, the input copied, somebody else's scan."""
    made = [row for row in rows_of(select(records, metric=terms.D)) if row != REAL]
    return [row for row in dict.fromkeys([ORACLE, *made[:1], COPY, RANDOM]) if row in made]


def _panels(records: Sequence[Record]) -> Iterator[tuple[str, dict[str, dict[str, Estimate]]]]:
    rows = _drawn_rows(records)
    for name, column in COLUMNS.items():
        drawn = [REAL] if name == REAL else rows
        title = column.title if name == REAL else f"{name}: {column.title}"
        effects = select(records, metric=terms.D, contrast=name, row=drawn)
        lines: dict[str, dict[str, Estimate]] = {}
        for lobe in LOBES:
            by_row = {record.row: record for record in select(effects, region=lobe)}
            shown = {row: _interval(by_row[row]) for row in drawn if row in by_row}
            if shown := {row: interval for row, interval in shown.items() if interval is not None}:
                lines[lobe] = shown
        yield title, lines


def _interval(record: Record) -> Estimate | None:
    if record.estimate is None or record.low is None or record.high is None:
        return None
    return Estimate(record.estimate, record.low, record.high)


def _changes(records: Sequence[Record]) -> dict[str, dict[str, dict[str, Change]]]:
    asked = select(records, metric=terms.ASKED)
    changes: dict[str, dict[str, dict[str, Change]]] = {}
    for row in rows_of(asked):
        people = changes.setdefault(row, {})
        shown = {record.region: record.by_unit for record in select(records, metric=terms.SHOWN, row=row)}
        for record in select(asked, row=row):
            for person, value in record.by_unit.items():
                if person in shown.get(record.region, {}):
                    people.setdefault(person, {})[record.region] = Change(value, shown[record.region][person])
    return {row: people for row, people in changes.items() if people}
