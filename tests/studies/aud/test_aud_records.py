"""The AUD study on the leaderboard."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from pcgm_bench.board.rows import column_of
from pcgm_bench.contracts import BoardEntry
from pcgm_bench.studies import aud_simulate
from pcgm_bench.studies.aud import AUDStudy
from pcgm_bench.studies.aud_sample import LOBES
from pcgm_bench.studies.aud_simulate import METHOD

STUDY = AUDStudy()


@pytest.fixture(scope="module")
def scores() -> dict[str, Any]:
    """As stored: through JSON, keys sorted."""
    cohort = aud_simulate.simulate(2, per_group=60, image_noise=0.003)
    near = {METHOD: {"own-nearest": {"value": 1.0, "low": 0.97, "high": 1.0, "n": 120}}}
    found = STUDY.score(
        cohort.measurements, cohort.table, 0, True, refitter=cohort.refitter, replicates=30, images=near
    )
    return json.loads(json.dumps(found, sort_keys=True))


@pytest.fixture(scope="module")
def entries(scores: dict[str, Any]) -> list[BoardEntry]:
    return STUDY.board(scores)


def of(entries: list[BoardEntry], row: str, column: str) -> BoardEntry:
    found = [entry for entry in entries if entry.row == row and entry.column == column]
    assert len(found) == 1
    return found[0]


def test_only_the_method_is_ranked(scores: dict[str, Any], entries: list[BoardEntry]) -> None:
    assert {entry.row for entry in entries if not entry.is_control} == {METHOD}
    assert {entry.row for entry in entries} == set(scores["rows"]) - {"real"}
    assert entries[0].row == METHOD


def test_every_cell_is_one_cell_and_columns_are_consistent(entries: list[BoardEntry]) -> None:
    assert len({(entry.row, column_of(entry)) for entry in entries}) == len(entries)
    assert len({column_of(entry) for entry in entries}) == len({entry.column for entry in entries})
    assert {entry.rule for entry in entries} == {"paper", "sound"}
    assert {entry.rule for entry in entries if "correct" in entry.column} == {"paper"}
    for entry in entries:
        assert entry.metric
        assert (entry.target is not None) == (entry.direction == "nearest")
        if entry.low is not None and entry.high is not None:
            assert entry.low <= entry.value <= entry.high or entry.direction == "nearest"


def test_numbers_are_the_stored_ones(scores: dict[str, Any], entries: list[BoardEntry]) -> None:
    stored = scores["rows"][METHOD]
    correct = of(entries, METHOD, "# correct of 6 lobes: 2. real controls vs their CF AUD")
    assert correct.value == stored["paper"]["2"]["correct"]
    assert correct.floor == scores["rows"]["real"]["paper"]["real"]["correct"]
    assert of(entries, METHOD, "# correct of 6 lobes: 4. real controls vs CF controls").floor is None
    better = {entry.column: entry.direction for entry in entries}
    assert (better["lobes right, of 30"], better["lobes wrong, of 30"]) == ("higher", "lower")
    assert better["error to the oracle (rms, % of the lobe): insula"] == "lower"
    right = sum(stored["sound"]["counts"][name]["right"] for name in "12345")
    assert of(entries, METHOD, "lobes right, of 30").value == right
    assert of(entries, METHOD, "own scan nearest, share").value == 1.0
    insula = of(entries, METHOD, "recovery, controls made patients (of the planted loss): insula")
    assert insula.value == stored["sound"]["recovery"]["2"]["insula"]["of_planted"]
    assert insula.target == 1.0
    spill = of(entries, METHOD, "spill-over to patient (%): occipital")
    assert spill.value == stored["spill_over"]["to patient"]["occipital"]["excess"]


def test_error_share_is_one_for_the_copy_and_covers_the_mean_for_others(
    scores: dict[str, Any], entries: list[BoardEntry]
) -> None:
    column = "error to the oracle, share of copy-input's"
    copied = of(entries, "copy-input", column)
    assert (copied.value, copied.low, copied.high) == (1.0, 1.0, 1.0)
    mine = of(entries, METHOD, column)
    affected = [lobe for lobe in LOBES if scores["planted"].get(lobe)]
    errors = [scores["rows"][row]["oracle_error"] for row in (METHOD, "copy-input")]
    ratios = [errors[0][lobe]["rms"] / errors[1][lobe]["rms"] for lobe in affected]
    assert mine.value == pytest.approx(sum(ratios) / len(ratios))
    assert mine.low < mine.value < mine.high < 1
    assert not [entry for entry in entries if entry.row == "oracle" and entry.column == column]


def test_without_truth_the_real_difference_is_the_target(scores: dict[str, Any]) -> None:
    bare = copy.deepcopy(scores)
    bare["planted"] = {}
    for row in bare["rows"].values():
        row["oracle_error"] = None
        row.pop("person", None)
    found = STUDY.board(bare)
    columns = {entry.column for entry in found}
    assert "recovery, controls made patients (of the real d): insula" in columns
    assert not any(
        "oracle" in column or "planted" in column or "occipital" in column
        for column in columns
        if "recovery" in column or "error" in column
    )


def test_rows_with_too_few_readings_are_missing(scores: dict[str, Any]) -> None:
    fewer = copy.deepcopy(scores)
    del fewer["rows"][METHOD]
    fewer["missing_rows"] = [METHOD]
    missing = [entry for entry in STUDY.board(fewer) if entry.row == METHOD]
    assert len(missing) == 5
    assert all(entry.value is None and not entry.is_control for entry in missing)
