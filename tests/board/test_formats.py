"""The leaderboard in every format, from files and from the command line."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from typing import ClassVar

import pytest
import typer
from board_results import board
from board_results import cells
from board_results import full_board
from board_results import identity
from board_results import result
from board_results import seeds
from typer.testing import CliRunner

from pcgm_bench import registry
from pcgm_bench.board.build import build
from pcgm_bench.board.collect import Collected
from pcgm_bench.board.collect import Provenance
from pcgm_bench.board.collect import export
from pcgm_bench.board.collect import from_folder
from pcgm_bench.board.collect import from_home
from pcgm_bench.board.render import FORMATS
from pcgm_bench.board.render import render
from pcgm_bench.cli.leaderboard import leaderboard
from pcgm_bench.contracts import BoardEntry
from pcgm_bench.contracts import UserError
from pcgm_bench.store import RunFolder


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
    one = next(row for row in rows if row["row"] == "good")
    assert float(one["value"]) == 1 / 3
    assert (one["tier"], one["n"], one["rule"], one["kind"], one["metric"]) == ("1", "8", "sound", "phantom", "err 1")
    assert next(row for row in rows if row["row"] == "oracle")["tier"] == ""


def test_latex_has_no_raw_special_characters() -> None:
    text = render(full_board(), "latex")
    assert r"<b>\&\_\%\$[bold]".replace("<", "$<$").replace("b>", "b$>$") in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}")
    bare = re.sub(r"\\label\{[^}]*\}|^%.*$", "", text, flags=re.M)
    assert not re.search(r"(?<!\\)[_#%]", bare)
    assert "\u2193" not in text


def test_the_terminal_shows_what_is_first_and_names_the_rest() -> None:
    entries = [*cells("good", 1.0), BoardEntry("good", "by lobe: insula", "lobe 1", "lower", 2.0, 1.0, 3.0)]
    found = board(result("good", entries=entries))
    assert [table.detail for table in found.sections[0].tables] == [False, True]
    assert "insula" in render(found, "terminal")


def test_many_columns_are_split_evenly_and_topics_are_kept_together() -> None:
    names = [*(f"a{i}" for i in range(8)), "by lobe: insula", "by lobe: frontal"]
    entries = [BoardEntry("good", name, f"{name} 1", "lower", 1.0, 0.5, 1.5) for name in names]
    entries.append(BoardEntry("good", "printed", "printed 1", "lower", 1.0, rule="paper"))
    tables = board(result("good", entries=entries)).sections[0].tables
    assert [len(table.columns) - 1 for table in tables] == [4, 4, 1, 2]
    assert [table.detail for table in tables] == [False, False, False, True]
    assert [column.name for column in tables[3].columns] == ["row", "insula \u2193", "frontal \u2193"]


# Files.


def test_an_exported_folder_gives_the_same_board(tmp_path: Path) -> None:
    results = [*seeds(2), result("quick", quick=True)]
    paths = export(results, tmp_path)
    assert str(paths[0].relative_to(tmp_path)) == "aud/good--phantom-aud-demo-pial-seed0-3mm-n20-00000000--seed0.json"
    again = from_folder(tmp_path)
    for form in FORMATS:
        assert render(build(again), form) == render(build(Collected(results)), form)
    assert from_folder(tmp_path, "synthesis").results == []


def test_runs_that_differ_otherwise_do_not_overwrite_each_other(tmp_path: Path) -> None:
    paths = export([result(), result(segmenter="unet-2")], tmp_path)
    assert len(set(paths)) == 2
    assert all(path.stem.endswith(from_folder(tmp_path).results[i].key) for i, path in enumerate(sorted(paths)))


def test_two_studies_of_one_cohort_are_told_apart_by_their_folder(tmp_path: Path) -> None:
    first, second = export([result(), result(study="recovery")], tmp_path)
    assert first.name == second.name
    assert [path.parent.name for path in (first, second)] == ["aud", "recovery"]


def test_no_persons_score_leaves_a_real_cohorts_home(tmp_path: Path) -> None:
    export([result(is_phantom=False, cohort="lab"), result()], tmp_path)
    kept = {one.is_phantom: [entry.by_unit for entry in one.entries] for one in from_folder(tmp_path).results}
    assert kept[False] == [None] * 3
    assert all(kept[True])
    assert "command" not in Provenance.model_fields


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text[: len(text) // 2], "not a result of this version"),
        (lambda text: text.replace('"format": 1', '"format": 9'), "result format 9"),
        (lambda text: text.replace('"study": "aud"', '"study": "toy"'), "holds a result of study toy"),
        (lambda text: text.replace('"is_phantom": true', '"is_phantom": true, "more": 1'), "not a result"),
    ],
)
def test_a_spoilt_file_is_named(tmp_path: Path, spoil: Any, said: str) -> None:
    path = export([result()], tmp_path)[0]
    path.write_text(spoil(path.read_text()))
    with pytest.raises(UserError, match=re.escape(str(path)) + f".*{said}"):
        from_folder(tmp_path)


# The home folder and the command.


class BoardStudy:
    """A study that only reads stored scores."""

    name: ClassVar[str] = "toy"
    version: ClassVar[str] = "1"

    def board(self, scores: dict[str, Any]) -> list[BoardEntry]:
        return [
            BoardEntry(row, "own scan nearest", "own-nearest", "higher", value, value - 0.1, value + 0.1, 8)
            for row, value in scores["rows"].items()
        ]


class Silent:
    """A study from before there was a leaderboard."""

    version: ClassVar[str] = "1"


@pytest.fixture
def stored(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs of all kinds: two good ones, one unfinished, one of another layout, one of a study without a board."""
    studies = {"toy": BoardStudy, "silent": Silent, "aud": BoardStudy}
    monkeypatch.setattr(registry, "get", lambda kind, name: studies[name])
    for method, rows in (("good", {"good": 0.9}), ("bad", {"bad": 0.2}), ("old", None), ("silent", {"x": 1.0})):
        study = "silent" if method == "silent" else "toy"
        folder = RunFolder.open(home, identity(method, study=study))
        scores = {"n": {"control": 4, "AUD": 4}, "detectable_d": 2.0, "rows": rows} if rows else {"other": 1}
        content = {"is_phantom": True, "skipped": {}, "warnings": [], "metrics": {"own-nearest": "1"}}
        folder.write_scores({**content, "scores": scores}, [])
    RunFolder.open(home, identity("unfinished", study="toy"))
    return home


