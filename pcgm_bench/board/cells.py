"""Cells, headings and notes in words: what one column of a leaderboard says in print."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from pcgm_bench.board.rows import ColumnKey
from pcgm_bench.board.rows import competes
from pcgm_bench.board.tiers import ALPHA
from pcgm_bench.board.tiers import INTERVALS
from pcgm_bench.board.tiers import PAIRED
from pcgm_bench.board.tiers import Verdict
from pcgm_bench.board.tiers import compare
from pcgm_bench.board.tiers import detectable_between
from pcgm_bench.board.tiers import tiers
from pcgm_bench.board.tiers import verdicts
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind

MISSING = "missing"
ABSENT = "-"

_ARROWS = {"higher": "\u2191", "lower": "\u2193", "": ""}


@dataclass(frozen=True)
class Flag:
    """A control above every method, or the oracle below one.

    Attributes:
        control: its row.
        value: its value.
        best: the best method's row.
        best_value: that method's value.
        above: True for a control above all methods, False for an oracle below the best.
        p: two-sided, of the difference; NaN without intervals.
    """

    control: str
    value: float
    best: str
    best_value: float
    above: bool
    p: float

    @property
    def certain(self) -> bool:
        """Not explained by the intervals; a column without intervals gets no benefit of the doubt."""
        return not self.p > ALPHA

    def text(self, column: str) -> str:
        """``insula (copy-input 0.85, best method pcgm 3.7; separable)``."""
        said = "no interval" if math.isnan(self.p) else ("separable" if self.certain else "not separable")
        return (
            f"{column} ({self.control} {number(self.value)}, best method {self.best} {number(self.best_value)}; {said})"
        )


@dataclass(frozen=True)
class Judged:
    """One column with its verdicts.

    Attributes:
        key: the column.
        entries: its cells, in the order of the rows.
        pairs: verdicts between methods.
        tiers: row -> tier; empty with fewer than two methods that can be ranked.
        flag: the control that stands above every method; None if none does.
        over: what ``by_unit`` and n are about: ``people``, or ``seeds`` for means over seeds.
    """

    key: ColumnKey
    entries: Sequence[Record]
    pairs: Sequence[Verdict]
    tiers: Mapping[str, int]
    flag: Flag | None
    over: str = "people"

    @property
    def n(self) -> int | None:
        """People or images, if the same in all cells."""
        numbers = {entry.n for entry in self.entries if entry.estimate is not None}
        return numbers.pop() if len(numbers) == 1 else None

    @property
    def floor(self) -> float | None:
        """Real against real, if the same for all cells."""
        floors = {entry.floor for entry in self.entries if entry.estimate is not None}
        return floors.pop() if len(floors) == 1 else None

    @property
    def name(self) -> str:
        """The heading without its topic."""
        return self.key.heading.partition(": ")[2] if self.key.topic else self.key.heading

    def heading(self, with_n: bool) -> str:
        """Name, better direction, n if asked for; ``!`` before a flagged column, ``(!)`` if chance may explain it."""
        arrow = f"\u2192 {number(self.key.target)}" if self.key.direction == "nearest" else _ARROWS[self.key.direction]
        unit = " seeds" if self.over == "seeds" else ""
        n = f" (n = {self.n}{unit})" if with_n and self.n is not None else ""
        mark = "" if self.flag is None else ("! " if self.flag.certain else "(!) ")
        return f"{mark}{self.name} {arrow}".rstrip() + n

    def text(self, entry: Record) -> str:
        """``#1 0.34 [0.31, 0.38]``: tier, estimate, 95 % interval; n and floor where they are not the column's."""
        if entry.estimate is None:
            return entry.text or MISSING
        parts = [f"#{self.tiers[entry.row]}"] if entry.row in self.tiers else []
        parts.append(number(entry.estimate))
        if entry.low is not None and entry.high is not None:
            parts.append(f"[{number(entry.low)}, {number(entry.high)}]")
        if self.over == "seeds" and entry.by_unit:
            parts.append(f"({number(min(entry.by_unit.values()))} to {number(max(entry.by_unit.values()))})")
        if self.n is None and entry.n is not None:
            parts.append(f"n={entry.n}")
        if self.floor is None and entry.floor is not None:
            parts.append(f"floor {number(entry.floor)}")
        return " ".join(parts)


