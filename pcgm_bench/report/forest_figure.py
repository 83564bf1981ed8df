"""Effects with intervals as a picture: a panel a comparison, a line a region, rows one below the other in it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.lines import Line2D

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import ForestPlot
from pcgm_bench.report.canvas import NothingToDrawError
from pcgm_bench.report.canvas import colour
from pcgm_bench.report.canvas import marker
from pcgm_bench.report.canvas import new_figure
from pcgm_bench.report.canvas import save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACROSS = 3
"""Panels side by side."""
SPREAD = 0.7
"""Of the height of a region that its rows take up."""


def forest_figure(plot: ForestPlot, path: Path, title: str) -> None:
    """Draw the plot; all panels have one scale.

    Args:
        plot: of a study.
        path: the PNG to write.
        title: over everything.

    Raises:
        NothingToDrawError: it has no interval.
    """
    plot = replace(plot, panels={name: lines for name, lines in plot.panels.items() if any(lines.values())})
    panels, regions, rows = plot.panels, plot.regions, plot.rows
    if not panels:
        raise NothingToDrawError("no effects to draw")
    across = min(ACROSS, len(panels))
    down = -(-len(panels) // across)
    figure = new_figure(3.6 * across, (0.45 * len(regions) + 0.7) * down + 0.6)
    axes: list[Axes] = list(figure.subplots(down, across, squeeze=False, sharex=True, sharey=True).flat)
    for panel, (name, lines) in zip(axes, panels.items(), strict=False):
        panel.axvline(0, color="0.4", lw=0.9, zorder=1)
        for place, region in enumerate(regions):
            _region(panel, lines.get(region, {}), rows, place)
        panel.set_title(name, fontsize=9)
        panel.set_yticks(range(len(regions)), regions, fontsize=8)
        panel.tick_params(axis="x", labelsize=8, labelbottom=True)
        panel.grid(axis="x", color="0.93", lw=0.6)
        panel.set_axisbelow(True)
    axes[0].set_ylim(len(regions) - 0.5, -0.5)
    for panel in axes[len(panels) :]:
        panel.set_visible(False)
    for panel in axes[max(0, len(panels) - across) : len(panels)]:
        panel.set_xlabel(plot.axis, fontsize=8)
    handles = [Line2D([], [], color=colour(i), marker=marker(i), ms=4, lw=1.2, label=row) for i, row in enumerate(rows)]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(rows), 6), fontsize=8, frameon=False)
    save(figure, path, title, dpi=110)


def _region(panel: Axes, line: Mapping[str, Estimate], rows: Sequence[str], place: int) -> None:
    shown = [row for row in rows if row in line]
    for order, row in enumerate(shown):
        mark, number = line[row], rows.index(row)
        y = place + SPREAD * ((order + 0.5) / len(shown) - 0.5)
        panel.plot([mark.low, mark.high], [y, y], color=colour(number), lw=1.2, zorder=2)
        panel.plot([mark.value], [y], color=colour(number), marker=marker(number), ms=4, zorder=3)
