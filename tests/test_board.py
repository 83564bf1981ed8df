"""The leaderboard: what may share a table, what is shown as missing, seeds, references."""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import Any

import pytest
from board_results import board
from board_results import cells
from board_results import result
from board_results import seeds
from board_results import texts

from pcgm_bench.board import paper
from pcgm_bench.board.render import render
from pcgm_bench.contracts import BoardEntry


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
        for study in table.studies:
            titles = [reference.title for reference in paper.reference_tables(study)]
            assert any(f"{table.item} (section {table.section})" in title for title in titles)
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
    # People read brains of the synthesis study: what the paper's readers said stands there.
    assert [table.name for table in board(result(study="synthesis")).references] == ["paper-table1", "paper-table2"]


# Formats.
