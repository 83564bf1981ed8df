"""Records as tables."""

from __future__ import annotations

import pytest

from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.pivot import count
from pcgm_bench.results.pivot import pivot
from pcgm_bench.results.pivot import spread
from pcgm_bench.results.pivot import with_interval

METHOD = RowKind.METHOD
D = Record("a", METHOD, "d", 0.5, 0.25, 0.75, 20, region="insula")


def test_lines_and_columns_keep_the_order_of_the_records() -> None:
    records = [Record(row, METHOD, metric, 1.0) for row in ("b", "a") for metric in ("y", "x")]
    table = pivot(records, name="t", title="T")
    assert [column.name for column in table.columns] == ["row", "y", "x"]
    assert [row[0] for row in table.rows] == ["b", "a"]


def test_columns_that_are_asked_for_are_there_and_no_others() -> None:
    table = pivot([D, Record("b", METHOD, "p", 0.1)], name="t", title="T", columns=["d", "r"], headings={"d": "D"})
    assert [column.name for column in table.columns] == ["row", "D", "r"]
    assert table.rows == [["a", 0.5, None], ["b", None, None]]


def test_two_records_for_one_cell_are_a_fault() -> None:
    with pytest.raises(ValueError, match="two records for one cell"):
        pivot([D, D], name="t", title="T")


def test_spread_gives_an_interval_s_ends_columns_of_their_own() -> None:
    parts = spread(D, "low", "high", "n")
    assert [(part.metric, part.estimate) for part in parts] == [
        ("d", 0.5),
        ("d low", 0.25),
        ("d high", 0.75),
        ("d n", 20),
    ]
    assert {part.region for part in parts} == {"insula"}
    assert len(spread(Record("a", METHOD, "d", 0.5), "low", "high", "n")) == 1


def test_cells_are_written_as_they_are_asked_for() -> None:
    assert with_interval("+.1f")(D) == "+0.5 [+0.2, +0.8]"
    assert with_interval(factor=100)(D) == "50.00 [25.00, 75.00]"
    assert with_interval()(Record("a", METHOD, "d", 0.5)) == 0.5
    assert count(Record("a", METHOD, "n", 7.0)) == 7
    assert count(Record("a", METHOD, "n")) is None
