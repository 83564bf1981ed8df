"""The leaderboard: what may share a table, what is shown as missing, seeds, references, formats, files."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from typing import ClassVar

import pytest
import typer
from typer.testing import CliRunner

from pcgm_bench import registry
from pcgm_bench.board import paper
from pcgm_bench.board.build import Board
from pcgm_bench.board.build import build
from pcgm_bench.board.collect import Collected
from pcgm_bench.board.collect import Provenance
from pcgm_bench.board.collect import Result
from pcgm_bench.board.collect import export
from pcgm_bench.board.collect import from_folder
from pcgm_bench.board.collect import from_home
from pcgm_bench.board.render import FORMATS
from pcgm_bench.board.render import render
from pcgm_bench.cli.leaderboard import leaderboard
from pcgm_bench.contracts import BoardEntry
from pcgm_bench.contracts import UserError
from pcgm_bench.store import Identity
from pcgm_bench.store import RunFolder

NASTY = "<b>&_%$[bold]"


def identity(method: str = "good", **changes: Any) -> Identity:
    known: dict[str, Any] = {
        "method": method,
        "generators": {method: f"1-{method}", "copy-input": "1-copy", "oracle": "1-oracle"},
        "study": "aud",
        "study_version": "1",
        "metrics": {"own-nearest": "1"},
        "cohort": "phantom-aud-demo-pial-seed0-3mm-n20-0123abcd",
        "cohort_hash": "c0",
        "segmenter": "unet-1",
        "seed": 0,
        "quick": False,
        "device": "cpu",
        "threads": 1,
        "package": "0.1.0",
    }
    return Identity(**{**known, **changes})


def cells(method: str, error: float, control: float = 9.0) -> list[BoardEntry]:
    """One column of errors on eight people: the method's, a control's and the oracle's."""
    rows = ((method, error, False), ("copy-input", control, True), ("oracle", 0.0, True))
    return [
        BoardEntry(
            row, "error, %", "err 1", "lower", value, value - 0.1, value + 0.1, 8, floor=0.2, is_control=is_control,
            by_unit={f"p{i}": value + i / 1000 for i in range(8)},
        )
        for row, value, is_control in rows
    ]  # fmt: skip


def result(method: str = "good", error: float = 1.0, entries: list[BoardEntry] | None = None, **changes: Any) -> Result:
    extra = {
        key: changes.pop(key)
        for key in ("is_phantom", "skipped", "warnings", "sizes", "detectable_d")
        if key in changes
    }
    return Result(
        identity=identity(method, **changes),
        entries=cells(method, error) if entries is None else entries,
        **{"is_phantom": True, **extra},
    )


def board(*results: Result) -> Board:
    return build(Collected(list(results)))


def texts(one: Board, section: int = 0, table: int = 0) -> dict[str, list[str]]:
    """Row name -> printed cells of one table."""
    return {str(row[0]): row[1:] for row in one.sections[section].tables[table].printed()}


# What may share a table.


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"study_version": "2"}, "study version"),
        ({"segmenter": "unet-2"}, "segmenter"),
        ({"cohort": "other"}, "cohort"),
        ({"cohort_hash": "c1"}, "cohort content"),
        ({"quick": True}, "quick or full"),
        ({"is_phantom": False}, "phantom or real"),
        ({"seed": 1}, "seed"),
    ],
)
def test_what_differs_never_shares_a_table_and_the_board_says_why(change: dict[str, Any], why: str) -> None:
    found = board(result("good", 1.0), result("bad", 5.0, **change))
    sections = [section for section in found.sections if "mean over seeds" not in section.title]
    assert len(sections) == 2
    for section in sections:
        names = {str(row[0]) for table in section.tables for row in table.rows}
        assert len(names & {"good", "bad"}) == 1
        assert any(f"({why})" in note for note in section.notes)
    assert [table.name for table in found.general] == ["apart", "runs"]


def test_what_is_equal_shares_a_table_and_controls_are_one_row() -> None:
    found = board(result("good", 1.0), result("bad", 5.0))
    assert len(found.sections) == 1
    assert texts(found) == {
        "good": ["#1 1 [0.900, 1.10]"],
        "bad": ["#2 5 [4.90, 5.10]"],
        "copy-input (control)": ["9 [8.90, 9.10]"],
        "oracle (control)": ["0 [-0.100, 0.100]"],
        "real against real": ["0.200"],
    }
    assert found.sections[0].pairs[0].rows[0][1:3] == ["good", "bad"]
    assert "paired, n = 8" in found.sections[0].pairs[0].rows[0]


