"""One board, five ways to write it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from pcgm_bench.board.build import Board
from pcgm_bench.board.page import page
from pcgm_bench.contracts import UserError
from pcgm_bench.printable import csv_cell
from pcgm_bench.printable import markdown_text
from pcgm_bench.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

    from pcgm_bench.contracts import Record
    from pcgm_bench.tables import Cell
    from pcgm_bench.tables import Table

TIDY = (
    "section", "study", "study_version", "kind", "cohort", "cohort_hash", "segmenter", "size", "seed", "row",
    "row_kind", "column", "metric", "rule", "direction", "target", "estimate", "low", "high", "n", "over", "floor",
    "tier", "made_by",
)  # fmt: skip


def terminal(board: Board) -> str:
    """Plain text, 160 characters wide, everything but the pairwise verdicts."""
    from rich.console import Console

    out = io.StringIO()
    show(board, Console(file=out, width=160), everything=True)
    return out.getvalue()


def show(board: Board, console: Console, *, everything: bool = False) -> None:
    """Print for a person: of every section the overview of each rule, or all tables with ``everything``."""
    for section in board.sections:
        console.print()
        _say(console, f"{section.number}. {section.title}", "bold reverse")
        for note in section.notes:
            _say(console, note)
        for table in (table for table in section.tables if everything or not table.detail):
            _print(console, table)
    for table in [*board.references, *board.general]:
        _print(console, table)
    if not everything and any(table.detail for section in board.sections for table in section.tables):
        _say(console, "More tables by topic: --all. Everything with pictures and pairwise verdicts: --out board.html")


def _print(console: Console, table: Table) -> None:
    console.print()
    _say(console, table.title, "bold")
    console.print(replace(table, title="", notes=()).rich())
    for note in table.notes:
        _say(console, note)


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(printable(text), markup=False, highlight=False, style=style)


def markdown(board: Board) -> str:
    """GitHub-flavoured Markdown: a heading a section, pairwise verdicts included."""
    parts = ["# pcgm-bench leaderboard"]
    for section in board.sections:
        parts.append(f"## {section.number}. {markdown_text(section.title)}")
        parts.append("\n".join(f"* {markdown_text(note)}" for note in section.notes))
        parts += [_listed(table) for table in [*section.tables, *section.pairs]]
    if board.references:
        parts += ["## The paper's own tables", *(_listed(table) for table in board.references)]
    parts += ["## About this board", *(_listed(table) for table in board.general)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _listed(table: Table) -> str:
    notes = "\n".join(f"* {note}" for note in table.notes)
    return replace(table, notes=(notes,) if notes else ()).markdown()


def tidy(board: Board) -> str:
    """CSV for a program: one line a cell, numbers whole, missing ones empty; no paper rows."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(TIDY)
    for section in board.sections:
        key = section.key
        means = any(column.over == "seeds" for column in section.judged)
        who = [section.number, key.study, key.study_version, key.kind, key.cohort, key.content, key.segmenter, key.size]
        who.append("mean" if means else str(key.seed))
        if means:
            who[4:6] = [key.cohort_recipe, ""]
        for column in section.judged:
            for record in column.entries:
                tier = column.tiers.get(record.row)
                line = [*who, *_line(record), column.over, record.floor, tier, key.old_version]
                writer.writerow([csv_cell(cell) if isinstance(cell, str) else cell for cell in line])
    return out.getvalue()


def _line(record: Record) -> list[Cell]:
    return [
        record.row, record.kind.value, record.column, record.metric, record.rule, record.direction, record.target,
        record.estimate, record.low, record.high, record.n,
    ]  # fmt: skip


def latex(board: Board) -> str:
    r"""Tables to ``\input``, every caption complete in itself; needs ``\usepackage{booktabs,xcolor}``."""
    parts = ["% pcgm-bench leaderboard; needs \\usepackage{booktabs,xcolor}"]
    for section in board.sections:
        for table in [*section.tables, *section.pairs]:
            title = table.title if table in section.pairs else f"{table.title}. {section.title}"
            parts.append(replace(table, title=title).latex())
    parts += [table.latex() for table in [*board.references, *board.general]]
    return "\n\n".join(parts) + "\n"


FORMATS: dict[str, Callable[[Board], str]] = {
    "terminal": terminal,
    "markdown": markdown,
    "csv": tidy,
    "latex": latex,
    "html": page,
}
SUFFIXES = {".md": "markdown", ".csv": "csv", ".tex": "latex", ".html": "html", ".htm": "html"}


def render(board: Board, form: str) -> str:
    """The board in one of `FORMATS`.

    Raises:
        UserError: there is no such format.
    """
    if form not in FORMATS:
        raise UserError(f"--format {form}: use one of {', '.join(FORMATS)}")
    return FORMATS[form](board)