def call(*arguments: str) -> Any:
    app = typer.Typer()
    app.command()(leaderboard)
    return CliRunner().invoke(app, list(arguments))


def test_the_home_gives_what_can_be_read_and_says_what_cannot(stored: Path) -> None:
    found = from_home(stored)
    assert [one.identity.method for one in found.results] == ["bad", "good"]
    assert found.results[0].entries[0].metric == "own-nearest 1"
    reasons = {run.split("--")[0]: why for run, why in found.left_out}
    assert "not scored yet" in reasons["unfinished"]
    assert "cannot read (KeyError: 'rows')" in reasons["old"]
    assert "has no board entries" in reasons["silent"]
    assert from_home(stored, "silent").results == []


def test_the_command_prints_writes_and_exports(stored: Path, tmp_path: Path) -> None:
    shown = call("--home", str(stored))
    assert shown.exit_code == 0, shown.output
    assert "#1 0.900" in shown.output
    assert "not scored yet" in shown.output
    out = tmp_path / "board.html"
    assert call("--home", str(stored), "--out", str(out)).exit_code == 0
    assert out.read_text().startswith("<!doctype html>")
    results = tmp_path / "leaderboard"
    assert "2 results" in call("--home", str(stored), "--export", str(results)).output
    from_file = call("--results", str(results), "--format", "csv").output
    assert from_file == call("--home", str(stored), "--format", "csv").output
    stored_json = json.loads(next(results.glob("toy/good*.json")).read_text())
    assert set(stored_json) >= {"identity", "entries", "provenance", "is_phantom", "skipped", "warnings"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--study", "aud"], "no scored run of study aud"),
        (["--format", "pdf"], "--format pdf: use one of"),
        (["--results", "/nowhere"], "no such folder"),
    ],
)
def test_the_users_mistakes_are_one_line(stored: Path, arguments: list[str], said: str) -> None:
    done = call("--home", str(stored), *arguments)
    assert isinstance(done.exception, UserError)
    assert said in str(done.exception)
