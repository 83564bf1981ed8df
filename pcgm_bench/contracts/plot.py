"""What a study wants drawn after a run: numbers of a kind that the report knows how to draw."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass


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


Plot = EffectsPlot | TrajectoriesPlot | DosesPlot
