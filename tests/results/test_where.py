"""The table of where, and its part of a verdict."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pcgm_bench import registry
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricUse
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.verdict import Outcome
from pcgm_bench.results.where import METRICS
from pcgm_bench.results.where import where_records
from pcgm_bench.results.where import where_tables
from pcgm_bench.results.where_verdict import where_part

ROWS = [
    Row("real", RowKind.REAL),
    Row("mine", RowKind.METHOD, "mine"),
    Row("oracle", RowKind.CEILING, "oracle"),
    Row("one-patch", RowKind.CHEAT, "one-patch"),
]
USES = {
    name: MetricUse(name, registry.get("metrics", name).record, f"{name}-1") for name in METRICS
}  # fmt: skip


def around(value: float, half: float = 0.05) -> Estimate:
    return Estimate(value, value - half, value + half, 40)


def images(correlation: float, error: float, parcels: float, drift: float = 0.1) -> dict[str, Estimate]:
    parcel = Estimate(parcels, parcels - 0.05, parcels + 0.05, 40, parts={"slope": around(1), "lh-insula": around(0.9)})
    grey = Estimate(drift, drift - 0.05, drift + 0.05, 40, parts={"white_matter": around(-0.1), "absolute": around(2)})
    return {
        "change-correlation": around(correlation),
        "change-error": Estimate(error, error - 0.05, error + 0.05, 40, parts={"gain": around(1)}),
        "band-share": around(0.95),
        "parcel-recovery": parcel,
        "grey-level-drift": grey,
        "patch-distance": Estimate(reason="nothing changed", n=40),
        "own-nearest": around(1.0),
    }


RUN: Mapping[str, Mapping[str, Estimate]] = {
    "mine": images(0.9, 0.4, 0.3),
    "oracle": images(1.0, 0.06, 0.05),
    "one-patch": images(0.2, 2.4, 1.4),
}


def test_the_table_has_a_line_a_row_and_marks_what_no_cheat_fails() -> None:
    records = list(where_records(ROWS, RUN, USES))
    shown, intervals, parcels, tissues = where_tables(records)
    assert [row[0] for row in shown.rows] == ["mine", "oracle", "one-patch"]
    heads = [column.name for column in shown.columns]
    assert heads[:3] == ["row", "correlation", "error"]
    assert [name for name in heads if "no evidence" in name] == [
        "dose (no evidence)",
        "in the band (no evidence)",
        "parcels: slope (no evidence)",
        "drift, % (no evidence)",
    ]
    assert shown.rows[0][1] == 0.9
    assert shown.rows[0][-1] == 40
    assert intervals.rows[0][1] == "0.90 [0.85, 0.95]"
    assert parcels.rows == [["lh-insula", 0.9, 0.9, 0.9]]
    assert tissues.rows == [["white_matter", -0.1, -0.1, -0.1]]
    assert shown.notes[-1] == "mine is significantly better than one-patch in correlation, error, parcels: error."
    assert not shown.detail
    assert intervals.detail


def test_the_board_gets_a_column_each_with_a_direction() -> None:
    records = [record for record in where_records(ROWS, RUN, USES) if record.column]
    directions = {record.column: (record.direction, record.target) for record in records}
    assert directions["where: correlation"] == ("higher", None)
    assert directions["where: error"] == ("lower", None)
    assert directions["where: dose"] == ("nearest", 1.0)
    assert directions["where: patches"] == ("nearest", 1.0)


def test_without_a_truth_there_is_no_table() -> None:
    unknown = {name: Estimate(reason="the truth is not known") for name in METRICS}
    assert list(where_records(ROWS, {"mine": unknown}, USES)) == []
    assert where_tables([]) == []


@pytest.mark.parametrize(
    ("row", "outcome", "words"),
    [
        (images(0.95, 0.3, 0.3), Outcome.PASS, "change-correlation 0.95"),
        (images(0.2, 2.4, 1.4), Outcome.FAIL, "correlation of the change map with the true one 0.20"),
        (images(0.62, 0.3, 0.3), Outcome.CANNOT_DECIDE, "0.62 [0.57, 0.67], at least 0.6 is needed"),
        (images(0.95, 0.3, 1.4), Outcome.FAIL, "error of the parcels"),
        (images(0.95, 0.3, 0.3, drift=1.5), Outcome.FAIL, "drift of grey levels"),
    ],
)
def test_the_part_passes_fails_or_cannot_decide(row: dict[str, Estimate], outcome: Outcome, words: str) -> None:
    part = where_part(row, RUN["oracle"])
    assert part is not None
    assert part.outcome is outcome
    assert words in part.reason
    assert part.is_decidable


@pytest.mark.parametrize(
    ("metric", "value", "outcome"),
    [
        ("change-correlation", 0.61, Outcome.PASS),
        ("change-correlation", 0.6, Outcome.CANNOT_DECIDE),
        ("change-correlation", 0.59, Outcome.FAIL),
        ("parcel-recovery", 0.99, Outcome.PASS),
        ("parcel-recovery", 1.0, Outcome.CANNOT_DECIDE),
        ("parcel-recovery", 1.01, Outcome.FAIL),
        ("grey-level-drift", 0.49, Outcome.PASS),
        ("grey-level-drift", 0.5, Outcome.CANNOT_DECIDE),
        ("grey-level-drift", 0.51, Outcome.FAIL),
    ],
)
@pytest.mark.parametrize("ceiling", [{}, RUN["oracle"]])
def test_the_bars_are_those_of_the_documents(
    metric: str, value: float, outcome: Outcome, ceiling: Mapping[str, Estimate]
) -> None:
    """Written out, not imported: a whole interval just inside passes, just outside fails."""
    part = where_part({**RUN["oracle"], metric: around(value, 0.005)}, ceiling)
    assert part is not None
    assert part.outcome is outcome


@pytest.mark.parametrize(
    ("metric", "inside", "outside"),
    [("change-correlation", 0.61, 0.59), ("parcel-recovery", 0.99, 1.01), ("grey-level-drift", 0.49, 0.51)],
)
def test_a_bar_holds_where_the_true_images_pass_it_and_nowhere_else(metric: str, inside: float, outside: float) -> None:
    for true, is_held in ((inside, True), (outside, False)):
        part = where_part({metric: around(outside, 0.005)}, {metric: around(true, 0.005)})
        assert part is not None
        assert part.outcome is (Outcome.FAIL if is_held else Outcome.CANNOT_DECIDE)
        assert part.is_decidable == is_held


def test_nobody_is_held_to_what_the_truth_does_not_pass() -> None:
    part = where_part(images(0.2, 2.4, 1.4), images(0.5, 0.5, 1.1, drift=0.9))
    assert part is not None
    assert part.outcome is Outcome.CANNOT_DECIDE
    assert not part.is_decidable
    part = where_part(images(0.2, 2.4, 1.4), images(0.5, 0.5, 0.1))
    assert part is not None
    assert "parcels" in part.reason


def test_without_a_truth_there_is_no_part() -> None:
    assert where_part({}, {}) is None
    assert where_part({"own-nearest": around(1.0)}, {}) is None
    assert where_part({"change-correlation": Estimate(reason="not known")}, {}) is None
