"""Records as a table: some of their fields name the line, one names the column."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace

from pcgm_bench.contracts import Record
from pcgm_bench.results.select import field
from pcgm_bench.results.select import values_of
from pcgm_bench.results.sentences import interval
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table

Show = Callable[[Record], Cell]
"""What stands in the cell of a record."""


def number(record: Record) -> Cell:
    """The estimate, or the word where there is one."""
    return record.text or record.estimate


def count(record: Record) -> Cell:
    """The estimate as a whole number."""
    return None if record.estimate is None else round(record.estimate)


def spread(record: Record, *fields: str) -> list[Record]:
    """The record, and one more for each of these fields, so that each has a column of its own.

    >>> from pcgm_bench.contracts import RowKind
    >>> [(part.metric, part.estimate) for part in spread(Record("a", RowKind.METHOD, "d", 1.0, 0.5, 1.5), "low")]
    [('d', 1.0), ('d low', 0.5)]
    """
    more = [
        replace(record, metric=f"{record.metric} {name}", estimate=float(value), low=None, high=None, text="")
        for name in fields
        if isinstance(value := field(record, name), int | float)
    ]
    return [record, *more]


def with_interval(form: str = ".2f", factor: float = 1.0) -> Show:
    """A `Show` that writes ``0.34 [0.31, 0.38]``.

    Args:
        form: how a number is written.
        factor: on all three: 100 for a share in per cent.
    """

    def show(record: Record) -> Cell:
        if record.estimate is None or record.low is None or record.high is None:
            return record.text or record.estimate
        return interval(factor * record.estimate, factor * record.low, factor * record.high, form)

    return show


def pivot(
    records: Iterable[Record],
    *,
    name: str,
    title: str,
    lines: Sequence[str] = ("row",),
    across: str = "metric",
    show: Show | Mapping[str, Show] = number,
    columns: Sequence[str] | None = None,
    headings: Mapping[str, str | Column] | None = None,
    notes: Sequence[str] = (),
    detail: bool = False,
) -> Table:
    """A table of records, lines and columns in the order in which they first occur.

    Args:
        records: all of them stand in the table, unless their column is left out.
        name: of the table: file names.
        title: one line.
        lines: fields of a record that name its line; each is a column of text on the left.
        across: field that names a record's column.
        show: what stands in a cell; by column where it differs.
        columns: values of ``across`` in order, those without records included; None: all that occur.
        headings: value of ``across``, or name of a field in ``lines``, -> heading, where it is another.
        notes: below the table.
        detail: stored, and shown on request.

    Raises:
        ValueError: two records for one cell.
    """
    records = list(records)
    order = list(columns) if columns is not None else values_of(records, across)
    cells: dict[tuple[str, ...], dict[str, Cell]] = {}
    for record in records:
        column = str(field(record, across))
        line = cells.setdefault(tuple(str(field(record, key)) for key in lines), {})
        if column not in order:
            continue
        if column in line:
            raise ValueError(f"table {name}: two records for one cell: {record}")
        shown = show.get(column, number) if isinstance(show, Mapping) else show
        line[column] = shown(record)
    heads = [_heading(key, headings) for key in (*lines, *order)]
    rows = [[*key, *(line.get(column) for column in order)] for key, line in cells.items()]
    return Table(name, title, heads, rows, tuple(notes), detail)


def _heading(key: str, headings: Mapping[str, str | Column] | None) -> Column:
    heading = (headings or {}).get(key, key)
    return heading if isinstance(heading, Column) else Column(heading)


def long_table(records: Iterable[Record]) -> Table:
    """Every record, a line each, without its values by unit: ``records.csv``."""
    names = (
        "row", "kind", "metric", "rule", "group", "region", "contrast", "estimate", "low", "high", "n", "unit",
        "direction", "target", "floor", "text", "reason",
    )  # fmt: skip
    rows: list[list[Cell]] = []
    for record in records:
        values = (field(record, name) for name in names)
        rows.append([value if isinstance(value, int | float) else str(value or "") or None for value in values])
    return Table("records", "Every number of the run", [Column(name, digits=6) for name in names], rows, detail=True)
