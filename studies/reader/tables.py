"""The records of a reader study as tables: Table 2 as the paper prints it, and the readers in detail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pcgm_bench.contracts import Record
from pcgm_bench.results.pivot import number
from pcgm_bench.results.pivot import pivot
from pcgm_bench.results.select import only
from pcgm_bench.results.select import select
from pcgm_bench.results.select import values_of
from pcgm_bench.results.sentences import with_interval
from pcgm_bench.statistics.accuracy import MARGIN
from pcgm_bench.studies.reader import records as terms
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table

N, LOW, HIGH = "n", "low", "high"


def all_tables(records: Sequence[Record]) -> list[Table]:
    """Table 2, and the readers."""
    return [table_2(records), readers_table(records)]


def _share(record: Record) -> Cell:
    return None if record.estimate is None else 100 * record.estimate


def _readers(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record.group not in ("", terms.AVERAGE)]


def _fact(records: Sequence[Record], metric: str) -> int:
    fact = only(records, metric=metric, row="")
    return 0 if fact is None else fact.n or 0


def table_2(records: Sequence[Record]) -> Table:
    """As published: shares of right answers, a reader a line, and their average."""
    came = len(values_of(_readers(records), "group"))
    cohort = only(records, metric=terms.ORIGIN, contrast="cohort")
    kind = "phantom scans, " if cohort is not None and cohort.text.startswith("phantom") else ""
    cases, planned = _fact(records, terms.CASES), _fact(records, terms.READERS)
    headings = {
        "group": Column("reader"),
        terms.SPECIFICITY: Column("real, %", 1),
        terms.SENSITIVITY: Column("synthetic, %", 1),
        terms.ACCURACY: Column("overall accuracy, %", 1),
    }
    metrics = list(headings)[1:]
    return pivot(
        [record for record in select(records, metric=metrics) if record.group],
        name="table2",
        title=f"Accuracy of identifying real and synthetic MRIs: {kind}{cases} cases, {came} of {planned} readers",
        lines=("group",),
        columns=metrics,
        show=_share,
        headings=headings,
        notes=["No interval, as published. 50 % does not show that nobody can tell: see the next table."],
    )


def readers_table(records: Sequence[Record]) -> Table:
    """Every reader, with what can be said of each; all of them together in the notes."""
    mine = _readers(records)
    lines = list(mine)
    for share in select(mine, metric=terms.ACCURACY):
        lines += [replace(share, metric=N), replace(share, metric=LOW, estimate=share.low)]
        lines.append(replace(share, metric=HIGH, estimate=share.high))
    headings = {
        N: Column("n"),
        terms.ACCURACY: Column("accuracy, %", 1),
        LOW: Column("low", 1),
        HIGH: Column("high", 1),
        terms.P: Column("p against chance", 4, p_value=True),
        terms.P_CHANCE: Column(f"p within {100 * MARGIN:.0f} points of chance", 4, p_value=True),
        terms.SENSITIVITY: Column("sensitivity"),
        terms.SPECIFICITY: Column("specificity"),
        terms.D_PRIME: Column("d'", signed=True),
        terms.CRITERION: Column("criterion", signed=True),
        terms.CATCH: Column("catch trials"),
        terms.SELF: Column("kappa with self"),
        terms.SECONDS: Column("median seconds", 0),
    }
    return pivot(
        lines,
        name="readers",
        title="Readers",
        lines=("group",),
        columns=list(headings),
        show={
            N: lambda record: record.n,
            **dict.fromkeys((terms.ACCURACY, LOW, HIGH), _share),
            terms.CATCH: lambda record: f"{record.estimate:.0f}/{record.n}" if record.n else None,
            terms.SELF: number,
        },
        headings={"group": Column("reader"), **headings},
        notes=_notes(records),
    )


def _notes(records: Sequence[Record]) -> list[str]:
    everybody = {record.metric: record for record in select(records, group="") if record.row}
    pooled, cases = everybody[terms.ACCURACY], _fact(records, terms.CASES)
    shown = "Within" if everybody[terms.AT_CHANCE].text == "yes" else "Not shown to be within"
    notes = [
        f"All readers: {with_interval(pooled, '.1f', 100, ' %')}, "
        f"bootstrap over {cases} cases (all read the same ones). {shown} {100 * MARGIN:.0f} points of chance."
    ]
    between = everybody[terms.BETWEEN].estimate
    if between is not None:
        notes.append(f"Fleiss' kappa between readers {between:.2f}; at chance a low kappa is expected.")
    reasons: dict[str, list[str]] = {}
    for record in select(_readers(records), metric=terms.SELF):
        if record.reason:
            reasons.setdefault(record.reason, []).append(record.group.removeprefix("reader "))
    notes += [f"No kappa with self of reader {', '.join(names)}: {reason}." for reason, names in reasons.items()]
    if terms.DISCRIMINATION in everybody:
        notes.append(
            "Mixed logistic model (readers and cases random): log odds ratio of telling "
            f"{with_interval(everybody[terms.DISCRIMINATION], '+.2f')}, "
            f"bias of these readers to 'synthetic' {with_interval(everybody[terms.BIAS], '+.2f')}."
        )
    notes.append("d' and criterion with half a count added to each cell; criterion above 0: says 'real' too often.")
    notes.append("Well below 50 % hints at swapped labels or at a cue, not at a good generator.")
    return notes
