"""Columns in which no cheat is told from the truth, and what a method is better in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.cheats import Cheats
from pcgm_bench.results.cheats import is_better


def record(row: str, kind: RowKind, value: float, half: float = 0.1, metric: str = "error") -> Record:
    return Record(row, kind, metric, value, value - half, value + half, direction="lower")


ORACLE = record("oracle", RowKind.CEILING, 0.1)
CHEAT = record("tissue-edit", RowKind.CHEAT, 0.9)
MINE = record("mine", RowKind.METHOD, 0.3)


def test_a_column_that_a_cheat_fails_is_evidence() -> None:
    assert Cheats.of([ORACLE, CHEAT]).blind == frozenset()
    assert Cheats.of([ORACLE, replace(CHEAT, estimate=0.15, low=0.05, high=0.25)]).blind == {"error"}


def test_one_cheat_is_enough() -> None:
    near = replace(record("one-patch", RowKind.CHEAT, 0.12))
    assert Cheats.of([ORACLE, near]).blind == {"error"}
    assert Cheats.of([ORACLE, near, CHEAT]).blind == frozenset()


def test_a_word_of_failure_is_enough_unless_the_oracle_fails_too() -> None:
    verdict = Record("one-patch", RowKind.CHEAT, "verdict", 0, direction="higher", text="fail")
    oracle = Record("oracle", RowKind.CEILING, "verdict", 2, direction="higher", text="pass")
    assert Cheats.of([oracle, verdict]).blind == frozenset()
    assert Cheats.of([replace(oracle, text="fail", estimate=0), verdict]).blind == {"verdict"}
    assert Cheats.of([oracle, replace(verdict, text="inconclusive", estimate=1)]).blind == {"verdict"}


def test_nothing_is_said_without_cheats_or_without_a_direction() -> None:
    assert Cheats.of([ORACLE, MINE]).columns == ()
    assert Cheats.of([ORACLE, MINE]).notes({}) == []
    assert Cheats.of([replace(ORACLE, direction=""), replace(CHEAT, direction="")]).columns == ()


def test_without_an_oracle_a_number_is_neither_failure_nor_success() -> None:
    for rivals in ([CHEAT, MINE], [CHEAT, MINE, replace(ORACLE, estimate=None, low=None, high=None)]):
        told = Cheats.of(rivals)
        assert told.columns == ()
        assert told.beaten["mine"]["tissue-edit"] == ["error"]


def test_without_an_oracle_words_are_judged() -> None:
    said = [replace(CHEAT, estimate=None, low=None, high=None, text=text) for text in ("pass", "fail")]
    assert [Cheats.of([cheat]).blind for cheat in said] == [{"error"}, set()]


def test_the_line_says_where_a_method_is_better() -> None:
    same = [
        record(row, kind, 0.2, metric="share") for row, kind in (("mine", RowKind.METHOD), ("oracle", RowKind.CEILING))
    ]
    cheat = record("tissue-edit", RowKind.CHEAT, 0.2, metric="share")
    notes = Cheats.of([ORACLE, CHEAT, MINE, *same, cheat]).notes({"error": "map error"})
    assert notes[0].startswith("(no evidence)")
    assert notes[0].endswith("share.")
    assert notes[1] == "mine is significantly better than tissue-edit in map error."
    assert Cheats.of([*same, cheat]).notes({})[1] == "mine is significantly better than tissue-edit in no column."


def test_people_are_compared_one_by_one_where_both_rows_have_them() -> None:
    people = {str(k): 0.1 * k for k in range(8)}
    first = replace(record("a", RowKind.METHOD, 0.35, 0.3), by_unit=people)
    second = replace(
        record("b", RowKind.CHEAT, 0.45, 0.3), by_unit={k: v + 0.1 + 0.001 * int(k) for k, v in people.items()}
    )
    assert is_better(first, second)
    assert not is_better(second, first)
    assert not is_better(replace(first, by_unit={}), second)


@pytest.mark.parametrize(("estimate", "better"), [(1.02, True), (1.3, False)])
def test_nearest_is_to_the_target_from_either_side(estimate: float, better: bool) -> None:
    dose = Record(
        "a", RowKind.METHOD, "dose", estimate, estimate - 0.05, estimate + 0.05, direction="nearest", target=1.0
    )
    low = Record("b", RowKind.CHEAT, "dose", 0.7, 0.65, 0.75, direction="nearest", target=1.0)
    assert is_better(dose, low) == better


def rows_of_people(gains: list[float], direction: str = "lower") -> tuple[Record, Record]:
    """A method that is better than a cheat by these amounts, person by person, with intervals that meet."""
    sign = 1 if direction == "lower" else -1
    mine = {str(k): 1.0 for k in range(len(gains))}
    theirs = {str(k): 1.0 + sign * gain for k, gain in enumerate(gains)}
    better = sum(gains) / len(gains)
    rows = []
    for row, kind, values, mean in (
        ("a", RowKind.METHOD, mine, 1.0),
        ("b", RowKind.CHEAT, theirs, 1.0 + sign * better),
    ):
        rows.append(Record(row, kind, "error", mean, mean - 9, mean + 9, direction=direction, by_unit=values))
    return rows[0], rows[1]


@pytest.mark.parametrize("direction", ["lower", "higher"])
def test_fewer_than_five_people_are_not_compared_one_by_one(direction: str) -> None:
    four, five = ([0.1, 0.11, 0.1, 0.11, 0.1][:n] for n in (4, 5))
    assert not is_better(*rows_of_people(four, direction))
    assert is_better(*rows_of_people(five, direction))
    assert not is_better(*reversed(rows_of_people(five, direction)))


@pytest.mark.parametrize(("t", "better"), [(2.5, False), (3.0, True)])
def test_few_people_are_judged_by_the_t_distribution(t: float, better: bool) -> None:
    spread = [-1.0, -0.5, 0.0, 0.5, 1.0]  # s.d. .79, standard error .354; t of 4 degrees at 97.5 %: 2.776
    gains = [t * 0.35355 + value for value in spread]
    assert is_better(*rows_of_people(gains)) == better


@pytest.mark.parametrize(("word", "sees"), [("fail", True), ("no", True), ("wrong", True), ("pass", False)])
def test_the_words_of_failure(word: str, sees: bool) -> None:
    oracle = Record("oracle", RowKind.CEILING, "verdict", None, direction="higher", text="pass")
    cheat = Record("one-patch", RowKind.CHEAT, "verdict", None, direction="higher", text=word)
    assert (Cheats.of([oracle, cheat]).blind == frozenset()) == sees


def test_a_column_of_several_cells_is_evidence_if_one_of_them_is() -> None:
    blind = [replace(one, metric="insula", estimate=0.1, low=0.0, high=0.2) for one in (ORACLE, CHEAT)]
    for records in ([ORACLE, CHEAT, *blind], [*blind, ORACLE, CHEAT]):
        told = Cheats.of(records, column=lambda _cell: "lobes")
        assert told.columns == ("lobes",)
        assert told.blind == frozenset()
    assert Cheats.of(blind, column=lambda _cell: "lobes").blind == {"lobes"}
