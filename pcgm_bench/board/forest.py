"""Estimates and intervals of a block of columns as one inline SVG: a panel a column, a line a row."""

from __future__ import annotations

import html
from collections.abc import Callable
from collections.abc import Sequence

from pcgm_bench.board.cells import Judged
from pcgm_bench.board.cells import number
from pcgm_bench.board.rows import competes
from pcgm_bench.contracts import Record

NAMES, PANEL, GAP, LINE, HEAD = 215, 150, 26, 19, 40
"""Widths and heights in pixels: row names, a panel, between panels, a row, and the headings."""

METHOD, FIRST, CONTROL, MARK = "#1c2430", "#0b6e4f", "#9aa3ad", "#b3541e"


def forest(columns: Sequence[Judged]) -> str:
    """SVG of the columns that have an interval in some row; empty if none has.

    A dot is an estimate, its bar the 95 % interval; green is the first tier, grey a control; the dashed line is the
    target, or real against real.
    """
    drawn = [column for column in columns if any(entry.low is not None for entry in column.entries)]
    if not drawn:
        return ""
    # A row's place is that of its first appearance; methods come first in every column.
    entries = [entry for column in drawn for entry in column.entries if entry.estimate is not None]
    rows = list(dict.fromkeys(entry.row for entry in sorted(entries, key=lambda entry: not competes(entry))))
    controls = {entry.row for entry in entries if not competes(entry)}
    width, height = NAMES + len(drawn) * (PANEL + GAP), HEAD + len(rows) * LINE + 24
    parts = [f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">']
    for index, row in enumerate(rows):
        css = ' class="faint"' if row in controls else ""
        parts.append(f'<text x="0" y="{HEAD + index * LINE + 13}"{css}>{html.escape(row)}</text>')
    for index, column in enumerate(drawn):
        parts += _panel(column, rows, NAMES + index * (PANEL + GAP))
    return "".join([*parts, "</svg>"])


def _panel(column: Judged, rows: Sequence[str], left: int) -> list[str]:
    shown = {entry.row: entry for entry in column.entries if entry.estimate is not None}
    reference = column.key.target if column.key.target is not None else column.floor
    ends = [x for e in shown.values() for x in (e.estimate, e.low, e.high) if x is not None]
    least, most = min(ends), max(ends)
    if reference is not None:
        least, most = min(least, reference), max(most, reference)
    margin = 0.05 * (most - least) or 0.05 * max(abs(most), 1.0)
    low, high = least - margin, most + margin

    def at(value: float) -> float:
        return left + PANEL * (value - low) / (high - low)

    bottom = HEAD + len(rows) * LINE
    parts = [f'<text x="{left}" y="14">{html.escape(_cut(column.heading(with_n=False)))}</text>']
    parts.append(f'<line x1="{left}" x2="{left + PANEL}" y1="{bottom}" y2="{bottom}" stroke="{CONTROL}"/>')
    for end, anchor in ((least, "start"), (most, "end")):
        parts.append(f'<text x="{at(end):.1f}" y="{bottom + 14}" text-anchor="{anchor}">{number(end)}</text>')
    if reference is not None:
        x = f"{at(reference):.1f}"
        parts.append(f'<line x1="{x}" x2="{x}" y1="{HEAD - 8}" y2="{bottom}" stroke="{MARK}" stroke-dasharray="3 3"/>')
    for index, row in enumerate(rows):
        if row in shown:
            parts += _mark(shown[row], at, HEAD + index * LINE + 9, column.tiers.get(row) == 1)
    return parts


def _mark(entry: Record, at: Callable[[float], float], y: int, first: bool) -> list[str]:
    colour = CONTROL if not competes(entry) else FIRST if first else METHOD
    text = html.escape(f"{entry.row}: {number(entry.estimate)} [{number(entry.low)}, {number(entry.high)}]")
    parts = [f"<g><title>{text}</title>"]
    if entry.low is not None and entry.high is not None:
        ends = f'x1="{at(entry.low):.1f}" x2="{at(entry.high):.1f}"'
        parts.append(f'<line {ends} y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2"/>')
    return [*parts, f'<circle cx="{at(entry.estimate or 0.0):.1f}" cy="{y}" r="3.5" fill="{colour}"/></g>']


def _cut(text: str, length: int = 27) -> str:
    return text if len(text) <= length else text[: length - 1] + "\u2026"
