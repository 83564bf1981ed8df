"""What a study wants drawn after a run: numbers of a kind that the report knows how to draw."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

from pcgm_bench.contracts.metric import Estimate


@dataclass(frozen=True)
class EffectsPlot:
    """One value a row and region, such as ln|d|: a line of dots for every row.

    Attributes:
        name: of the file, without its ending.
        title: over everything; the report adds whether the people are simulated.
        values: row -> region -> value; the method first.
    """

    name: str
    title: str
    values: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Trajectory:
    """One person over time.

    Attributes:
        ages: years, the baseline first.
        real: mL at each of them.
        made: row -> mL at each of them; NaN where no image was made.
    """

    ages: Sequence[float]
    real: Sequence[float]
    made: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class TrajectoriesPlot:
    """Volumes over age, person by person.

    Attributes:
        name: of the file, without its ending.
        title: over everything.
        groups: group -> person -> trajectory.
    """

    name: str
    title: str
    groups: Mapping[str, Mapping[str, Trajectory]]


@dataclass(frozen=True)
class DosesPlot:
    """Measured against asked change, one dot an image.

    Attributes:
        name: of the file, without its ending.
        title: over everything.
        points: row -> region -> ``(asked, measured)`` changes in per cent.
    """

    name: str
    title: str
    points: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]]


@dataclass(frozen=True)
class ForestPlot:
    """Estimates with intervals: a panel a comparison, a line a region, the rows of a run side by side in it.

    Attributes:
        name: of the file, without its ending.
        title: over everything.
        axis: what is drawn, with its unit; 0 is no effect.
        panels: comparison -> region -> row -> estimate with its interval; the truth, the method, then its controls.
    """

    name: str
    title: str
    axis: str
    panels: Mapping[str, Mapping[str, Mapping[str, Estimate]]]

    @property
    def regions(self) -> list[str]:
        """Of all panels, in their order."""
        return list(dict.fromkeys(region for lines in self.panels.values() for region in lines))

    @property
    def rows(self) -> list[str]:
        """Likewise."""
        return list(dict.fromkeys(row for lines in self.panels.values() for line in lines.values() for row in line))


@dataclass(frozen=True)
class Change:
    """The change of one region in one image.

    Attributes:
        asked: of the generator.
        shown: by the image, as it was read.
    """

    asked: float
    shown: float


@dataclass(frozen=True)
class ChangesPlot:
    """Change shown against change asked, person by person; who comes nearest is the best of them.

    Attributes:
        name: of the file, without its ending.
        title: over everything.
        unit: of the changes.
        changes: row -> person -> region -> change; the method first. A person is named as in `Record.by_unit`.
    """

    name: str
    title: str
    unit: str
    changes: Mapping[str, Mapping[str, Mapping[str, Change]]]


Plot = EffectsPlot | TrajectoriesPlot | DosesPlot | ForestPlot | ChangesPlot
