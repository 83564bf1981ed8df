"""The leaderboard: what may share a table, what is shown as missing, seeds, references."""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import Any

import pytest
from board_results import board
from board_results import cells
from board_results import record
from board_results import result
from board_results import seeds
from board_results import texts

from pcgm_bench.board import paper
from pcgm_bench.board.render import render
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind


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
    for change in (
        {"metric": "err 2"},
        {"rule": "paper"},
        {"direction": "higher"},
        {"direction": "nearest", "target": 1.0},
    ):
        other = [replace(entry, **change) for entry in cells("bad", 5.0)]
        found = board(result("good", 1.0), result("bad", records=other))
        assert len(found.sections[0].judged) == 2
        assert all(not column.tiers for column in found.sections[0].judged), change
        tables = {str(table.rows) for table in found.sections[0].tables}
        assert ("paper" in str(change)) == (len(tables) == 2)


def test_a_row_that_came_out_differently_is_two_rows() -> None:
    edited = result("good", 1.5, generators={"good": "2-good"})
    found = texts(board(result("good", 1.0), edited))
    assert {f"good [{run.key[:4]}]" for run in (edited, result("good", 1.0))} <= set(found)
    assert "copy-input (control)" in found


def test_another_instruction_set_is_comparable_and_said() -> None:
    """Numbers differ in the eighth digit: controls stay one row."""
    moved = [
        replace(
            entry, estimate=entry.estimate * (1 + 3e-8), by_unit={k: v * (1 + 1e-8) for k, v in entry.by_unit.items()}
        )
        for entry in cells("bad", 5.0)
    ]
    first, second = result("good", 1.0, instructions="AVX2"), result("bad", records=moved, instructions="AVX512")
    found = board(first, second)
    assert set(texts(found)) == {"good", "bad", "copy-input (control)", "oracle (control)", "real against real"}
    assert any("instruction sets (AVX2: good; AVX512: bad)" in note for note in found.sections[0].notes)
    assert found.sections[0].judged[0].pairs
    same = result("bad", records=moved, instructions="AVX2")
    assert any("copy-input [" in name for name in texts(board(first, same)))
    far = [replace(entry, estimate=entry.estimate + 0.01) for entry in moved]
    assert any("copy-input [" in n for n in texts(board(first, result("bad", records=far, instructions="AVX512"))))


def test_results_of_an_older_version_stand_apart() -> None:
    old = result("bad", 5.0, format=1, package="0.1.0")
    found = board(result("good", 1.0), old)
    assert len(found.sections) == 2
    assert not any(section.pairs for section in found.sections)
    assert "MADE BY 0.1.0" in found.sections[1].title
    assert "made by 0.1.0" in found.sections[1].tables[0].title
    assert any("made by pcgm-bench 0.1.0" in note for note in found.sections[1].notes)
    assert any("(version of pcgm-bench)" in note for note in found.sections[0].notes)
    seeds_of_both = board(result(seed=0), result(seed=1, format=1, package="0.1.0"))
    assert len(seeds_of_both.sections) == 2


def test_package_and_version_of_a_method_are_shown() -> None:
    runs = board(result("good", 1.0, packages={"good": "acme-brains 2.5"})).general[-1]
    assert runs.name == "runs"
    assert "acme-brains 2.5" in runs.rows[0]


# What is missing.


def test_what_is_missing_is_shown_as_missing_with_the_reason() -> None:
    skipped = result("bad", records=cells("bad", 1)[1:], missing={"bad": "bad draws no images"})
    partly = result("half", records=[replace(cells("half", 1.0)[0], estimate=None, low=None, high=None, by_unit={})])
    found = board(result(), skipped, partly)
    assert texts(found)["bad"] == ["missing"]
    assert texts(found)["half"] == ["missing"]
    assert "bad: not run: bad draws no images." in found.sections[0].tables[0].notes
    assert "half" not in found.sections[0].judged[0].tiers


def test_a_method_without_a_cell_is_missing_and_a_control_is_not_expected() -> None:
    more = record("good", "speed, s", "speed 1", "lower", 3.0)
    found = texts(board(result("good", records=[*cells("good", 1.0), more]), result("bad", 5.0)))
    assert found["bad"][1] == "missing"
    assert found["oracle (control)"][1] == "-"
    assert found["good"][1] == "3"


