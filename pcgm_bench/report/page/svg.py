"""Plain SVG for the report: text and lines that follow the page's colours, light or dark, and print as they are."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

GLYPHS = ("diamond", "circle", "square", "triangle", "cross")
"""Of the rows of a figure, in their order: a row is told by its shape as well as by its colour."""


def text(x: float, y: float, words: str, anchor: str = "start", css: str = "") -> str:
    """A line of text; everything is escaped."""
    mark = f' class="{css}"' if css else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{mark}>{html.escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    """A straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'


def upright(x: float, y: float, words: str, css: str) -> str:
    """A line of text that reads upwards, its middle at the place."""
    turned = f'transform="rotate(-90 {x:.1f} {y:.1f})"'
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" class="{css}" {turned}>{html.escape(words)}</text>'


def titled(words: str, parts: Sequence[str]) -> str:
    """Parts that say these words when they are pointed at."""
    return f"<g><title>{html.escape(words)}</title>{''.join(parts)}</g>"


def glyph(x: float, y: float, number: int, size: float = 4.0) -> str:
    """The mark of a row by its number in the figure, in that row's colour."""
    name, css, r = GLYPHS[number % len(GLYPHS)], f"mark r{number % len(GLYPHS)}", size
    if name == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" class="{css}"/>'
    shapes = {
        "diamond": [(0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)],
        "square": [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        "triangle": [(0, -1.15), (1.1, 0.9), (-1.1, 0.9)],
        "cross": [(-1, -0.35), (-0.35, -0.35), (-0.35, -1), (0.35, -1), (0.35, -0.35), (1, -0.35),
                  (1, 0.35), (0.35, 0.35), (0.35, 1), (-0.35, 1), (-0.35, 0.35), (-1, 0.35)],
    }  # fmt: skip
    points = " ".join(f"{x + r * dx:.1f},{y + r * dy:.1f}" for dx, dy in shapes[name])
    return f'<polygon points="{points}" class="{css}"/>'


def picture(width: float, height: float, label: str, parts: Sequence[str]) -> str:
    """The parts as one picture that shrinks with the page; ``label`` is read aloud in its place."""
    said = html.escape(label, quote=True)
    start = f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" role="img" '
    return f'{start}aria-label="{said}">{"".join(parts)}</svg>'


def ornament(width: float, height: float, parts: Sequence[str]) -> str:
    """The parts as a picture beside words that say the same: not read aloud."""
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    return f'<svg {size} aria-hidden="true">{"".join(parts)}</svg>'


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers between two ends, 0 among them where it lies between.

    >>> ticks(-1.1, 0.7)
    [-1.0, -0.5, 0.0, 0.5]
    """
    width = (high - low) / max(about, 1)
    if not math.isfinite(width) or width <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(width))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= width)
    return [round(number * step, 10) + 0.0 for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def number(value: float) -> str:
    """A tick's number.

    >>> number(0.5), number(-2.0)
    ('0.5', '-2')
    """
    return f"{value:g}"
