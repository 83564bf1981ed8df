"""Volume against age, real and made, person by person."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator
from matplotlib.ticker import NullFormatter
from matplotlib.ticker import ScalarFormatter

from pcgm_bench.contracts import Trajectory
from pcgm_bench.report.canvas import NothingToDrawError
from pcgm_bench.report.canvas import new_figure
from pcgm_bench.report.canvas import save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REAL, MADE = "0.25", "tab:red"

People = Mapping[str, Trajectory]


def trajectories_figure(
    groups: Mapping[str, People], path: Path, rows: Sequence[str] | None = None, title: str = ""
) -> None:
    """Draw one panel a row and group: every person's real follow-ups in grey, the made ones in red, from one baseline.

    Groups stand left to right by the age of their youngest.

    Args:
        groups: group -> person -> trajectory, as in `pcgm_bench.contracts.TrajectoriesPlot`.
        path: the PNG to write.
        rows: which rows, top to bottom; all by default.
        title: over everything. Say there whether the people are simulated.

    Raises:
        NothingToDrawError: there is nothing to draw.
    """
    names = sorted((group for group, people in groups.items() if people), key=lambda group: _youngest(groups[group]))
    known = list(dict.fromkeys(row for group in names for person in groups[group].values() for row in person.made))
    shown = known if rows is None else [row for row in rows if row in known]
    if not shown:
        raise NothingToDrawError("no row of made images to draw trajectories of")
    figure = new_figure(3.4 * len(names), 2.4 * len(shown) + 0.6)
    axes = figure.subplots(len(shown), len(names), squeeze=False, sharex="col", sharey="col")
    for line, row in zip(axes, shown, strict=True):
        for panel, group in zip(line, names, strict=True):
            _draw(panel, groups[group], row)
        line[0].set_ylabel(f"{row}\nventricles, mL", fontsize=8)
    for panel, group in zip(axes[0], names, strict=True):
        panel.set_title(f"{group} (n = {len(groups[group])})", fontsize=9)
        panel.set_yscale("log")  # equal rates of growth are equal slopes, whatever the volume
    for panel in axes[-1]:
        panel.set_xlabel("age, years", fontsize=8)
    for panel in axes.flat:
        panel.yaxis.set_major_formatter(ScalarFormatter())
        panel.yaxis.set_minor_formatter(NullFormatter())
        panel.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        panel.tick_params(labelsize=7)
    lines = [Line2D([], [], color=REAL, marker=".", label="real"), Line2D([], [], color=MADE, marker=".", label="made")]
    figure.legend(handles=lines, loc="outside lower center", ncols=2, fontsize=8)
    save(figure, path, title, dpi=100)


def _youngest(people: People) -> float:
    return min(person.ages[0] for person in people.values())


def _draw(panel: Axes, people: People, row: str) -> None:
    for person in people.values():
        panel.plot(person.ages, person.real, color=REAL, lw=0.7, marker=".", ms=2.5, alpha=0.7)
        if row in person.made:
            pairs = zip(person.ages, person.made[row], strict=True)
            known = [(age, volume) for age, volume in pairs if not math.isnan(volume)]
            ages, volumes = [age for age, _ in known], [volume for _, volume in known]
            panel.plot(ages, volumes, color=MADE, lw=0.7, marker=".", ms=2.5, alpha=0.7)
