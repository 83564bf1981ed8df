"""Figure of the synthesis study: ln|d| of every region, rows side by side, as the field draws it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

matplotlib.use("Agg")

THRESHOLDS = {"small": 0.2, "medium": 0.5}
"""``abs(d)`` up to which an effect is called so (Cohen 1988, as in the paper's Figure 4)."""
LEAST = math.log(0.005)
"""What is nearer to no effect is drawn here, at the edge: a logarithm of nothing has no place on a page."""
MARKERS = "osD^vPX*"


def effects_figure(effects: Mapping[str, Mapping[str, float | None]], path: Path, title: str = "") -> None:
    """Draw the natural logarithm of the absolute Cohen's d, region by region: one marker a row, the lower the better.

    Lines connect the regions of a row to ease comparison; the order of the regions means nothing.

    Args:
        effects: row -> region -> ln|d|; None for a d of exactly 0.
        path: the PNG to write.
        title: over everything. Say there whether the people are simulated.

    Raises:
        ValueError: there is nothing to draw.
    """
    regions = list(dict.fromkeys(region for found in effects.values() for region in found))
    if not regions:
        raise ValueError("no row with effects of regions to draw")
    figure = Figure(figsize=(max(6.0, 2.0 + 0.3 * len(regions)), 5.6), layout="constrained")
    axes: Any = figure.subplots()
    colours = matplotlib.colormaps["tab10"].colors  # type: ignore[attr-defined]
    for number, (row, found) in enumerate(effects.items()):
        known = [(place, found[region]) for place, region in enumerate(regions) if region in found]
        heights = [LEAST if one is None else max(one, LEAST) for _place, one in known]
        axes.plot(
            [place for place, _ in known],
            heights,
            color=colours[number % len(colours)],
            marker=MARKERS[number % len(MARKERS)],
            ms=5 if number == 0 else 3.5,
            lw=1.8 if number == 0 else 0.8,
            zorder=3 if number == 0 else 2,
            label=row,
            clip_on=False,
        )
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
    axes.set_xlim(-0.5, len(regions) - 0.5)
    axes.set_ylim(bottom=min(LEAST, axes.get_ylim()[0]) if _at_the_edge(effects) else None)
    axes.set_xticks(range(len(regions)), regions, rotation=60, ha="right", rotation_mode="anchor", fontsize=7)
    axes.grid(axis="x", color="0.92", lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", labelsize=8)
    axes.set_ylabel("ln |Cohen's d|, made against real", fontsize=9)
    figure.legend(loc="outside lower center", ncols=min(len(effects), 6), fontsize=8, frameon=False)
    if title:
        figure.suptitle(title, fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": "pcgm-bench"})


def _at_the_edge(effects: Mapping[str, Mapping[str, float | None]]) -> bool:
    return any(one is None or one < LEAST for found in effects.values() for one in found.values())
