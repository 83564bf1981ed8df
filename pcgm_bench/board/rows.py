"""Results of one group as rows and columns of cells."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

from pcgm_bench.board.label import RunLabel
from pcgm_bench.board.result import Result
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind

ANOTHER_PROCESSOR = 1e-5
"""Relative difference up to which a number is the same on two instruction sets: images differ by about 1e-6 there."""


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


def column_of(record: Record) -> ColumnKey:
    """The column a record belongs in."""
    return ColumnKey(record.column, record.metric, record.rule, record.direction, record.target)


def competes(record: Record) -> bool:
    """Whether its row is ranked: images of a method; not its causal model alone, and no control."""
    return record.kind is RowKind.METHOD


@dataclass
class Grid:
    """Cells by row and column.

    Attributes:
        columns: in the order in which the studies gave them.
        cells: row label -> column -> record (its ``row`` is the label).
        kinds: row label -> what it is.
        missing: row label -> why it has no value.
        variants: labels that share a name, because the same row came out differently in two runs.
        runs: row label -> keys of the runs that gave it.
        versions: row label -> version, code and weights of what made it.
    """

    columns: list[ColumnKey] = field(default_factory=list)
    cells: dict[str, dict[ColumnKey, Record]] = field(default_factory=dict)
    kinds: dict[str, RowKind] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    variants: list[str] = field(default_factory=list)
    runs: dict[str, list[str]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def is_method(self, label: str) -> bool:
        """Whether the row is ranked."""
        return self.kinds[label] is RowKind.METHOD

    def labels(self) -> list[str]:
        """Methods first, then the rest, each in the order of their first appearance."""
        return sorted(self.cells, key=lambda label: not self.is_method(label))

    def column(self, key: ColumnKey) -> list[Record]:
        """The records of one column, in the order of the rows."""
        return [self.cells[label][key] for label in self.labels() if key in self.cells[label]]


@dataclass
class Variant:
    """One row as one run or several runs gave it, with equal numbers.

    Attributes:
        labels: of those runs.
        cells: column -> record.
    """

    labels: list[RunLabel]
    cells: dict[ColumnKey, Record]


def grid_of(results: Sequence[Result]) -> Grid:
    """Rows and columns of results that may stand in one table.

    A control that several runs bring with equal values is one row; on another instruction set, values are equal up to
    `ANOTHER_PROCESSOR`. A method with other settings is a row of its own. A row that came out differently in two runs
    (an edited method, another device) is two rows, named by their runs.
    """
    variants: dict[tuple[str, str], list[Variant]] = {}
    missing: dict[str, str] = {}
    kinds: dict[str, RowKind] = {}
    grid = Grid()
    for result in results:
        rows: dict[str, dict[ColumnKey, Record]] = {}
        for record in result.cells:
            key = column_of(record)
            if key not in grid.columns:
                grid.columns.append(key)
            rows.setdefault(record.row, {})[key] = record
        for name, cells in rows.items():
            if name not in result.missing or any(record.estimate is not None for record in cells.values()):
                _merge(variants.setdefault((name, result.label.shown(name)), []), result.label, cells)
        missing |= result.missing
        kinds |= result.kinds
    for (name, shown), several in variants.items():
        for variant in several:
            _add(grid, name, shown, variant, is_only=len(several) == 1)
    measured = {name for name, _ in variants}
    methods = {result.label.method for result in results}
    for name in (name for name in missing if name not in measured):
        grid.cells[name] = {}
        grid.missing[name] = missing[name]
        # A method that its own run skipped is missing as a method, not as a control.
        grid.kinds[name] = RowKind.METHOD if name in methods else kinds.get(name, RowKind.CONTROL)
    return grid


def _add(grid: Grid, name: str, shown: str, variant: Variant, is_only: bool) -> None:
    run = variant.labels[0]
    label = shown if is_only else f"{shown} [{run.key[:4]}]"
    grid.cells[label] = {key: _renamed(record, label) for key, record in variant.cells.items()}
    grid.kinds[label] = next(iter(variant.cells.values())).kind
    grid.runs[label] = [run.key for run in variant.labels]
    # A row that is no plugin of its own (the causal model alone) is made by the run's method.
    grid.versions[label] = run.generators.get(name) or run.generators.get(run.method, "")
    if not is_only:
        grid.variants.append(label)


def _merge(variants: list[Variant], label: RunLabel, cells: Mapping[ColumnKey, Record]) -> None:
    for variant in variants:
        same_processor = label.instructions == variant.labels[0].instructions
        shared = [(variant.cells[key], record) for key, record in cells.items() if key in variant.cells]
        if all(_equal(known, record, same_processor) for known, record in shared):
            variant.cells = {**cells, **variant.cells}
            variant.labels.append(label)
            return
    variants.append(Variant([label], dict(cells)))


def _equal(first: Record, second: Record, same_processor: bool) -> bool:
    if same_processor:
        return first == second
    if first.by_unit.keys() != second.by_unit.keys():
        return False
    pairs = [(first.estimate, second.estimate), (first.low, second.low), (first.high, second.high)]
    pairs += [(first.floor, second.floor), *((value, second.by_unit[unit]) for unit, value in first.by_unit.items())]
    return first.n == second.n and first.kind is second.kind and all(_close(*pair) for pair in pairs)


def _close(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return math.isclose(first, second, rel_tol=ANOTHER_PROCESSOR, abs_tol=ANOTHER_PROCESSOR**2)


def _renamed(record: Record, label: str) -> Record:
    return record if record.row == label else replace(record, row=label)
