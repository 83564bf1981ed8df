"""The rows of the AUD study, in the order of its tables."""

from __future__ import annotations

from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind

REAL = "real"
ORACLE = "oracle"
COPY = "copy-input"
RANDOM = "random-other"
ALL_PERMUTED = "labels permuted before everything"

CONTROLS = (
    Row(ORACLE, RowKind.CEILING, ORACLE),
    Row(COPY, RowKind.CONTROL, COPY),
    Row(RANDOM, RowKind.CONTROL, RANDOM),
    Row("tissue-edit", RowKind.CHEAT, "tissue-edit"),
    Row("one-patch", RowKind.CHEAT, "one-patch"),
)
OTHER_CHEATS = ("half-dose", "double-dose", "do-nothing", "planted-edit")
"""Cheats that are no row of their own for want of time: run as a method they stand as what they are."""


def rows_of(method: str) -> list[Row]:
    """All rows of a run of this method; a control that is run as the method stands once, as what it is.

    >>> [row.name for row in rows_of("copy-input")][:4]
    ['real', 'copy-input', 'oracle', 'random-other']
    """
    controls = {row.name: row for row in CONTROLS}
    kind = RowKind.CHEAT if method in OTHER_CHEATS else RowKind.METHOD
    mine = controls.pop(method, Row(method, kind, method))
    real = Row(REAL, RowKind.REAL)
    if mine.kind is RowKind.CHEAT:  # its causal model is PCGM's, or none
        return [real, mine, *controls.values()]
    return [
        real,
        mine,
        *controls.values(),
        Row(f"{method} (volumes)", RowKind.VOLUMES, method, makes_images=False),
        Row(f"{method} (volumes, labels permuted)", RowKind.PERMUTED, method, makes_images=False, fits_permuted=True),
        Row(ALL_PERMUTED, RowKind.PERMUTED, method, makes_images=False, fits_permuted=True, asks_permuted=True),
    ]
