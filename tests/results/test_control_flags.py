"""Columns that rank a useless row above every method."""

from __future__ import annotations

import pytest

from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.control_flags import Cell
from pcgm_bench.results.control_flags import flag_notes
from pcgm_bench.results.control_flags import flags
from pcgm_bench.results.control_flags import marked


def records(direction: str, **values: float) -> list[Record]:
    """One cell: rows are named after their kind."""
    target = 1.0 if direction == "nearest" else None
    return [
        Record(kind, RowKind(kind), "m", value, direction=direction, target=target) for kind, value in values.items()
    ]


@pytest.mark.parametrize(
    ("direction", "method", "control", "is_above"),
    [
        ("lower", 1.0, 0.5, True),
        ("lower", 1.0, 1.0, False),
        ("higher", 1.0, 2.0, True),
        ("higher", 1.0, 0.5, False),
        ("nearest", 1.3, 0.9, True),
        ("nearest", 0.9, 1.3, False),
        ("", 1.0, 2.0, False),
    ],
)
def test_a_control_above_every_method_is_a_flag(direction: str, method: float, control: float, is_above: bool) -> None:
    flagged = flags(records(direction, method=method, control=control))
    assert flagged == ({Cell("m", "", "", ""): ["control"]} if is_above else {})


@pytest.mark.parametrize("kind", ["ceiling", "floor", "permuted"])
def test_other_rows_may_stand_above(kind: str) -> None:
    assert not flags(records("lower", method=1.0, **{kind: 0.0}))


def test_a_study_may_name_further_useless_rows() -> None:
    cell = records("lower", method=1.0, permuted=0.0, control=2.0)
    assert list(flags(cell, {RowKind.CONTROL, RowKind.PERMUTED}).values()) == [["permuted"]]


def test_without_a_method_there_is_nothing_to_compare() -> None:
    assert not flags(records("lower", control=0.0, ceiling=1.0))


def test_notes_name_columns_and_controls() -> None:
    assert flag_notes({}) == []
    (note,) = flag_notes({"insula": ["copy-input", "noise"], "frontal": ["noise"]})
    assert note.endswith("insula: copy-input, noise; frontal: noise.")
    assert marked("insula", False) == "insula"
