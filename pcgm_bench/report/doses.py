"""Measured against asked change: a panel a region, a dot an image."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D

from pcgm_bench.report.canvas import NothingToDrawError
from pcgm_bench.report.canvas import colour
from pcgm_bench.report.canvas import marker
from pcgm_bench.report.canvas import new_figure
from pcgm_bench.report.canvas import save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 4
"""Panels side by side."""
APART = 0.5
"""Between the dots of two rows at one dose, %."""

Points = Sequence[tuple[float, float]]
"""``(asked, measured)`` changes in per cent."""


def doses_figure(rows: Mapping[str, Mapping[str, Points]], path: Path, title: str) -> None:
    """Draw every image as a dot, and a row's least-squares line, beside the line on which measured equals asked.

    Dots of several rows at one dose stand side by side. All panels have one scale; a dot beyond it lies on its edge.
    Dots that are no numbers are left out.

    Args:
        rows: row -> region -> points, as in `pcgm_bench.contracts.DosesPlot`. A row without a region has no dots
            there.
        path: the PNG to write.
        title: over everything. Say there whether the people are simulated.

    Raises:
        NothingToDrawError: there is nothing to draw.
    """
    points = {row: _arrays(by_region) for row, by_region in rows.items()}
    regions = list(dict.fromkeys(region for by_region in points.values() for region in by_region))
    if not regions:
        raise NothingToDrawError("no doses to draw")
    down, across = -(-len(regions) // ACROSS), min(ACROSS, len(regions))
    figure = new_figure(2.7 * across, 2.7 * down + 0.7)
    panels: list[Axes] = list(figure.subplots(down, across, squeeze=False, sharex=True, sharey=True).flat)
    asked = [np.abs(xy[:, 0]).max() for by_region in points.values() for xy in by_region.values()]
    limit = 1.4 * float(max(asked)) or 1.0
    for index, region in enumerate(regions):
        _panel(panels[index], points, region, limit)
        if index % across == 0:
            panels[index].set_ylabel("measured, log-%", fontsize=8)
        if index >= len(regions) - across:  # the lowest that is seen in its column
            panels[index].tick_params(labelbottom=True)
            panels[index].set_xlabel("asked, log-%", fontsize=8)
    for panel in panels[len(regions) :]:
        panel.set_visible(False)
    _legend(figure, list(points))
    save(figure, path, title, dpi=110)


def _arrays(by_region: Mapping[str, Points]) -> dict[str, np.ndarray]:
    """Region -> ``(n, 2)``, rows that are numbers; regions without any are left out."""
    arrays = {region: np.asarray(points, float).reshape(-1, 2) for region, points in by_region.items()}
    finite = {region: xy[np.isfinite(xy).all(axis=1)] for region, xy in arrays.items()}
    return {region: xy for region, xy in finite.items() if len(xy)}


def _panel(panel: Axes, points: Mapping[str, Mapping[str, np.ndarray]], region: str, limit: float) -> None:
    panel.plot([-limit, limit], [-limit, limit], color="0.6", lw=0.9, ls="--", zorder=1)
    for number, by_region in enumerate(points.values()):
        if region in by_region:
            _draw(panel, by_region[region], number, APART * (number - (len(points) - 1) / 2), limit)
    absent = [row for row, by_region in points.items() if region not in by_region]
    panel.set_title(region + (f" (not {', '.join(absent)})" if absent else ""), fontsize=9)
    panel.tick_params(labelsize=7)
    panel.grid(color="0.93", lw=0.6)
    panel.set_axisbelow(True)
    panel.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")


def _draw(panel: Axes, xy: np.ndarray, number: int, shift: float, limit: float) -> None:
    asked, measured = xy.T
    dots = np.clip(measured, -limit, limit)
    style = {"color": colour(number), "marker": marker(number), "ms": 3, "alpha": 0.7, "clip_on": False}
    panel.plot(asked + shift, dots, ls="", zorder=3, **style)  # type: ignore[arg-type]
    if len(np.unique(asked)) > 1:
        slope, at_zero = np.polyfit(asked, measured, 1)
        ends = np.array([asked.min(), asked.max()])
        panel.plot(ends, at_zero + slope * ends, color=colour(number), lw=1, zorder=2)


def _legend(figure: Figure, rows: Sequence[str]) -> None:
    handles = [
        Line2D([], [], color=colour(number), marker=marker(number), ms=4, lw=1, label=row)
        for number, row in enumerate(rows)
    ]
    handles.append(Line2D([], [], color="0.6", ls="--", lw=0.9, label="as asked"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8, frameon=False)
