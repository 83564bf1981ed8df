"""Columns that rank a useless control above every method: what stands there measures something else."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind


@dataclass(frozen=True)
class Cell:
    """What makes two records comparable: all but the row."""

    metric: str
    group: str
    region: str
    contrast: str

    @classmethod
    def of(cls, record: Record) -> Cell:
        """The cell of a record."""
        return cls(record.metric, record.group, record.region, record.contrast)


def flags(
    records: Iterable[Record], useless: Collection[RowKind] = frozenset({RowKind.CONTROL})
) -> dict[Cell, list[str]]:
    """Cell -> controls that stand above every method there; cells without a method or a direction are left out.

    A ceiling and a floor may stand above, and a causal model's volumes do not compete.

    Args:
        records: of all rows.
        useless: kinds of rows that no good column ranks above a method.

    >>> mine = Record("mine", RowKind.METHOD, "error", 0.5, direction="lower")
    >>> flags([mine, Record("copy-input", RowKind.CONTROL, "error", 0.0, direction="lower")])
    {Cell(metric='error', group='', region='', contrast=''): ['copy-input']}
    """
    by_cell: dict[Cell, list[Record]] = {}
    for record in records:
        if record.direction and record.estimate is not None:
            by_cell.setdefault(Cell.of(record), []).append(record)
    flagged = {}
    for cell, rivals in by_cell.items():
        best = min((record.loss for record in rivals if record.kind is RowKind.METHOD), default=None)
        if best is None:
            continue
        if above := [r.row for r in rivals if r.kind in useless and r.loss < best]:
            flagged[cell] = above
    return flagged


def marked(heading: str, is_flagged: bool) -> str:
    """The heading, with ``(!)`` where a control stands above every method.

    >>> marked("skill", True)
    'skill (!)'
    """
    return f"{heading} (!)" if is_flagged else heading


def flag_notes(above: Mapping[str, Sequence[str]]) -> list[str]:
    """What ``(!)`` means, and which controls it is about, by heading; nothing where there is no flag."""
    if not above:
        return []
    which = "; ".join(f"{name}: {', '.join(rows)}" for name, rows in above.items())
    return [f"(!) ranks a useless control above the method, so it cannot be read alone: {which}."]
