"""The forest plot: a panel a comparison, a line a region, the rows of the run one below the other in it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import ForestPlot
from pcgm_bench.report.page import svg

NAMES, PANEL, EDGE, STEP, BETWEEN, HEAD, FOOT = 76, 250, 14, 11, 10, 40, 24
"""Lengths in pixels: region names, a panel, right of it, a row, between regions, headings, and the axis."""
LETTERS = 38
"""Of a panel's title on one line."""

Lines = Mapping[str, Mapping[str, Estimate]]


@dataclass(frozen=True)
class _Frame:
    """What all panels share.

    Attributes:
        rows: in their order.
        regions: likewise.
        low: left end of the axis.
        high: right end.
        tall: height of a region.
    """

    rows: Sequence[str]
    regions: Sequence[str]
    low: float
    high: float
    tall: float

    @property
    def height(self) -> float:
        """Of a panel, with heading and axis."""
        return HEAD + self.tall * len(self.regions) + FOOT

    def x(self, value: float) -> float:
        """Place of a value."""
        return NAMES + PANEL * (value - self.low) / (self.high - self.low)


def rows_of(plot: ForestPlot) -> list[str]:
    """The rows that are drawn, in their order; rows of the first panel alone (real scans) come last."""
    others = {row for lines in list(plot.panels.values())[1:] for line in lines.values() for row in line}
    return sorted(plot.rows, key=lambda row: row not in others)


def forest(plot: ForestPlot) -> list[str]:
    """One SVG a panel, all on one scale; none where there is nothing to draw."""
    intervals = [mark for lines in plot.panels.values() for line in lines.values() for mark in line.values()]
    if not intervals:
        return []
    low, high = min(0.0, *(mark.low for mark in intervals)), max(0.0, *(mark.high for mark in intervals))
    margin = 0.04 * (high - low) or 1.0
    most = max(len(line) for lines in plot.panels.values() for line in lines.values())
    frame = _Frame(rows_of(plot), plot.regions, low - margin, high + margin, STEP * most + BETWEEN)
    return [
        svg.picture(NAMES + PANEL + EDGE, frame.height, f"{plot.title}, {title}", _panel(frame, title, lines))
        for title, lines in plot.panels.items()
    ]


def _panel(frame: _Frame, title: str, lines: Lines) -> list[str]:
    last = HEAD + frame.tall * len(frame.regions)
    words = textwrap.wrap(title, LETTERS)[:2]
    parts = [svg.text(NAMES, 14 + 14 * index, word, css="strong") for index, word in enumerate(words)]
    for tick in svg.ticks(frame.low, frame.high):
        x = frame.x(tick)
        parts.append(svg.line(x, HEAD, x, last, "zero" if tick == 0 else "grid"))
        parts.append(svg.text(x, last + 14, svg.number(tick), "middle", "faint"))
    for index, region in enumerate(frame.regions):
        y = HEAD + frame.tall * index
        parts.append(svg.text(0, y + frame.tall / 2 + 4, region))
        if index:
            parts.append(svg.line(NAMES, y, NAMES + PANEL, y, "grid"))
        line = lines.get(region, {})
        start = y + (frame.tall - STEP * (len(line) - 1)) / 2
        for place, row in enumerate(row for row in frame.rows if row in line):
            parts.append(_mark(frame, row, region, line[row], start + STEP * place))
    return parts


def _mark(frame: _Frame, row: str, region: str, mark: Estimate, y: float) -> str:
    number = frame.rows.index(row)
    said = f"{row}, {region}: {mark.value:+.2f} [{mark.low:+.2f}, {mark.high:+.2f}]"
    bar = svg.line(frame.x(mark.low), y, frame.x(mark.high), y, f"bar r{number % len(svg.GLYPHS)}")
    return svg.titled(said, [bar, svg.glyph(frame.x(mark.value), y, number)])
