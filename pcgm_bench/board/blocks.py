"""Columns of a section as tables: one rule and topic a table, six columns at most."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pcgm_bench.board.cells import ABSENT
from pcgm_bench.board.cells import MISSING
from pcgm_bench.board.cells import Judged
from pcgm_bench.board.cells import column_notes
from pcgm_bench.board.cells import number
from pcgm_bench.board.groups import Key
from pcgm_bench.board.rows import ColumnKey
from pcgm_bench.board.rows import Grid
from pcgm_bench.contracts import RowKind
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table

WIDEST = 6
"""Columns of a table: more are split evenly, so that a terminal and a page can show them."""

RULES = {"sound": "sound rule", "paper": "the paper's rule, mistakes included"}


def blocks_of(judged: Sequence[Judged]) -> list[list[Judged]]:
    """Columns of one rule and topic together; the first topic of each rule leads, the sound rule before the paper's."""
    topics: dict[tuple[str, str], list[Judged]] = {}
    for column in judged:
        topics.setdefault((column.key.rule, column.key.topic), []).append(column)
    leading = dict(reversed(topics))
    order = sorted(topics, key=lambda key: (leading[key[0]] != key[1], key[0] != "sound"))
    return [part for key in order for part in _split(topics[key])]


def _split(columns: Sequence[Judged]) -> list[list[Judged]]:
    size = math.ceil(len(columns) / math.ceil(len(columns) / WIDEST))
    return [list(columns[start : start + size]) for start in range(0, len(columns), size)]


def block_tables(section: str, key: Key, grid: Grid, blocks: Sequence[Sequence[Judged]]) -> list[Table]:
    """A table a block; all but the first topic of each rule are detail."""
    slug = section.replace("+", "-")
    leading = {block[0].key.rule: block[0].key.topic for block in reversed(blocks)}
    tables = []
    for index, columns in enumerate(blocks):
        first = columns[0].key
        title = f"{section}.{index + 1} {key.study}: {first.topic or 'overview'} | {RULES.get(first.rule, first.rule)}"
        title += f" | {_short(key)}"
        detail = leading[first.rule] != first.topic
        tables.append(_block(f"board-{slug}-{index + 1}", title, grid, columns, first=index == 0, detail=detail))
    return tables


def _short(key: Key) -> str:
    kind = f"PHANTOM{', QUICK' if key.size == 'quick' else ''}" if key.kind == "phantom" else f"real, {key.size}"
    return f"{kind} | made by {key.old_version}" if key.old_version else kind


def _block(name: str, title: str, grid: Grid, columns: Sequence[Judged], first: bool, detail: bool) -> Table:
    labels = [row for row in grid.labels() if _has_value(grid, row, columns) or (first and row in grid.missing)]
    labels += [row for row in grid.labels() if row not in labels and grid.is_method(row)]
    rows: list[list[Cell]] = [[_name(grid, row), *(_cell(grid, row, column) for column in columns)] for row in labels]
    faint = {index for index, row in enumerate(labels) if not grid.is_method(row)}
    if any(column.floor is not None for column in columns):
        faint.add(len(rows))
        rows.append(["real against real", *(_floor(column) for column in columns)])
    notes = column_notes(columns)
    if first:
        notes += [f"{row}: not run: {reason}." for row, reason in grid.missing.items()]
    if any(_lacks(grid, row, column.key) for column in columns for row in labels):
        notes.append(f"'{MISSING}': the study has no value for this row; '{ABSENT}': does not apply to it.")
    numbers = {column.n for column in columns}
    shared = numbers.pop() if len(numbers) == 1 else None
    if shared is not None:
        title += f" | n = {shared}{' seeds' if columns[0].over == 'seeds' else ''}"
    heads = [Column("row"), *(Column(column.heading(with_n=shared is None)) for column in columns)]
    return Table(name, title, heads, rows, notes, detail, frozenset(faint))


def _has_value(grid: Grid, row: str, columns: Sequence[Judged]) -> bool:
    return any(column.key in grid.cells[row] for column in columns)


def _lacks(grid: Grid, row: str, key: ColumnKey) -> bool:
    record = grid.cells[row].get(key)
    return record is not None and record.estimate is None and not record.text


def _name(grid: Grid, row: str) -> str:
    return row if grid.kinds[row] in (RowKind.METHOD, RowKind.VOLUMES) else f"{row} (control)"


def _cell(grid: Grid, row: str, column: Judged) -> str:
    if row in grid.missing:
        return MISSING
    record = grid.cells[row].get(column.key)
    if record is None:
        return MISSING if grid.is_method(row) else ABSENT
    return column.text(record)


def _floor(column: Judged) -> str:
    return ABSENT if column.floor is None else number(column.floor)


def pair_table(name: str, title: str, judged: Sequence[Judged]) -> list[Table]:
    """The pairwise verdicts of all columns; nothing where fewer than two methods can be compared."""
    rows: list[list[Cell]] = []
    for column in judged:
        for pair in column.pairs:
            how = f"{pair.how}, n = {pair.n}" if pair.n else pair.how
            said = "told apart" if pair.separable else "not told apart"
            gap = number(pair.gap)
            rows.append([column.key.heading, pair.better, pair.worse, gap, pair.p, pair.p_holm, how, said])
    if not rows:
        return []
    heads = [Column("column"), Column("better"), Column("worse"), Column("difference"), Column("p", 4, p_value=True)]
    heads += [Column("p (Holm)", 4, p_value=True), Column("by"), Column("verdict")]
    notes = [
        "Two-sided; Holm over the pairs of a column. Difference in the column's unit, or of distances to a target."
    ]
    return [Table(name, title, heads, rows, notes, detail=True)]