def judge(key: ColumnKey, entries: Sequence[Record], over: str = "people") -> Judged:
    """Compare the methods of one column, rank them, and see whether a control stands above all of them."""
    pairs = verdicts(entries)
    ranks = tiers(entries, pairs) if pairs else {}
    return Judged(key, entries, pairs, ranks, _flag(entries), over)


def _flag(entries: Sequence[Record]) -> Flag | None:
    known = [entry for entry in entries if entry.direction and entry.estimate is not None]
    methods = [entry for entry in known if competes(entry)]
    if not methods:
        return None
    best = min(methods, key=attrgetter("loss"))
    # A ceiling, real data and a method's own causal model may stand above; permuted labels do not compete.
    rivals = [entry for entry in known if entry.kind is RowKind.CONTROL]
    control = min(rivals, key=attrgetter("loss"), default=None)
    if control is not None and control.loss < best.loss - 1e-12:
        return _flagged(control, best, above=True)
    for truth in (entry for entry in known if entry.kind is RowKind.CEILING):
        flag = _flagged(truth, best, above=False)
        if truth.loss > best.loss + 1e-12 and flag.certain:
            return flag
    return None


def _flagged(control: Record, best: Record, above: bool) -> Flag:
    p = compare(control, best).p
    return Flag(control.row, float(control.estimate or 0.0), best.row, float(best.estimate or 0.0), above, p)


def number(value: float | None) -> str:
    """Three significant digits, whole numbers whole.

    >>> number(5.0), number(0.03377), number(98.115), number(142069.0), number(-0.00012), number(None)
    ('5', '0.0338', '98.1', '142,069', '-1.2e-04', '-')
    """
    if value is None or math.isnan(value):
        return ABSENT
    if abs(value - round(value)) < 1e-9 or abs(value) >= 1000:
        return f"{value:z,.0f}"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{value:.1e}" if digits > 5 else f"{value:z.{max(digits, 0)}f}"


def column_notes(columns: Sequence[Judged]) -> list[str]:
    """What a metric was told, flags, how methods were compared, and what differences could have been seen."""
    notes = [f"{column.name}: {column.key.metric}." for column in columns if " (" in column.key.metric]
    notes += _flag_notes(columns)
    ranked = [column for column in columns if column.tiers]
    if not ranked:
        return notes
    notes.append(
        "#1, #2, ...: rank tiers of methods; whoever cannot be told from a tier's leader shares its rank (Holm over "
        "all pairs of a column, 0.05). Sharing a rank is no proof of equality. Controls are never ranked."
    )
    if any(pair.how == INTERVALS for column in ranked for pair in column.pairs):
        notes.append(
            "Compared by their two intervals (normal approximation, as if independent; with the same people in both it "
            f"errs towards a shared rank): {_names(ranked, INTERVALS)}."
        )
    if any(pair.how == PAIRED for column in ranked for pair in column.pairs):
        notes.append(f"Compared unit by unit: {_names(ranked, PAIRED)}.")
        n = max(pair.n for column in ranked for pair in column.pairs)
        pairs = max(len(column.pairs) for column in ranked)
        if n > 2:
            seen = detectable_between(n, pairs)
            notes.append(
                f"With n = {n} units compared one by one you could tell two methods apart whose difference is >= "
                f"{seen:.2f} standard deviations of that difference (80 % power, 0.05 / {pairs})."
            )
    if unranked := [column.name for column in columns if not column.tiers and column.key.direction]:
        notes.append(f"Not ranked, for want of two methods with an interval: {', '.join(unranked)}.")
    return notes


def _flag_notes(columns: Sequence[Judged]) -> list[str]:
    above = [c.flag.text(c.name) for c in columns if c.flag is not None and c.flag.above]
    below = [c.flag.text(c.name) for c in columns if c.flag is not None and not c.flag.above]
    notes = []
    if above:
        said = "! A control stands above every method, so that these columns cannot be read alone: "
        notes.append(f"{said}{'; '.join(above)}.")
    if below:
        said = "! The truth itself stands below a method, so that a better value is no better brain: "
        notes.append(f"{said}{'; '.join(below)}.")
    return notes


def _names(columns: Sequence[Judged], how: str) -> str:
    return ", ".join(c.name for c in columns if any(pair.how == how for pair in c.pairs))
