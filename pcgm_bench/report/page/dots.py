"""Change shown against change asked: a panel a region, a dot a person of the run's own row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pcgm_bench.report.page import svg
from pcgm_bench.report.page.people import Person

PANEL, LEFT, EDGE, HEAD, FOOT = 240, 46, 14, 26, 38
"""Lengths in pixels: a panel, the vertical axis, right of the panel, heading, and the axis below."""


@dataclass(frozen=True)
class _Frame:
    """What all panels share: ends of both axes, and the unit of both."""

    low: float
    high: float
    unit: str

    def x(self, value: float) -> float:
        """Place of a value asked."""
        return LEFT + PANEL * (value - self.low) / (self.high - self.low)

    def y(self, value: float) -> float:
        """Place of a value shown."""
        return HEAD + PANEL * (self.high - value) / (self.high - self.low)


def dots(people: Sequence[Person], unit: str) -> list[str]:
    """One SVG a region, all on one scale, with the line on which shown equals asked; none without people.

    Args:
        people: in the order of their rank.
        unit: of the changes.
    """
    regions = list(dict.fromkeys(region for person in people for region in person.changes))
    values = [v for person in people for change in person.changes.values() for v in (change.asked, change.shown)]
    if not values:
        return []
    margin = 0.06 * (max(values) - min(values)) or 1.0
    frame = _Frame(min(0.0, *values) - margin, max(0.0, *values) + margin, unit)
    pictures = []
    for region in regions:
        # The best is drawn last, on top.
        marks = [_dot(frame, person, region) for person in reversed(people) if region in person.changes]
        said = f"{region}: change shown against change asked, {len(marks)} people"
        size = (LEFT + PANEL + EDGE, HEAD + PANEL + FOOT)
        pictures.append(svg.picture(*size, said, [*_axes(frame, region), *marks]))
    return pictures


def _axes(frame: _Frame, region: str) -> list[str]:
    right, bottom = LEFT + PANEL, HEAD + PANEL
    parts = [svg.text(LEFT, HEAD - 8, region, css="strong")]
    for tick in svg.ticks(frame.low, frame.high):
        x, y = frame.x(tick), frame.y(tick)
        css = "zero" if tick == 0 else "grid"
        parts += [svg.line(x, HEAD, x, bottom, css), svg.line(LEFT, y, right, y, css)]
        parts.append(svg.text(x, bottom + 14, svg.number(tick), "middle", "faint"))
        parts.append(svg.text(LEFT - 5, y + 4, svg.number(tick), "end", "faint"))
    parts.append(svg.line(LEFT, bottom, right, HEAD, "as-asked"))
    parts.append(svg.text(LEFT + PANEL / 2, bottom + 30, f"asked, {frame.unit}", "middle", "faint"))
    return [*parts, svg.upright(12, HEAD + PANEL / 2, f"shown, {frame.unit}", "faint")]


def _dot(frame: _Frame, person: Person, region: str) -> str:
    change = person.changes[region]
    said = f"rank {person.rank}, {region}: asked {change.asked:+.1f}, shown {change.shown:+.1f} {frame.unit}"
    place = f'cx="{frame.x(change.asked):.1f}" cy="{frame.y(change.shown):.1f}"'
    return svg.titled(said, [f'<circle {place} r="3" class="dot" data-rank="{person.rank}"/>'])