def test_a_warning_a_size_and_a_kind_are_said() -> None:
    facts = [
        Record("", RowKind.REAL, "detectable-d", 0.5, column="detectable d", text="With n = 9 + 9 you see d >= 0.50."),
        Record("", RowKind.REAL, "n", 100, column="people", group="AUD"),
    ]
    shown = result(records=[*cells("good", 1.0), *facts], warnings=["people differ"], unmeasured={"fid": "no images"})
    section = board(shown).sections[0]
    assert {"With n = 9 + 9 you see d >= 0.50.", "people, AUD: 100.", "fid: not measured: no images."} <= set(
        section.notes
    )
    assert len(section.judged) == 1
    assert "Warning: people differ." in section.notes
    assert "PHANTOM" in section.title
    assert "PHANTOM" in section.tables[0].title
    assert "QUICK" in board(result(quick=True)).sections[0].tables[0].title
    assert "real scans" in board(result(is_phantom=False)).sections[0].title


# Controls.


def test_a_control_above_every_method_flags_the_column() -> None:
    found = board(result("good", records=cells("good", 1.0, control=0.5)))
    assert found.sections[0].tables[0].columns[1].name.startswith("! error")
    assert "copy-input 0.500, best method good 1; separable" in found.sections[0].tables[0].notes[0]
    near = board(result("good", records=[replace(e, by_unit={}) for e in cells("good", 1.0, control=0.99)]))
    assert near.sections[0].tables[0].columns[1].name.startswith("(!) error")


@pytest.mark.parametrize("kind", sorted(set(RowKind) - {RowKind.METHOD, RowKind.CONTROL}))
def test_the_truth_and_a_methods_own_part_may_stand_above(kind: RowKind) -> None:
    method, other, _ = cells("good", 1)
    column = board(result("good", records=[method, replace(other, kind=kind, estimate=0.0)])).sections[0].judged[0]
    assert column.flag is None
    assert column.tiers == {}
    above = board(result("good", records=[method, replace(other, estimate=0.0)])).sections[0].judged[0]
    assert above.flag is not None


def test_a_causal_model_alone_is_not_ranked_and_no_control() -> None:
    method, other, _ = cells("good", 1)
    alone = replace(other, row="good (volumes)", kind=RowKind.VOLUMES)
    found = board(result("good", records=[method, alone]), result("bad", 5.0))
    assert texts(found)["good (volumes)"] == ["9 [8.90, 9.10]"]
    assert 2 in found.sections[0].tables[0].faint


def test_a_column_without_a_direction_is_shown_and_ranks_nobody() -> None:
    records = [replace(entry, direction="") for entry in cells("good", 1.0)]
    column = board(result("good", records=records), result("bad", records=[replace(records[0], row="bad")])).sections[0]
    assert column.tables[0].columns[1].name == "error, %"
    assert column.judged[0].tiers == {}
    assert column.judged[0].flag is None


def test_an_oracle_below_a_method_flags_the_column() -> None:
    entries = [
        replace(e, estimate=20.0, by_unit={}, low=19.0, high=21.0) if e.row == "oracle" else e for e in cells("good", 1)
    ]
    table = board(result("good", records=entries)).sections[0].tables[0]
    assert table.columns[1].name.startswith("! error")
    assert table.notes[0].startswith("! The truth itself stands below a method")


def test_a_control_is_never_ranked_however_good() -> None:
    column = (
        board(result("good", records=cells("good", 1.0, control=0.1)), result("bad", 5.0, cells("bad", 5.0, 0.1)))
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
    lost = [replace(runs[4].records[0], estimate=None), *runs[4].records[1:]]
    runs[4] = runs[4].model_copy(update={"records": lost})
    assert texts(board(*runs), 3)["good"] == ["missing"]
    edited = seeds(2)
    edited[3] = result("bad", 5.0, seed=1, cohort=edited[2].label.cohort, cohort_hash="c1", generators={"bad": "2"})
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
