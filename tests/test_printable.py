"""Cells that a spreadsheet computes, and letters that a terminal or a page obeys, are text in every form of a table."""

from __future__ import annotations

import csv
import io
import logging
import sys

import pytest
from rich.console import Console

from pcgm_bench.cli import main as cli
from pcgm_bench.contracts import UserError
from pcgm_bench.printable import csv_cell
from pcgm_bench.printable import markdown_cell
from pcgm_bench.printable import printable
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table

FORMULAS = ("=1+1", "+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1+1", "\r=1", "\n=1", "\uff1d1+1")
PLAIN = ("-0.5 [-0.9, -0.1]", "+0.31", "-", "pcgm (volumes)", "0.5", "-1e-05", "+1.2 (!)", "-5 %", "a=b", "to AUD")
ESCAPE = "\x1b[31mred\x1b[0m\x07"
TURNED = "\u202egpj.exe\u2066"


def table(text: str) -> Table:
    """The text in every place that a table has."""
    return Table("t", text, [Column(text), Column("n")], [[text, -1.5]], [text])


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_text_in_a_csv_file(text: str) -> None:
    for row in csv.reader(io.StringIO(table(text).csv())):
        assert row[0].startswith("'")
        assert row[0].endswith(printable(text)[1:])


@pytest.mark.parametrize("text", PLAIN)
def test_other_text_and_numbers_are_as_they_were(text: str) -> None:
    assert csv_cell(text) == text
    (_head, row) = csv.reader(io.StringIO(table(text).csv()))
    assert row == [text, "-1.5"]


@pytest.mark.parametrize("text", [ESCAPE, TURNED, "two\nlines", "a\x00b", "\x9b31m", "a\u2028b"])
def test_no_form_of_a_table_has_a_control_character(text: str) -> None:
    out = io.StringIO()
    Console(file=out, width=100).print(table(text).rich())
    one = table(text)
    for form in (out.getvalue(), one.markdown(), one.csv(), one.latex(), one.html()):
        assert not [letter for letter in form if letter != "\n" and printable(letter) != letter]
    # Only a note may have several lines.
    assert len(one.csv().splitlines()) == 2
    assert len(one.markdown().splitlines()) == len(table("plain").markdown().splitlines()) + (text == "two\nlines")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", "a\\|b"),
        ("a\\|b", "a\\\\\\|b"),
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("<img src=x>", "&lt;img src=x>"),
        ("[name](http://evil)", "[name\\](http://evil)"),
        ("![](http://pixel)", "![\\](http://pixel)"),
        ("`code`", "\\`code\\`"),
        ("p <0.0001, 0.5 [0.3, 0.7]", "p <0.0001, 0.5 [0.3, 0.7]"),
    ],
)
def test_markdown_is_not_taken_for_markup(text: str, shown: str) -> None:
    assert markdown_cell(text) == shown
    assert f"| {shown} |" in table(text).markdown()


def test_an_error_and_a_message_are_one_plain_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        logging.getLogger("pcgm_bench").warning("helper: %s", ESCAPE)
        raise UserError(f"{ESCAPE}: no such\nfile")

    monkeypatch.setattr(cli, "app", fail)
    monkeypatch.setattr(sys, "argv", ["pcgm-bench"])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    said = capsys.readouterr().err
    assert said.splitlines() == [
        "pcgm-bench: helper: \\x1b[31mred\\x1b[0m\\x07",
        "pcgm-bench: \\x1b[31mred\\x1b[0m\\x07: no such file",
    ]
