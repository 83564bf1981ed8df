"""One table model; the terminal, Markdown and CSV are three ways to write it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import rich.table

Cell = str | int | float | None
"""A cell: text, a number, or None for "there is no such value" (never an empty string, never 0)."""

MISSING = "-"


@dataclass(frozen=True)
class Column:
    """A column: its heading, and how its numbers are written in print (CSV keeps them whole).

    Attributes:
        name: heading, with the unit.
        digits: decimals of floats in print.
        signed: write ``+`` before positive numbers.
        p_value: write what rounds to 0 as ``<0.0001``.
    """

    name: str
    digits: int = 2
    signed: bool = False
    p_value: bool = False

    def text(self, cell: Cell) -> str:
        """A cell as printed.

        >>> Column("d", signed=True).text(0.5), Column("n").text(7), Column("d").text(None)
        ('+0.50', '7', '-')
        """
        if _missing(cell):
            return MISSING
        if isinstance(cell, float):
            if self.p_value and cell < 10**-self.digits:
                return f"<{10**-self.digits:.{self.digits}f}"
            return f"{cell:{'+' if self.signed else ''}z.{self.digits}f}"
        return str(cell)


@dataclass(frozen=True)
class Table:
    """A titled table with notes below it.

    Attributes:
        name: short, for file names (``counts``).
        title: one line, says the cohort's kind and n.
        columns: headings.
        rows: cells, as many a row as there are columns.
        notes: what a reader has to know to believe the numbers.
        detail: stored and shown on request, not printed after every run.

    Raises:
        ValueError: a row of the wrong length.

    >>> print(Table("t", "Title", [Column("lobe"), Column("d")], [["insula", 0.5]], ["n = 3"]).markdown())
    **Title**
    <BLANKLINE>
    | lobe | d |
    | --- | --- |
    | insula | 0.50 |
    <BLANKLINE>
    n = 3
    """

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = field(default_factory=tuple)
    detail: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.name}: {len(row)} cells under {len(self.columns)} headings: {row}")

    def printed(self) -> list[list[str]]:
        """All cells as text."""
        return [[column.text(cell) for column, cell in zip(self.columns, row, strict=True)] for row in self.rows]

    def markdown(self) -> str:
        """GitHub-flavoured Markdown."""
        lines = [
            _markdown_row([column.name for column in self.columns]),
            _markdown_row(["---"] * len(self.columns)),
            *(_markdown_row(row) for row in self.printed()),
        ]
        return "\n\n".join([f"**{self.title}**", "\n".join(lines), *self.notes])

    def csv(self) -> str:
        """Comma-separated values, numbers unrounded, missing cells empty, no title or notes."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([column.name for column in self.columns])
        for row in self.rows:
            writer.writerow(["" if _missing(cell) else cell for cell in row])
        return out.getvalue()

    def rich(self) -> rich.table.Table:
        """For the terminal."""
        import rich.table
        from rich.markup import escape

        table = rich.table.Table(title=escape(self.title), caption=escape("\n".join(self.notes)) or None)
        table.title_justify = table.caption_justify = "left"
        for index, column in enumerate(self.columns):
            numeric = all(not isinstance(row[index], str) for row in self.rows)
            table.add_column(escape(column.name), justify="right" if numeric else "left")
        for row in self.printed():
            table.add_row(*(escape(cell) for cell in row))
        return table


def _missing(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
