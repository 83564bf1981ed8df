"""One table model, five ways to write it."""

from __future__ import annotations

import dataclasses
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


def test_latex_escapes_and_greys() -> None:
    table = Table(
        "t", "50 % of a_b", [Column("x & y"), Column("n")], [["~^\\{}", 1], ["a|b\u2191", None]], ["#1"], faint={1}
    )
    assert table.latex().splitlines() == [
        r"\begin{table}",
        r"\caption{50 \% of a\_b}\label{tab:t}",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"x \& y & n \\",
        r"\midrule",
        r"\textasciitilde{}\textasciicircum{}\textbackslash{}\{\} & 1 \\",
        r"\textcolor{gray}{a$|$b$\uparrow$} & \textcolor{gray}{-} \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\footnotesize \#1",
        r"\end{table}",
    ]


def test_html_escapes_marks_and_greys() -> None:
    table = Table("t", "<i>", [Column("a"), Column("n")], [["<b>", 1], ["x", None]], ["a & b"], faint={1})
    text = table.html({(0, 1): "first"})
    assert '<figure class="table" id="t">' in text
    assert "<figcaption>&lt;i&gt;</figcaption>" in text
    assert '<tr><th scope="row">&lt;b&gt;</th><td class="first num">1</td></tr>' in text
    assert '<tr class="faint"><th scope="row">x</th><td class="num missing">-</td></tr>' in text
    assert '<ul class="notes"><li>a &amp; b</li></ul>' in text
    assert "notes" not in dataclasses.replace(table, notes=()).html()


def test_faint_rows_are_dim_in_the_terminal() -> None:
    table = Table("t", "t", [Column("a")], [["loud"], ["quiet"]], faint={1})
    out = io.StringIO()
    Console(file=out, width=40, force_terminal=True, color_system="standard").print(table.rich())
    lines = out.getvalue().splitlines()
    assert "\x1b[2m" in next(line for line in lines if "quiet" in line)
    assert "\x1b[2m" not in next(line for line in lines if "loud" in line)
