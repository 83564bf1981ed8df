"""Tables with a line a metric and a column a row, beside what a perfect and a useless generator score."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace

from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.control_flags import flag_notes
from pcgm_bench.results.control_flags import flags
from pcgm_bench.results.control_flags import marked
from pcgm_bench.results.pivot import pivot
from pcgm_bench.results.pivot import with_interval
from pcgm_bench.results.select import rows_of
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table

PERFECT, USELESS = "perfect", "useless"
_short = with_interval(".3g")


def ends(metric: str, heading: str, perfect: float, useless: float) -> list[Record]:
    """What a perfect and a useless generator score: two facts about a metric, of no row.

    Args:
        metric: as in the records of the rows.
        heading: their ``contrast``.
        perfect: value of a perfect generator.
        useless: of a useless one; infinity or NaN where there is no bound.
    """
    return [
        Record("", RowKind.REAL, f"{metric}: {end}", value, contrast=heading,
               text="no bound" if not math.isfinite(value) else f"{value:g}")
        for end, value in ((PERFECT, perfect), (USELESS, useless))
    ]  # fmt: skip


def flagged_headings(records: Sequence[Record]) -> dict[str, list[str]]:
    """Heading -> controls that stand above every method there."""
    return {cell.contrast: rows for cell, rows in flags(records).items()}


def side_by_side(
    records: Sequence[Record],
    rows: Sequence[str],
    *,
    name: str,
    title: str,
    first: str,
    flagged: Mapping[str, Sequence[str]],
    notes: Sequence[str],
) -> Table:
    """A line for every ``contrast`` of the records, a column for every row, and two for `ends`.

    Args:
        records: of the lines; facts of `ends` among them.
        rows: columns, in order.
        name: of the table.
        title: one line.
        first: heading of the first column.
        flagged: headings to mark, and the controls that stand above every method there.
        notes: below the table, above the note on marks.
    """
    lines = [
        replace(
            record,
            row=record.row or record.metric.rsplit(": ", 1)[1],
            contrast=marked(record.contrast, record.contrast in flagged),
        )
        for record in records
    ]
    return pivot(
        lines,
        name=name,
        title=title,
        lines=("contrast",),
        across="row",
        columns=(PERFECT, USELESS, *rows),
        show=_shown,
        headings={"contrast": first},
        notes=[*notes, *flag_notes(flagged)],
    )


def no_lines(rows: Sequence[str], line: str, cell: str, *, name: str, title: str, first: str, note: str) -> Table:
    """The same table where there is nothing to show."""
    heads = [Column(head) for head in (first, PERFECT, USELESS, *rows)]
    return Table(name, title, heads, [[line, None, None, *[cell] * len(rows)]], (note,))


def made_rows(records: Sequence[Record]) -> list[str]:
    """Rows of generators, in the order of the protocol."""
    return rows_of(records, *(kind for kind in RowKind if kind is not RowKind.REAL))


def _shown(record: Record) -> Cell:
    if record.text:
        return record.text
    return record.reason if record.estimate is None else f"{_short(record)} ({record.n})"
