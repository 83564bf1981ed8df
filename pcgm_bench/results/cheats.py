"""Columns in which no cheat is told from the truth, and columns in which a method is better than the cheats."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

import numpy as np
from scipy import stats

from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.control_flags import Cell

FAILED = frozenset({"fail", "no", "wrong"})
"""Words of a cell that a cheat has failed."""
NO_EVIDENCE = "no evidence"
SHARED = 5
"""Fewest people that two rows share to be compared person by person."""


def has_failed(record: Record) -> bool:
    """Whether the cell says so in words."""
    return record.text in FAILED


@dataclass(frozen=True)
class Cheats:
    """What cheats show about the columns of one table.

    Attributes:
        columns: every column that was judged, in order: the ceiling has a value there, or cheats pass or fail in words.
        blind: those in which no cheat is significantly worse than the ceiling, or fails.
        beaten: method -> cheat -> columns in which the method is significantly better.
    """

    columns: Sequence[str] = ()
    blind: frozenset[str] = frozenset()
    beaten: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        records: Iterable[Record],
        column: Callable[[Cell], str] = lambda cell: cell.metric,
        fails: Callable[[Record], bool] = has_failed,
    ) -> Cheats:
        """Look at all cells with a direction; where there is no cheat nothing is said.

        Args:
            records: of the table.
            column: name of a cell's column; a column of several cells is blind where all of them are.
            fails: whether a record says in words that its row has failed.
        """
        by_cell: dict[Cell, list[Record]] = {}
        for record in records:
            if record.direction and (record.estimate is not None or record.text):
                by_cell.setdefault(Cell.of(record), []).append(record)
        sees: dict[str, bool] = {}
        beaten: dict[str, dict[str, list[str]]] = {}
        for cell, rivals in by_cell.items():
            cheats = [record for record in rivals if record.kind is RowKind.CHEAT]
            ceiling = next((record for record in rivals if record.kind is RowKind.CEILING), None)
            if not cheats:
                continue
            name = column(cell)
            told = [fails(cheat) and not (ceiling and fails(ceiling)) for cheat in cheats]
            told += [ceiling is not None and is_better(ceiling, cheat) for cheat in cheats]
            # A number can be held against the ceiling's alone; where that has none, the column is left open.
            if any(told) or (ceiling and ceiling.estimate is not None) or any(cheat.text for cheat in cheats):
                sees[name] = sees.get(name, False) or any(told)
            for method in (record for record in rivals if record.kind is RowKind.METHOD):
                mine = beaten.setdefault(method.row, {})
                for cheat in cheats:
                    columns = mine.setdefault(cheat.row, [])
                    if name not in columns and (is_better(method, cheat) or (fails(cheat) and not fails(method))):
                        columns.append(name)
        return cls(tuple(sees), frozenset(name for name, seen in sees.items() if not seen), beaten)

    def heading(self, name: str, shown_as: str = "") -> str:
        """The heading of a column, marked where it is no evidence.

        >>> Cheats(blind=frozenset({"error"})).heading("error")
        'error (no evidence)'
        """
        return f"{shown_as or name} ({NO_EVIDENCE})" if name in self.blind else shown_as or name

    def notes(self, headings: Mapping[str, str]) -> list[str]:
        """What the marks mean, and in which columns each method is better than the cheats; nothing without cheats.

        Args:
            headings: column -> what it is called.
        """
        notes = []
        if self.blind:
            which = ", ".join(headings.get(name, name) for name in self.columns if name in self.blind)
            notes.append(
                f"({NO_EVIDENCE}) no cheat is significantly worse than the oracle there, or fails: a good value proves "
                f"nothing: {which}."
            )
        for method, by_cheat in self.beaten.items():
            said = [
                f"than {cheat} in {', '.join(headings.get(name, name) for name in columns) if columns else 'no column'}"
                for cheat, columns in by_cheat.items()
            ]
            if said:
                notes.append(f"{method} is significantly better {'; '.join(said)}.")
        return notes


def is_better(first: Record, second: Record) -> bool:
    """Whether the first is significantly better: person by person where both say, else by intervals that do not meet.

    >>> first = Record("a", RowKind.METHOD, "error", 0.2, 0.1, 0.3, direction="lower")
    >>> is_better(first, Record("b", RowKind.CHEAT, "error", 0.5, 0.4, 0.6, direction="lower"))
    True
    """
    if first.estimate is None or second.estimate is None or not first.loss < second.loss:
        return False
    units = sorted(set(first.by_unit) & set(second.by_unit))
    if len(units) >= SHARED:
        losses = [np.array([_loss(record, record.by_unit[unit]) for unit in units]) for record in (first, second)]
        gain = losses[1] - losses[0]
        error = float(gain.std(ddof=1)) / np.sqrt(len(units))
        return bool(gain.mean() > float(stats.t.ppf(0.975, len(units) - 1)) * error)
    worst, best = _ends(first)[1], _ends(second)[0]
    return worst is not None and best is not None and worst < best


def _loss(record: Record, value: float) -> float:
    if record.direction == "nearest":
        return abs(value - (record.target or 0.0))
    return -value if record.direction == "higher" else value


def _ends(record: Record) -> tuple[float | None, float | None]:
    """The least and the largest loss in the record's interval."""
    if record.low is None or record.high is None:
        return None, None
    losses = sorted((_loss(record, record.low), _loss(record, record.high)))
    inside = record.direction == "nearest" and record.low <= (record.target or 0.0) <= record.high
    return (0.0 if inside else losses[0]), losses[1]
