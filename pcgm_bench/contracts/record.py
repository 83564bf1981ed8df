"""Results as data: one record a number, and the rows of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from enum import StrEnum


class RowKind(StrEnum):
    """What a row of a run is."""

    REAL = "real"
    """Factual scans."""
    METHOD = "method"
    """The images of the method that the run is about."""
    CEILING = "ceiling"
    """A control that knows the truth: the best that the measurement allows."""
    FLOOR = "floor"
    """Other real scans in place of made ones: what the metric gives between two halves of real data."""
    CONTROL = "control"
    """A useless generator that a good metric refuses."""
    CHEAT = "cheat"
    """A control that does well what a weak metric looks at, and nothing else: a good one tells it from the ceiling."""
    VOLUMES = "volumes"
    """A method's causal model alone: the volumes that it asks for, no image."""
    PERMUTED = "permuted"
    """A causal model under permuted labels: nothing may be found, or nothing may move."""


@dataclass(frozen=True)
class Row:
    """A row that a study wants in its run, in the order of its tables.

    Attributes:
        name: in every table: ``pcgm (volumes)``.
        kind: what it is.
        generator: registered name of the generator that makes it; empty for real scans.
        makes_images: False: only `Generator.counterfactual_volumes` is asked.
        fits_permuted: the generator adapts to labels that were permuted between people.
        asks_permuted: the people it is asked about carry the permuted labels too.

    Raises:
        ValueError: labels are permuted for a row with images; only rows of volumes can have that.
    """

    name: str
    kind: RowKind
    generator: str = ""
    makes_images: bool = True
    fits_permuted: bool = False
    asks_permuted: bool = False

    def __post_init__(self) -> None:
        if self.makes_images and (self.fits_permuted or self.asks_permuted):
            raise ValueError(f"row {self.name!r}: labels are permuted for rows without images only")


@dataclass(frozen=True)
class Record:
    """One number of a run: what a study says about a row.

    A study emits a list of these, in the order of its protocol. Tables, CSV files, figures and the leaderboard are
    pivots of the list, and nothing else is stored of a study's results.

    Attributes:
        row: name of the row; empty for a fact about the cohort (its size, the effect that it could detect).
        kind: of the row.
        metric: what was measured: a metric's name and version, or the study's own term: ``d``, ``lobes-correct``.
        estimate: the number; None where there is none (see ``reason``), or where the answer is a word (``text``).
        low: lower end of the 95 % interval, or None.
        high: upper end.
        n: people or images; None where no count belongs to it.
        group: of people: ``HIV``, ``to patient``; empty for everybody.
        region: of the brain; empty for the whole, or where it does not apply.
        contrast: the comparison: ``real``, ``1`` to ``5`` in the AUD study; empty where there is one only.
        unit: of the estimate: ``mL``, ``%``, ``1``.
        direction: ``higher``, ``lower``, ``nearest`` (to ``target``); empty where no direction is better.
        target: see ``direction``.
        floor: the same metric between two halves of the real data at the same n, where that makes sense.
        rule: ``sound`` or ``paper``; the two never share a column.
        text: a word in place of a number: a verdict.
        reason: why there is no estimate.
        column: heading of the leaderboard's column that it stands in; empty: not on the leaderboard.
        by_unit: value of every person or image, by name, for paired comparisons and figures; those without a value
            are left out.

    Raises:
        ValueError: no such direction, or ``nearest`` without a target.
    """

    row: str
    kind: RowKind
    metric: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    group: str = ""
    region: str = ""
    contrast: str = ""
    unit: str = "1"
    direction: str = ""
    target: float | None = None
    floor: float | None = None
    rule: str = "sound"
    text: str = ""
    reason: str = ""
    column: str = ""
    by_unit: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.direction not in ("", "higher", "lower", "nearest"):
            raise ValueError(f"{self.metric}: direction {self.direction!r} is not higher, lower or nearest")
        if self.direction == "nearest" and self.target is None:
            raise ValueError(f"{self.metric}: 'nearest' to what? The record has no target")
        # What is stored is what was emitted: plain numbers, None for what is no number.
        for name in ("estimate", "low", "high", "target", "floor"):
            object.__setattr__(self, name, _plain(self.__dict__[name]))
        by_unit = {str(unit): _plain(value) for unit, value in self.by_unit.items()}
        object.__setattr__(self, "by_unit", {unit: value for unit, value in by_unit.items() if value is not None})

    @property
    def is_control(self) -> bool:
        """Whether its row is never ranked."""
        return self.kind not in (RowKind.METHOD, RowKind.VOLUMES)

    @property
    def loss(self) -> float:
        """The smaller the better, in the unit of the estimate; NaN where there is no estimate or no direction.

        >>> Record("a", RowKind.METHOD, "slope", 0.75, direction="nearest", target=1.0).loss
        0.25
        """
        if self.estimate is None or not self.direction:
            return float("nan")
        if self.direction == "nearest":
            return abs(self.estimate - (self.target or 0.0))
        return -self.estimate if self.direction == "higher" else self.estimate


def _plain(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