def test_another_metric_version_rule_or_target_is_another_column() -> None:
    for change in ({"metric": "err 2"}, {"rule": "paper"}, {"direction": "higher"}, {"target": 1.0}):
        other = [replace(entry, **change) for entry in cells("bad", 5.0)]
        found = board(result("good", 1.0), result("bad", entries=other))
        assert len(found.sections[0].judged) == 2
        assert all(not column.tiers for column in found.sections[0].judged), change
        tables = {str(table.rows) for table in found.sections[0].tables}
        assert ("paper" in str(change)) == (len(tables) == 2)


def test_a_row_that_came_out_differently_is_two_rows() -> None:
    edited = result("good", 1.5, generators={"good": "2-good"})
    found = texts(board(result("good", 1.0), edited))
    assert {f"good [{one.key[:4]}]" for one in (edited, result("good", 1.0))} <= set(found)
    assert "copy-input (control)" in found


# What is missing.


def test_what_is_missing_is_shown_as_missing_with_the_reason() -> None:
    skipped = result("bad", entries=cells("bad", 1)[1:], skipped={"bad": "bad draws no images"})
    partly = result("half", entries=[replace(cells("half", 1.0)[0], value=None, low=None, high=None, by_unit=None)])
    found = board(result(), skipped, partly)
    assert texts(found)["bad"] == ["missing"]
    assert texts(found)["half"] == ["missing"]
    assert "bad: not run: bad draws no images." in found.sections[0].tables[0].notes
    assert "half" not in found.sections[0].judged[0].tiers


def test_a_method_without_a_cell_is_missing_and_a_control_is_not_expected() -> None:
    more = BoardEntry("good", "speed, s", "speed 1", "lower", 3.0)
    found = texts(board(result("good", entries=[*cells("good", 1.0), more]), result("bad", 5.0)))
    assert found["bad"][1] == "missing"
    assert found["oracle (control)"][1] == "-"
    assert found["good"][1] == "3"


def test_a_warning_a_size_and_a_kind_are_said() -> None:
    one = result(warnings=["people differ"], sizes={"control": 100, "AUD": 100}, detectable_d=0.4964)
    section = board(one).sections[0]
    assert any("With n = 100 + 100 you could see a group difference of d >= 0.50" in note for note in section.notes)
    assert "Warning: people differ." in section.notes
    assert "PHANTOM" in section.title
    assert "PHANTOM" in section.tables[0].title
    assert "QUICK" in board(result(quick=True)).sections[0].tables[0].title
    assert "real scans" in board(result(is_phantom=False)).sections[0].title


# Controls.


def test_a_control_above_every_method_flags_the_column() -> None:
    found = board(result("good", entries=cells("good", 1.0, control=0.5)))
    assert found.sections[0].tables[0].columns[1].name.startswith("! error")
    assert "copy-input 0.500, best method good 1; separable" in found.sections[0].tables[0].notes[0]
    near = board(result("good", entries=[replace(e, by_unit=None) for e in cells("good", 1.0, control=0.99)]))
    assert near.sections[0].tables[0].columns[1].name.startswith("(!) error")


@pytest.mark.parametrize("name", ["oracle", "other-half", "real", "good (volumes)"])
def test_the_truth_and_a_methods_own_part_may_stand_above(name: str) -> None:
    entries = [
        entry if entry.is_control is False else replace(entry, row=name, value=0.0) for entry in cells("good", 1)
    ]
    assert "!" not in board(result("good", entries=entries[:2])).sections[0].tables[0].columns[1].name


def test_an_oracle_below_a_method_flags_the_column() -> None:
    entries = [
        replace(e, value=20.0, by_unit=None, low=19.0, high=21.0) if e.row == "oracle" else e for e in cells("good", 1)
    ]
    table = board(result("good", entries=entries)).sections[0].tables[0]
    assert table.columns[1].name.startswith("! error")
    assert table.notes[0].startswith("! The truth itself stands below a method")


def test_a_control_is_never_ranked_however_good() -> None:
    column = (
        board(result("good", entries=cells("good", 1.0, control=0.1)), result("bad", 5.0, cells("bad", 5.0, 0.1)))
        .sections[0]
        .judged[0]
    )
    assert set(column.tiers) == {"good", "bad"}


# Seeds.


def seeds(count: int, **changes: Any) -> list[Result]:
    found = []
    for seed in range(count):
        cohort = f"phantom-aud-demo-pial-seed{seed}-3mm-n20-{seed:08x}"
        found += [
            result(name, error + seed / 10, cohort=cohort, cohort_hash=f"c{seed}", seed=seed, **changes)
            for name, error in (("good", 1.0), ("bad", 5.0))
        ]
    return found


