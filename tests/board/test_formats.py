"""The leaderboard in every format."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser

import pytest
from board_results import board
from board_results import cells
from board_results import full_board
from board_results import record
from board_results import result

from pcgm_bench.board.render import FORMATS
from pcgm_bench.board.render import render
from pcgm_bench.contracts import UserError


class Balanced(HTMLParser):
    """Fails on a tag that is not closed, or not by its own name."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag != "b", "text became a tag"
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_format_has_every_method_and_is_the_same_every_time() -> None:
    found = full_board()
    for form in FORMATS:
        text = render(found, form)
        assert "good" in text
        assert text == render(full_board(), form)
        assert text.endswith("\n")
    with pytest.raises(UserError, match="use one of terminal, markdown, csv, latex, html"):
        render(found, "pdf")


def test_html_is_one_file_and_escapes() -> None:
    text = render(full_board(), "html")
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    assert "&lt;b&gt;&amp;_%$[bold]" in text
    assert not re.search(r"(src|href)=\"(?!#)|<script|@import|url\(", text)
    assert "<svg" in text
    identifiers = re.findall(r' id="([^"]+)"', text)
    assert len(identifiers) == len(set(identifiers))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(identifiers)


def test_csv_is_one_line_a_cell_and_keeps_numbers_whole() -> None:
    rows = list(csv.DictReader(io.StringIO(render(board(result("good", 1 / 3), result("bad", 5.0)), "csv"))))
    assert len(rows) == 4
    line = next(row for row in rows if row["row"] == "good")
    assert float(line["estimate"]) == 1 / 3
    assert (line["tier"], line["n"], line["rule"], line["kind"], line["metric"]) == (
        "1",
        "8",
        "sound",
        "phantom",
        "err 1",
    )
    assert (line["row_kind"], line["made_by"]) == ("method", "")
    assert next(row for row in rows if row["row"] == "oracle")["tier"] == ""


def test_latex_has_no_raw_special_characters() -> None:
    text = render(full_board(), "latex")
    assert r"<b>\&\_\%\$[bold]".replace("<", "$<$").replace("b>", "b$>$") in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}")
    bare = re.sub(r"\\label\{[^}]*\}|^%.*$", "", text, flags=re.M)
    assert not re.search(r"(?<!\\)[_#%]", bare)
    assert "\u2193" not in text


def test_the_terminal_shows_what_is_first_and_names_the_rest() -> None:
    records = [*cells("good", 1.0), record("good", "by lobe: insula", "lobe 1", "lower", 2.0, 1.0, 3.0)]
    found = board(result("good", records=records))
    assert [table.detail for table in found.sections[0].tables] == [False, True]
    assert "insula" in render(found, "terminal")


def test_many_columns_are_split_evenly_and_topics_are_kept_together() -> None:
    names = [*(f"a{i}" for i in range(8)), "by lobe: insula", "by lobe: frontal"]
    records = [record("good", name, f"{name} 1", "lower", 1.0, 0.5, 1.5) for name in names]
    records.append(record("good", "printed", "printed 1", "lower", 1.0, rule="paper"))
    tables = board(result("good", records=records)).sections[0].tables
    assert [len(table.columns) - 1 for table in tables] == [4, 4, 1, 2]
    assert [table.detail for table in tables] == [False, False, False, True]
    assert [column.name for column in tables[3].columns] == ["row", "insula \u2193", "frontal \u2193"]
