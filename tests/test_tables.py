"""One table model, three ways to write it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from pcgm_bench.tables import Column
from pcgm_bench.tables import Table

TABLE = Table(
    "demo",
    "A | title [95 %]",
    [Column("lobe"), Column("d", signed=True), Column("p", 4, p_value=True), Column("n")],
    [["insula|left", -0.98765, 0.00001, 7], ["[bold]", -0.001, 0.5, None], ["nan", float("nan"), 0.0123, 3]],
    ["note"],
)


def test_markdown_rounds_escapes_and_marks_the_missing() -> None:
    lines = TABLE.markdown().splitlines()
    assert lines[4] == "| insula\\|left | -0.99 | <0.0001 | 7 |"
    assert lines[5] == "| [bold] | +0.00 | 0.5000 | - |"
    assert lines[6] == "| nan | - | 0.0123 | 3 |"
    assert lines[-1] == "note"


def test_csv_keeps_numbers_whole_and_the_missing_empty() -> None:
    assert TABLE.csv().splitlines() == [
        "lobe,d,p,n",
        "insula|left,-0.98765,1e-05,7",
        "[bold],-0.001,0.5,",
        "nan,,0.0123,3",
    ]


def test_rich_prints_text_not_markup() -> None:
    out = io.StringIO()
    Console(file=out, width=100).print(TABLE.rich())
    assert "[bold]" in out.getvalue()
    assert "A | title [95 %]" in out.getvalue()
    assert "note" in out.getvalue()


def test_a_row_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells under 2 headings"):
        Table("t", "t", [Column("a"), Column("b")], [["x"]])
