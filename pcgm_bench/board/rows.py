"""Results of one group as rows and columns of cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

from pcgm_bench.board.collect import Result
from pcgm_bench.contracts import BoardEntry


@dataclass(frozen=True)
class ColumnKey:
    """Equal for all cells of a column: heading, metric with version and feature space, rule, direction and target."""

    heading: str
    metric: str
    rule: str
    direction: str
    target: float | None

    @property
    def topic(self) -> str:
        """What is before the colon of a heading (``recovery: insula``): columns of one topic form one table."""
        topic, colon, _ = self.heading.partition(": ")
        return topic if colon else ""


def column_of(entry: BoardEntry) -> ColumnKey:
    """The column an entry belongs in."""
    return ColumnKey(entry.column, entry.metric, entry.rule, entry.direction, entry.target)


@dataclass
class Grid:
    """Cells by row and column.

    Attributes:
        columns: in the order in which the studies gave them.
        cells: row label -> column -> entry (its ``row`` is the label).
        controls: labels of rows that are controls.
        missing: row label -> why it has no value.
        variants: labels that share a name, because the same row came out differently in two runs.
        runs: row label -> keys of the runs that gave it.
        versions: row label -> version, source and weights of what made it.
    """

    columns: list[ColumnKey] = field(default_factory=list)
    cells: dict[str, dict[ColumnKey, BoardEntry]] = field(default_factory=dict)
    controls: set[str] = field(default_factory=set)
    missing: dict[str, str] = field(default_factory=dict)
    variants: list[str] = field(default_factory=list)
    runs: dict[str, list[str]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def labels(self) -> list[str]:
        """Methods first, then controls, each in the order of their first appearance."""
        return sorted(self.cells, key=lambda label: label in self.controls)

    def column(self, key: ColumnKey) -> list[BoardEntry]:
        """The entries of one column, in the order of the rows."""
        return [self.cells[label][key] for label in self.labels() if key in self.cells[label]]


def grid_of(results: Sequence[Result]) -> Grid:
    """Rows and columns of results that may stand in one table.

    A control that several runs bring with the same version and equal values is one row. A row that came out
    differently in two runs (an edited method, another device) is two rows, named by their runs.
    """
    found: dict[str, list[tuple[list[str], dict[ColumnKey, BoardEntry]]]] = {}
    grid = Grid()
    skipped: dict[str, str] = {}
    made_by = {result.key: result.identity for result in results}
    for result in results:
        rows: dict[str, dict[ColumnKey, BoardEntry]] = {}
        for entry in result.entries:
            key = column_of(entry)
            if key not in grid.columns:
                grid.columns.append(key)
            rows.setdefault(entry.row, {})[key] = entry
        for name, cells in rows.items():
            _merge(found.setdefault(name, []), result.key, cells)
        skipped.update({row: reason for row, reason in result.skipped.items() if row not in rows})
    for name, variants in found.items():
        for keys, cells in variants:
            label = f"{name} [{keys[0][:4]}]" if len(variants) > 1 else name
            grid.cells[label] = {key: _renamed(entry, label) for key, entry in cells.items()}
            grid.runs[label] = keys
            one = made_by[keys[0]]
            # A row that is no plugin of its own (the causal model alone) is made by the run's method.
            grid.versions[label] = one.generators.get(name) or one.generators.get(one.method, "")
            if any(entry.is_control for entry in cells.values()):
                grid.controls.add(label)
            if len(variants) > 1:
                grid.variants.append(label)
    for name, reason in skipped.items():
        if name not in found:
            grid.cells[name] = {}
            grid.missing[name] = reason
            grid.controls.add(name)
    # A method that its own run skipped is missing as a method, not as a control.
    grid.controls -= {result.identity.method for result in results} & set(grid.missing)
    return grid


def _merge(
    variants: list[tuple[list[str], dict[ColumnKey, BoardEntry]]], run: str, cells: dict[ColumnKey, BoardEntry]
) -> None:
    for keys, known in variants:
        if all(known[key] == entry for key, entry in cells.items() if key in known):
            known.update(cells)
            keys.append(run)
            return
    variants.append(([run], dict(cells)))


def _renamed(entry: BoardEntry, label: str) -> BoardEntry:
    return entry if entry.row == label else replace(entry, row=label)
