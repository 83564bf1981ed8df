"""The leaderboard as tables: a pure function of results."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

from pcgm_bench.board import paper
from pcgm_bench.board.about import apart
from pcgm_bench.board.about import left_out
from pcgm_bench.board.about import runs
from pcgm_bench.board.blocks import block_tables
from pcgm_bench.board.blocks import blocks_of
from pcgm_bench.board.blocks import pair_table
from pcgm_bench.board.cells import Judged
from pcgm_bench.board.cells import judge
from pcgm_bench.board.groups import Key
from pcgm_bench.board.groups import differing
from pcgm_bench.board.groups import grouped
from pcgm_bench.board.notes import old_note
from pcgm_bench.board.notes import standing
from pcgm_bench.board.result import Collected
from pcgm_bench.board.result import Result
from pcgm_bench.board.rows import Grid
from pcgm_bench.board.rows import grid_of
from pcgm_bench.board.seeds import averaged
from pcgm_bench.tables import Table


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
    general = [*apart(numbers), *left_out(collected.left_out), *runs(groups, numbers)]
    return Board(sections, references, general)


def _section(key: Key, results: Sequence[Result], numbers: Mapping[Key, str]) -> Section:
    grid = grid_of(results)
    judged = [judge(column, grid.column(column)) for column in grid.columns]
    title = f"{key.study} {key.study_version} on {key.cohort}, seed {key.seed}, read by {key.segmenter}{_kind(key)}"
    notes = standing(results)
    if others := [f"{n} ({', '.join(differing(key, k))})" for k, n in numbers.items() if _near(key, k)]:
        notes.append(f"Apart from section {'; '.join(others)}: what differs is in brackets.")
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
    if key.old_version:
        words.append(f"MADE BY {key.old_version}")
    return f" | {' | '.join(words)}"


def _assembled(
    section: str, title: str, key: Key, grid: Grid, judged: Sequence[Judged], notes: Sequence[str]
) -> Section:
    blocks = blocks_of(judged)
    tables = block_tables(section, key, grid, blocks)
    name = f"board-{section.replace('+', '-')}-pairs"
    pairs = pair_table(name, f"{section}. {title} | pairwise verdicts between methods", judged)
    return Section(section, title, key, blocks, tables, pairs, [*old_note(key), *notes])
