"""Figure of the recovery study: what was read against what was asked for, a panel a region."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

matplotlib.use("Agg")

ACROSS = 4
"""Panels side by side."""
APART = 0.5
"""Between the dots of two rows at one dose, %."""
MARKERS = "osD^v"


def doses_figure(responses: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]], path: Path, title: str) -> None:
    """Draw every image as a dot, and a row's least-squares line, beside the line on which the read is the asked.

    Dots of several rows at one dose stand side by side. All panels have one scale; a dot beyond it lies on its edge.

    Args:
        responses: row -> region -> ``asked`` and ``read``, log-changes in per cent, one an image. A row without a
            region has no dots there.
        path: the PNG to write.
        title: over everything. Say there whether the people are simulated.

    Raises:
        ValueError: there is nothing to draw.
    """
    regions = list(dict.fromkeys(region for found in responses.values() for region in found))
    if not regions:
        raise ValueError("no responses to draw")
    down = -(-len(regions) // ACROSS)
    across = min(ACROSS, len(regions))
    figure = Figure(figsize=(2.7 * across, 2.7 * down + 0.7), layout="constrained")
    axes: Any = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    most = max(max(np.abs(one["asked"])) for found in responses.values() for one in found.values())
    limit = 1.4 * float(most)
    colours = matplotlib.colormaps["tab10"].colors  # type: ignore[attr-defined]
    for panel, region in zip(axes.flat, regions, strict=False):
        panel.plot([-limit, limit], [-limit, limit], color="0.6", lw=0.9, ls="--", zorder=1)
        for number, found in enumerate(responses.values()):
            if region in found:
                shift = APART * (number - (len(responses) - 1) / 2)
                _draw(panel, found[region], shift, limit, colours[number % len(colours)], MARKERS[number % 5])
        absent = [row for row, found in responses.items() if region not in found]
        panel.set_title(region + (f" (not {', '.join(absent)})" if absent else ""), fontsize=9)
        panel.tick_params(labelsize=7)
        panel.grid(color="0.93", lw=0.6)
        panel.set_axisbelow(True)
        panel.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    for panel in axes.flat[len(regions) :]:
        panel.set_visible(False)
    for panel in axes.flat[max(len(regions) - across, 0) : len(regions)]:  # the lowest that is seen in its column
        panel.tick_params(labelbottom=True)
        panel.set_xlabel("asked, log-%", fontsize=8)
    for panel in axes[:, 0]:
        panel.set_ylabel("read, log-%", fontsize=8)
    handles = [
        Line2D([], [], color=colours[number % len(colours)], marker=MARKERS[number % 5], ms=4, lw=1, label=row)
        for number, row in enumerate(responses)
    ]
    handles.append(Line2D([], [], color="0.6", ls="--", lw=0.9, label="as asked"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8, frameon=False)
    figure.suptitle(title, fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": "pcgm-bench"})


def _draw(panel: Any, one: Mapping[str, Sequence[float]], shift: float, limit: float, colour: Any, marker: str) -> None:
    asked, read = np.asarray(one["asked"], float), np.asarray(one["read"], float)
    seen = np.clip(read, -limit, limit)
    panel.plot(asked + shift, seen, color=colour, marker=marker, ms=3, ls="", alpha=0.7, zorder=3, clip_on=False)
    if len(np.unique(asked)) > 1:
        slope, at_zero = np.polyfit(asked, read, 1)
        ends = np.array([asked.min(), asked.max()])
        panel.plot(ends, at_zero + slope * ends, color=colour, lw=1, zorder=2)
