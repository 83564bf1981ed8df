"""The leaderboard as tables: a pure function of results."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

from pcgm_bench.board import paper
from pcgm_bench.board.cells import ABSENT
from pcgm_bench.board.cells import MISSING
from pcgm_bench.board.cells import OWN_PART
from pcgm_bench.board.cells import Judged
from pcgm_bench.board.cells import column_notes
from pcgm_bench.board.cells import judge
from pcgm_bench.board.cells import number
from pcgm_bench.board.collect import Collected
from pcgm_bench.board.collect import Result
from pcgm_bench.board.groups import Key
from pcgm_bench.board.groups import differing
from pcgm_bench.board.groups import grouped
from pcgm_bench.board.rows import ColumnKey
from pcgm_bench.board.rows import Grid
from pcgm_bench.board.rows import grid_of
from pcgm_bench.board.seeds import averaged
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table

WIDEST = 6
"""Columns of a table: more are split evenly, so that a terminal and a page can show them."""

RULES = {"sound": "sound rule", "paper": "the paper's rule, mistakes included"}


@dataclass(frozen=True)
class Section:
    """Tables that belong together: one group of comparable runs, or the seeds of one recipe.

    Attributes:
        number: ``1``, ``2``, ... on this board; ``1-3`` for the seeds of sections 1 to 3.
        title: what was run on whom.
        key: what is equal for all rows (its seed is the first one, for the seeds of a recipe).
        blocks: the columns with their verdicts, a group a table.
        tables: one a block; all but the first of each rule are detail.
        pairs: the pairwise verdicts between methods; empty with fewer than two methods.
        notes: about the section as a whole.
    """

    number: str
    title: str
    key: Key
    blocks: Sequence[Sequence[Judged]]
    tables: Sequence[Table]
    pairs: Sequence[Table]
    notes: Sequence[str]

    @property
    def judged(self) -> list[Judged]:
        """All columns."""
        return [column for block in self.blocks for column in block]


@dataclass(frozen=True)
class Board:
    """Everything on the leaderboard.

    Attributes:
        sections: the groups.
        references: the paper's tables, for the studies shown.
        general: why sections are apart, what was left out, where numbers come from.
    """

    sections: Sequence[Section]
    references: Sequence[Table]
    general: Sequence[Table]


def build(collected: Collected) -> Board:
    """Tables of all results: rows whose study, cohort, segmenter, size or seed differ are in different tables."""
    groups = grouped(collected.results)
    numbers = {key: str(index + 1) for index, key in enumerate(groups)}
    sections: list[Section] = []
    for key, results in groups.items():
        sections.append(_section(key, results, numbers))
        twins = [other for other in groups if other.recipe == key.recipe]
        if len(twins) > 1 and key == twins[-1]:
            sections.append(_seeds_section(twins, groups, numbers))
    studies = list(dict.fromkeys(key.study for key in groups))
    references = [table for study in studies for table in paper.reference_tables(study)]
    general = [*_apart(numbers), *_left_out(collected.left_out), *_provenance(groups, numbers)]
    return Board(sections, references, general)


def _section(key: Key, results: Sequence[Result], numbers: Mapping[Key, str]) -> Section:
    grid = grid_of(results)
    judged = [judge(column, grid.column(column)) for column in grid.columns]
    title = f"{key.study} {key.study_version} on {key.cohort}, seed {key.seed}, read by {key.segmenter}{_kind(key)}"
    notes = _standing(key, results)
    if apart := [f"{n} ({', '.join(differing(key, k))})" for k, n in numbers.items() if _near(key, k)]:
        notes.append(f"Apart from section {'; '.join(apart)}: what differs is in brackets.")
    if grid.variants:
        notes.append(
            f"One name, several versions or devices, told apart by their run: {', '.join(grid.variants)} (see Runs)."
        )
    return _assembled(numbers[key], title, key, grid, judged, notes)


def _seeds_section(twins: Sequence[Key], groups: Mapping[Key, Sequence[Result]], numbers: Mapping[Key, str]) -> Section:
    key = twins[0]
    grid = averaged({twin.seed: grid_of(groups[twin]) for twin in twins})
    judged = [judge(column, grid.column(column), over="seeds") for column in grid.columns]
    label = "+".join(numbers[twin] for twin in twins)
    seeds = ", ".join(str(twin.seed) for twin in twins)
    title = f"{key.study} {key.study_version} on {key.cohort_recipe}, mean over seeds {seeds}{_kind(key)}"
    people = "other people by the same recipe" if key.kind == "phantom" else "the same people, another start"
    notes = [
        f"A seed is {people}. A mean stands only where the row has a value under every seed, with equal metric, rule, "
        "direction, target and version of what made it; else the cell is missing. n is the number of seeds; "
        "in round brackets the least and the greatest value, which are no interval."
    ]
    return _assembled(label, title, key, grid, judged, notes)


def _near(key: Key, other: Key) -> bool:
    return key != other and key.study == other.study


def _kind(key: Key) -> str:
    words = ["PHANTOM (simulated anatomy)"] if key.kind == "phantom" else ["real scans"]
    if key.size == "quick":
        words.append("QUICK: to see it work, not to believe it")
    return f" | {' | '.join(words)}"


def _standing(key: Key, results: Sequence[Result]) -> list[str]:
    notes: list[str] = []
    sizes = {(tuple(result.sizes.values()), result.detectable_d) for result in results}
    for people, seen in sorted(sizes, key=str):
        if len(people) == 2 and seen is not None:
            notes.append(
                f"With n = {people[0]} + {people[1]} you could see a group difference of d >= {seen:.2f} (80 % power, "
                "after the study's correction for several tests)."
            )
    warnings = [warning for result in results for warning in result.warnings]
    return [*notes, *(f"Warning: {warning}." for warning in dict.fromkeys(warnings))]


def _assembled(
    section: str, title: str, key: Key, grid: Grid, judged: Sequence[Judged], notes: Sequence[str]
) -> Section:
    blocks = _blocks(judged)
    slug = section.replace("+", "-")
    short = f"PHANTOM{', QUICK' if key.size == 'quick' else ''}" if key.kind == "phantom" else f"real, {key.size}"
    leading = {block[0].key.rule: block[0].key.topic for block in reversed(blocks)}
    tables = []
    for index, columns in enumerate(blocks):
        one = columns[0].key
        head = (
            f"{section}.{index + 1} {key.study}: {one.topic or 'overview'} | {RULES.get(one.rule, one.rule)} | {short}"
        )
        detail = leading[one.rule] != one.topic
        tables.append(_block(f"board-{slug}-{index + 1}", head, grid, columns, first=index == 0, detail=detail))
    pairs = _pair_table(f"board-{slug}-pairs", f"{section}. {title} | pairwise verdicts between methods", judged)
    return Section(section, title, key, blocks, tables, pairs, notes)


def _blocks(judged: Sequence[Judged]) -> list[list[Judged]]:
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


def _block(name: str, title: str, grid: Grid, columns: Sequence[Judged], first: bool, detail: bool) -> Table:
    labels = [row for row in grid.labels() if _has_value(grid, row, columns) or (first and row in grid.missing)]
    labels += [row for row in grid.labels() if row not in labels and row not in grid.controls]
    rows: list[list[Cell]] = [[_name(grid, row), *(_cell(grid, row, column) for column in columns)] for row in labels]
    faint = {index for index, row in enumerate(labels) if row in grid.controls}
    if any(column.floor is not None for column in columns):
        faint.add(len(rows))
        rows.append(["real against real", *(_floor(column) for column in columns)])
    notes = column_notes(columns)
    if first:
        notes += [f"{row}: not run: {reason}." for row, reason in grid.missing.items()]
    cells_missing = [c.key.heading for c in columns for r in labels if _lacks(grid, r, c.key)]
    if cells_missing:
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
    entry = grid.cells[row].get(key)
    return entry is not None and entry.value is None


def _name(grid: Grid, row: str) -> str:
    return f"{row} (control)" if row in grid.controls and OWN_PART not in row else row


def _cell(grid: Grid, row: str, column: Judged) -> str:
    if row in grid.missing:
        return MISSING
    entry = grid.cells[row].get(column.key)
    if entry is None:
        return ABSENT if row in grid.controls else MISSING
    return column.text(entry)


def _floor(column: Judged) -> str:
    return ABSENT if column.floor is None else number(column.floor)


def _pair_table(name: str, title: str, judged: Sequence[Judged]) -> list[Table]:
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


def _apart(numbers: Mapping[Key, str]) -> list[Table]:
    if len(numbers) < 2:
        return []
    names = ("study", "version", "cohort", "content", "kind", "segmenter", "size", "seed")
    rows: list[list[Cell]] = [
        [n, k.study, k.study_version, k.cohort, k.content[:8], k.kind, k.segmenter, k.size, k.seed]
        for k, n in numbers.items()
    ]
    kept = [i for i in range(len(names)) if names[i] == "cohort" or len({row[i + 1] for row in rows}) > 1]
    heads = [Column("section"), *(Column(names[i]) for i in kept)]
    note = (
        "Rows stand in one table only if all of this is equal: study and its version, cohort (content hash, phantom or "
    )
    note += "real), segmenter, full or quick, seed. Within a table, cells share a column only if metric, its version, "
    note += "rule, direction and target are equal. What is equal everywhere is left out here."
    return [
        Table(
            "apart", "Why there are several sections", heads, [[r[0], *(r[i + 1] for i in kept)] for r in rows], [note]
        )
    ]


def _left_out(left_out: Sequence[tuple[str, str]]) -> list[Table]:
    if not left_out:
        return []
    heads = [Column("run"), Column("reason")]
    return [Table("left-out", "Not on this board", heads, [list(line) for line in left_out])]


def _provenance(groups: Mapping[Key, Sequence[Result]], numbers: Mapping[Key, str]) -> list[Table]:
    rows: list[list[Cell]] = []
    for key, results in groups.items():
        for result in results:
            one, made = result.identity, result.provenance
            version = one.generators.get(one.method, ABSENT)
            commit = (made.git_commit or "installed")[:9]
            cells = [numbers[key], result.key, one.method, version, one.package, commit, f"{one.device}/{one.threads}"]
            rows.append([*cells, made.made, round(made.wall_seconds / 60, 1), round(made.peak_rss_mib)])
    names = ("section", "run", "method", "version-source-weights", "package", "commit", "device/threads", "images")
    heads = [*(Column(name) for name in names), Column("minutes", 1), Column("peak MiB", 0)]
    return [Table("runs", "Runs", heads, rows)] if rows else []
