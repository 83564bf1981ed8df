"""What the leaderboard and the figures take from a study until records replace it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class BoardEntry:
    """One cell of a leaderboard, as a study takes it from its own scores (`Study.board`).

    Attributes:
        row: method or control.
        column: heading, with the unit: ``FID (uncnn)``.
        metric: name and version, and the feature space's identity if there is one: part of what must be equal for
            two cells to stand in one column.
        direction: ``higher``, ``lower``, or ``nearest``: the nearer to ``target`` the better.
        value: the estimate; None if missing.
        low: lower end of the 95 % interval, or None.
        high: upper end.
        n: people or images.
        floor: the same metric between two halves of the real data at the same n, where that makes sense.
        target: see ``direction``.
        rule: ``sound`` or ``paper``.
        is_control: whether the row is a control, which is never ranked.
        by_unit: value of every person or image, by name, for paired comparisons; None where there is none.
    """

    row: str
    column: str
    metric: str
    direction: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    floor: float | None = None
    target: float | None = None
    rule: str = "sound"
    is_control: bool = False
    by_unit: Mapping[str, float] | None = None

    @property
    def loss(self) -> float:
        """The smaller the better, in the column's unit: the value, minus the value, or its distance to the target.

        NaN where the value is missing.

        Raises:
            ValueError: no such direction, or ``nearest`` to nothing.

        >>> BoardEntry("a", "c", "m", "nearest", 0.75, target=1.0).loss
        0.25
        """
        if self.direction not in ("higher", "lower", "nearest"):
            raise ValueError(f"column {self.column}: direction {self.direction!r} is not higher, lower or nearest")
        if self.value is None:
            return float("nan")
        if self.direction == "nearest":
            if self.target is None:
                raise ValueError(f"column {self.column}: 'nearest' to what? The entry has no target")
            return abs(self.value - self.target)
        return -self.value if self.direction == "higher" else self.value


@dataclass(frozen=True)
class Plot:
    """Numbers that a study wants drawn after a run (its optional ``plots(scores) -> list[Plot]``).

    Attributes:
        name: of the file, without its ending.
        kind: ``effects`` (row -> region -> ln|d|), ``trajectories`` (group -> person -> ages and volumes), ``doses``.
        title: over everything; the report adds whether the people are simulated.
        data: what the kind says.
    """

    name: str
    kind: str
    title: str
    data: Mapping[str, Any]
