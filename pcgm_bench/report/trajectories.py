"""Figure of the ageing study: ventricle volume against age, real and made, person by person."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

matplotlib.use("Agg")

REAL, MADE = "0.25", "tab:red"


def trajectories_figure(
    trajectories: Mapping[str, Mapping[str, Any]], path: Path, rows: Sequence[str] | None = None, title: str = ""
) -> None:
    """Draw one panel a row and group: every person's real follow-ups in grey, the made ones in red, from one baseline.

    Groups stand left to right by the age of their youngest.

    Args:
        trajectories: as the ageing study stores them in its scores: group -> person -> ``age``, ``real``, and ``made``
            by row; the baseline is the first of each. Missing volumes are None.
        path: the PNG to write.
        rows: which rows, top to bottom; all by default.
        title: over everything. Say there whether the people are simulated.

    Raises:
        ValueError: there is nothing to draw.
    """
    groups = sorted(trajectories, key=lambda group: min(person["age"][0] for person in trajectories[group].values()))
    found = [row for group in groups for person in trajectories[group].values() for row in person["made"]]
    shown = list(dict.fromkeys(found)) if rows is None else [row for row in rows if row in found]
    if not shown:
        raise ValueError("no row of made images to draw trajectories of")
    figure = Figure(figsize=(3.4 * len(groups), 2.4 * len(shown) + 0.6), layout="constrained")
    axes = figure.subplots(len(shown), len(groups), squeeze=False, sharex="col", sharey="col")
    for line, row in zip(axes, shown, strict=True):
        for panel, group in zip(line, groups, strict=True):
            _draw(panel, trajectories[group], row)
        line[0].set_ylabel(f"{row}\nventricles, mL", fontsize=8)
    for panel, group in zip(axes[0], groups, strict=True):
        panel.set_title(f"{group} (n = {len(trajectories[group])})", fontsize=9)
        panel.set_yscale("log")  # equal rates of growth are equal slopes, whatever the volume
    for panel in axes[-1]:
        panel.set_xlabel("age, years", fontsize=8)
    for panel in axes.flat:
        panel.yaxis.set_major_formatter(matplotlib.ticker.ScalarFormatter())
        panel.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
        panel.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
        panel.tick_params(labelsize=7)
    lines = [Line2D([], [], color=REAL, marker=".", label="real"), Line2D([], [], color=MADE, marker=".", label="made")]
    figure.legend(handles=lines, loc="outside lower center", ncols=2, fontsize=8)
    if title:
        figure.suptitle(title, fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100, metadata={"Software": "pcgm-bench"})


def _draw(panel: Any, people: Mapping[str, Any], row: str) -> None:
    for person in people.values():
        panel.plot(person["age"], person["real"], color=REAL, lw=0.7, marker=".", ms=2.5, alpha=0.7)
        if row in person["made"]:
            known = [
                (age, made) for age, made in zip(person["age"], person["made"][row], strict=True) if made is not None
            ]
            panel.plot(*zip(*known, strict=True), color=MADE, lw=0.7, marker=".", ms=2.5, alpha=0.7)
