"""Interventions in a row as records and as a table: who stands still is flagged, and what cannot be is said."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pcgm_bench.contracts import ChainEstimate
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricUse
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.metrics.composition import Composition
from pcgm_bench.metrics.composition import CompositionVoxels
from pcgm_bench.metrics.reversibility import Reversibility
from pcgm_bench.results.select import only
from pcgm_bench.studies.recovery.axioms import axiom_records
from pcgm_bench.studies.recovery.axioms import axioms_table
from pcgm_bench.tables import Table

ROWS = (
    Row("mine", RowKind.METHOD, "mine"),
    Row("oracle", RowKind.CEILING, "oracle"),
    Row("copy-input", RowKind.CONTROL, "copy-input"),
)
USES = {
    metric.record.name: MetricUse(metric.record.name, metric.record, f"{metric.record.name}-{metric.record.version}")
    for metric in (Reversibility, Composition, CompositionVoxels)
}


def chains(mine: float = 1.0) -> list[ChainEstimate]:
    """A method that drifts by this in every cycle, an oracle that hardly does, a copy that has no way back."""
    estimates = []
    for row, drift in (("mine", mine), ("oracle", 0.1), ("copy-input", 0.0)):
        for cycles in (10, 1):
            size = drift * cycles
            ml = Estimate(2 * size, 2 * size, 2 * size, 8)
            value = Estimate(size, size, size, 8, parts={"ml": ml}, by_unit={"a": size})
            estimates.append(ChainEstimate(row, "composition", cycles, value))
    estimates.append(ChainEstimate("mine", "reversibility", 0, Estimate(0.25, 0.2, 0.3, 7)))
    estimates.append(ChainEstimate("copy-input", "reversibility", 0, Estimate(n=7)))
    return estimates


def records_from(estimates: Sequence[ChainEstimate]) -> list[Record]:
    return list(axiom_records(estimates, USES, ROWS))


def lines_of(table: Table) -> dict[str, list[object]]:
    return {str(row[0]): list(row[1:]) for row in table.rows}


def test_lines_stand_in_the_protocols_order_with_their_ends() -> None:
    table = axioms_table(records_from(chains()))
    assert [column.name for column in table.columns] == ["axiom", "perfect", "useless", "mine", "oracle", "copy-input"]
    assert [str(row[0]).removesuffix(" (!)") for row in table.rows] == [
        "composition x 1, %", "composition x 1, mL", "composition x 10, %", "composition x 10, mL",
        "composition-voxels x 1", "composition-voxels x 10", "reversibility, share left",
    ]  # fmt: skip
    lines = lines_of(table)
    assert lines["composition x 10, % (!)"] == ["0", "no bound", "10 [10, 10] (8)", "1 [1, 1] (8)", "0 [0, 0] (8)"]
    assert lines["composition x 10, mL (!)"][2] == "20 [20, 20] (8)"
    assert lines["reversibility, share left"] == ["0", "1", "0.25 [0.2, 0.3] (7)", "not possible", "does not move"]


def test_a_copy_that_stands_still_is_flagged_and_the_oracle_is_not() -> None:
    table = axioms_table(records_from(chains()))
    assert table.notes[-1].endswith("composition x 1, %: copy-input; composition x 10, %: copy-input.")
    still = axioms_table(records_from(chains(mine=0.0)))
    assert "(!)" not in still.markdown()


def test_the_leaderboards_cells() -> None:
    records = records_from(chains())
    cell = only(records, row="mine", column="composition x 10, %")
    assert cell is not None
    assert (cell.metric, cell.direction, cell.n) == ("composition-1 x 10", "lower", 8)
    assert cell.by_unit == {"a": 10.0}
    assert not [record.column for record in records if record.unit == "mL" and record.column]


def test_a_reason_is_shown_in_place_of_a_value() -> None:
    gone = "insula reads 0 mL in 3 of 3 images"
    estimates = [chain for chain in chains() if (chain.row, chain.cycles) != ("mine", 10)]
    estimates.append(ChainEstimate("mine", "composition", 10, Estimate(n=3, reason=gone)))
    assert lines_of(axioms_table(records_from(estimates)))["composition x 10, %"][2] == gone


def test_without_chains_the_table_says_why() -> None:
    method = Record("mine", RowKind.METHOD, "images", 3, n=3)
    table = axioms_table([method, *records_from([])])
    assert lines_of(table) == {"composition, reversibility": [None, None, "not possible"]}
    assert table.notes == (
        "Not possible: chains need the plugin, since an image can be changed again only by what made it.",
    )


@pytest.mark.parametrize("name", ["composition", "reversibility"])
def test_a_metric_that_was_not_opened_has_no_line(name: str) -> None:
    uses = {use: USES[use] for use in USES if use != name}
    records = list(axiom_records(chains(), uses, ROWS))
    assert not [record for record in records if record.metric.startswith(f"{name}-1")]
