"""ln|d| of every region, rows side by side, as the field draws it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pcgm_bench.report.canvas import NothingToDrawError
from pcgm_bench.report.canvas import colour
from pcgm_bench.report.canvas import marker
from pcgm_bench.report.canvas import new_figure
from pcgm_bench.report.canvas import save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

THRESHOLDS = {"small": 0.2, "medium": 0.5}
"""``abs(d)`` up to which an effect is called so (Cohen 1988, as in the paper's Figure 4)."""
LEAST = math.log(0.005)
"""What is nearer to no effect is drawn here, at the edge: a logarithm of nothing has no place on a page."""


def effects_figure(effects: Mapping[str, Mapping[str, float]], path: Path, title: str = "") -> None:
    """Draw the natural logarithm of the absolute Cohen's d, region by region: one marker a row, the lower the better.

    Lines connect the regions of a row to ease comparison; the order of the regions means nothing.

    Args:
        effects: row -> region -> ln|d|, as in `pcgm_bench.contracts.EffectsPlot`; minus infinity for a d of exactly
            0, NaN where there is none.
        path: the PNG to write.
        title: over everything. Say there whether the people are simulated.

    Raises:
        NothingToDrawError: there is nothing to draw.
    """
    known = {
        row: {region: max(value, LEAST) for region, value in by_region.items() if not math.isnan(value)}
        for row, by_region in effects.items()
    }
    regions = list(dict.fromkeys(region for by_region in known.values() for region in by_region))
    if not regions:
        raise NothingToDrawError("no row with effects of regions to draw")
    figure = new_figure(max(6.0, 2.0 + 0.3 * len(regions)), 5.6)
    axes: Axes = figure.subplots()
    for number, (row, by_region) in enumerate(known.items()):
        places = [place for place, region in enumerate(regions) if region in by_region]
        axes.plot(
            places,
            [by_region[regions[place]] for place in places],
            color=colour(number),
            marker=marker(number),
            ms=5 if number == 0 else 3.5,
            lw=1.8 if number == 0 else 0.8,
            zorder=3 if number == 0 else 2,
            label=row,
            clip_on=False,
        )
    _thresholds(axes)
    at_the_edge = any(value == LEAST for by_region in known.values() for value in by_region.values())
    axes.set_xlim(-0.5, len(regions) - 0.5)
    axes.set_ylim(bottom=min(LEAST, axes.get_ylim()[0]) if at_the_edge else None)
    axes.set_xticks(range(len(regions)), regions, rotation=60, ha="right", rotation_mode="anchor", fontsize=7)
    axes.grid(axis="x", color="0.92", lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", labelsize=8)
    axes.set_ylabel("ln |Cohen's d|, made against real", fontsize=9)
    figure.legend(loc="outside lower center", ncols=min(len(known), 6), fontsize=8, frameon=False)
    save(figure, path, title, dpi=110)


def _thresholds(axes: Axes) -> None:
    for name, d in THRESHOLDS.items():
        axes.axhline(math.log(d), color="0.3", lw=0.9, ls="--", zorder=1)
        axes.annotate(
            f"ln {d:g}, {name} below",
            (1, math.log(d)),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
            color="0.3",
        )
