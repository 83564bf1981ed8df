"""One table model; the terminal, Markdown, CSV, LaTeX and HTML are five ways to write it."""

from __future__ import annotations

import csv
import html
import io
import math
from collections.abc import Mapping
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING

from pcgm_bench.printable import csv_cell
from pcgm_bench.printable import markdown_cell
from pcgm_bench.printable import markdown_text
from pcgm_bench.printable import printable

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
        return printable(str(cell))


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
        faint: numbers of the rows that are there for comparison only: set in grey where there is grey.

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
    faint: AbstractSet[int] = frozenset()

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
        return "\n\n".join([f"**{markdown_text(self.title)}**", "\n".join(lines), *map(_markdown_note, self.notes)])

    def csv(self) -> str:
        """Comma-separated values, numbers unrounded, missing cells empty, no title or notes.

        Text that a spreadsheet would compute (it starts with ``=``, ``@``, ...) has an apostrophe before it.
        """
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([csv_cell(column.name) for column in self.columns])
        for row in self.rows:
            writer.writerow([_csv(cell) for cell in row])
        return out.getvalue()

    def rich(self) -> rich.table.Table:
        """For the terminal."""
        import rich.table
        from rich.markup import escape

        notes = "\n".join(map(printable, self.notes))
        table = rich.table.Table(title=escape(printable(self.title)), caption=escape(notes) or None)
        table.title_justify = table.caption_justify = "left"
        for index, column in enumerate(self.columns):
            table.add_column(escape(printable(column.name)), justify="right" if self._numeric(index) else "left")
        for number, row in enumerate(self.printed()):
            table.add_row(*(escape(cell) for cell in row), style="dim" if number in self.faint else None)
        return table

    def latex(self) -> str:
        """A ``table`` with a caption and the notes below; needs ``\\usepackage{booktabs,xcolor}``.

        >>> print(Table("t", "d in %", [Column("lobe"), Column("d")], [["insula", 0.5]]).latex())
        \\begin{table}
        \\caption{d in \\%}\\label{tab:t}
        \\begin{tabular}{lr}
        \\toprule
        lobe & d \\\\
        \\midrule
        insula & 0.50 \\\\
        \\bottomrule
        \\end{tabular}
        \\end{table}
        """
        sides = "".join("r" if self._numeric(index) else "l" for index in range(len(self.columns)))
        lines = ["\\begin{table}", f"\\caption{{{_latex(self.title)}}}\\label{{tab:{self.name}}}"]
        lines += [f"\\begin{{tabular}}{{{sides}}}", "\\toprule", _latex_row([c.name for c in self.columns], False)]
        lines += ["\\midrule", *(_latex_row(row, i in self.faint) for i, row in enumerate(self.printed()))]
        lines += ["\\bottomrule", "\\end{tabular}"]
        lines += [f"\\par\\footnotesize {_latex(note)}" for note in self.notes]
        return "\n".join([*lines, "\\end{table}"])

    def html(self, classes: Mapping[tuple[int, int], str] | None = None) -> str:
        """A ``<figure>`` with caption, table and notes; all text is escaped.

        Args:
            classes: (row, column) -> CSS class of that cell, besides ``num`` and ``missing``. Rows of `faint` have
                the class ``faint``.
        """
        heads = "".join(f'<th scope="col">{html.escape(printable(column.name))}</th>' for column in self.columns)
        rows = [self._html_row(number, row, classes or {}) for number, row in enumerate(self.printed())]
        notes = "".join(f"<li>{html.escape(printable(note))}</li>" for note in self.notes)
        return "\n".join(
            [
                f'<figure class="table" id="{html.escape(self.name)}">',
                f"<figcaption>{html.escape(printable(self.title))}</figcaption>",
                f"<div><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>",
                *rows,
                "</tbody></table></div>",
                *([f'<ul class="notes">{notes}</ul>'] if notes else []),
                "</figure>",
            ]
        )

    def _html_row(self, number: int, row: Sequence[str], classes: Mapping[tuple[int, int], str]) -> str:
        cells = []
        for index, text in enumerate(row):
            marks = [classes.get((number, index), ""), "num" if self._numeric(index) else ""]
            marks.append("missing" if _missing(self.rows[number][index]) else "")
            tag, scope = ("th", ' scope="row"') if index == 0 else ("td", "")
            mark = f' class="{" ".join(filter(None, marks))}"' if any(marks) else ""
            cells.append(f"<{tag}{scope}{mark}>{html.escape(text)}</{tag}>")
        start = '<tr class="faint">' if number in self.faint else "<tr>"
        return f"{start}{''.join(cells)}</tr>"

    def _numeric(self, index: int) -> bool:
        return all(not isinstance(row[index], str) for row in self.rows)


def slug(text: str) -> str:
    """A row's name as part of a table's.

    >>> slug("pcgm (volumes)")
    'pcgm--volumes'
    """
    return "".join(letter if letter.isalnum() else "-" for letter in text).strip("-")


def _missing(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(markdown_cell, cells)) + " |"


def _markdown_note(note: str) -> str:
    """A note, whose line ends are ours: a list has several lines."""
    return "\n".join(map(markdown_text, note.split("\n")))


def _csv(cell: Cell) -> Cell:
    if _missing(cell):
        return ""
    return csv_cell(cell) if isinstance(cell, str) else cell


_LATEX = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "\u2191": r"$\uparrow$",
    "\u2193": r"$\downarrow$",
    "\u2192": r"$\rightarrow$",
}


def _latex(text: str) -> str:
    """Text with everything escaped that LaTeX would read as a command.

    >>> _latex("a_b <= 5 %")
    'a\\\\_b $<$= 5 \\\\%'
    """
    return "".join(_LATEX.get(letter, letter) for letter in printable(text))


def _latex_row(cells: Sequence[str], faint: bool) -> str:
    texts = [_latex(cell) for cell in cells]
    return " & ".join(f"\\textcolor{{gray}}{{{text}}}" if faint else text for text in texts) + r" \\"