def test_seeds_are_shown_each_and_averaged_where_all_are_there() -> None:
    found = board(*seeds(3))
    assert [section.number for section in found.sections] == ["1", "2", "3", "1+2+3"]
    mean = texts(found, 3)
    assert mean["good"] == ["#1 1.10 (1 to 1.20)"]
    assert mean["bad"] == ["#1 5.10 (5 to 5.20)"]  # three seeds cannot tell anything apart
    assert "n = 3 seeds" in found.sections[3].tables[0].title
    assert texts(board(*seeds(8)), 8)["bad"][0].startswith("#2 ")


def test_a_mean_never_passes_over_a_missing_seed_or_another_version() -> None:
    runs = seeds(3)
    lost = [replace(runs[4].entries[0], value=None), *runs[4].entries[1:]]
    runs[4] = runs[4].model_copy(update={"entries": lost})
    assert texts(board(*runs), 3)["good"] == ["missing"]
    edited = seeds(2)
    edited[3] = result("bad", 5.0, seed=1, cohort=edited[2].identity.cohort, cohort_hash="c1", generators={"bad": "2"})
    names = texts(board(*edited), 2)
    assert "good" in names
    assert "bad" not in names


def test_seeds_of_other_recipes_are_not_averaged() -> None:
    null = result(cohort="phantom-aud-null-pial-seed1-3mm-n20-0123abcd", cohort_hash="c1", seed=1)
    assert len(board(result(), null).sections) == 2
    real = [result(is_phantom=False, cohort="lab", cohort_hash=hashed, seed=i) for i, hashed in enumerate("ab")]
    assert len(board(*real).sections) == 2
    real = [result(is_phantom=False, cohort="lab", cohort_hash="a", seed=i) for i in range(2)]
    assert "the same people, another start" in board(*real).sections[2].notes[0]


# The paper.


def test_paper_tables_are_complete_and_sourced() -> None:
    shapes = {"table1": (7, 6), "table2": (4, 3), "table3": (3, 5), "figure3": (3, 1)}
    for name in paper.NAMES:
        table = paper.paper_table(name)
        assert {len(row) for row in table.rows.values()} == {len(table.columns)}
        assert (len(table.rows), len(table.columns)) == shapes[name]
        assert table.item[-1] == name[-1]
        assert table.section.startswith("4.")
    one, two = paper.paper_table("table1"), paper.paper_table("table2")
    assert one.value("M-LDM", "image MMD") == 3432589
    assert min(one.rows, key=lambda row: one.value(row, "image MMD")) == "VAE-GAN"
    assert sum(min(one.rows, key=lambda row: one.value(row, c.name)) == "PCGM" for c in one.columns) == 4
    for row in two.rows:
        assert two.value(row, "overall") == (two.value(row, "real") + two.value(row, "synthetic")) / 2
    for index in range(3):
        experts = [float(two.rows[f"expert {i}"][index][:-1]) for i in (1, 2, 3)]
        assert float(two.rows["average"][index][:-1]) == pytest.approx(sum(experts) / 3)


def test_paper_table_3_agrees_with_its_p_values() -> None:
    from importlib.resources import files

    with (files("pcgm_bench.studies") / "paper_tables" / "table3_correct.tsv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert len(rows) == 15
    for row in rows:
        assert paper.paper_table("table3").value(row["method"], row["column"]) == float(row["correct"])


def test_paper_rows_stand_apart_and_enter_no_ranking() -> None:
    found = board(result("good", 1.0), result("bad", 5.0))
    assert [table.name for table in found.references] == ["paper-table3"]
    reference = found.references[0]
    assert reference.faint == frozenset(range(3))
    assert all(str(row[0]).endswith(" (paper)") for row in reference.rows)
    assert not any("paper" in str(row[0]) for section in found.sections for t in section.tables for row in t.rows)
    assert "(paper)" not in render(found, "csv")
    assert board(result(study="toy")).references == []


# Formats.


def full_board() -> Board:
    strange = result(NASTY, 3.0, warnings=[NASTY], skipped={"lost": NASTY})
    return build(Collected([result("good", 1.0), strange, *seeds(2)[2:]], [("run", NASTY)]))


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
    studies = {"toy": BoardStudy, "silent": Silent}
    monkeypatch.setattr(registry, "get", lambda kind, name: studies[name])
    for method, rows in (("good", {"good": 0.9}), ("bad", {"bad": 0.2}), ("old", None), ("silent", {"x": 1.0})):
        study = "silent" if method == "silent" else "toy"
        folder = RunFolder.open(home, identity(method, study=study))
        scores = {"n": {"control": 4, "AUD": 4}, "detectable_d": 2.0, "rows": rows} if rows else {"other": 1}
        folder.write_scores({"is_phantom": True, "skipped": {}, "warnings": [], "scores": scores}, [])
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
