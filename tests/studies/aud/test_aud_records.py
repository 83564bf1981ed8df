"""The AUD study on the leaderboard: records with a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from aud_simulation import METHOD
from aud_simulation import Simulated

from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.select import only
from pcgm_bench.results.select import rows_of
from pcgm_bench.results.select import select
from pcgm_bench.studies.aud import terms
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.study import AUDStudy

STUDY = AUDStudy()
SHARE = "error to the oracle, share of copy-input's"


@pytest.fixture(scope="module")
def entries(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record.column]


def of(entries: Sequence[Record], row: str, column: str) -> Record:
    entry = only(entries, row=row, column=column)
    assert entry is not None
    return entry


def test_every_row_but_the_real_scans_is_there_the_method_first(entries: Sequence[Record]) -> None:
    # The records at hand have no cheats: what these show is tested with the runner.
    expected = [row.name for row in STUDY.rows(METHOD) if row.kind is not RowKind.CHEAT]
    assert rows_of(entries) == expected[1:]
    assert {entry.row for entry in entries if entry.kind is RowKind.METHOD} == {METHOD}


def test_every_cell_is_one_record_and_columns_are_consistent(entries: Sequence[Record]) -> None:
    def column(entry: Record) -> tuple[object, ...]:
        return entry.column, entry.metric, entry.rule, entry.direction, entry.target

    assert len({(entry.row, column(entry)) for entry in entries}) == len(entries)
    assert len({column(entry) for entry in entries}) == len({entry.column for entry in entries})
    assert {entry.rule for entry in entries} == {"paper", "sound"}
    assert {entry.rule for entry in entries if "correct" in entry.column} == {"paper"}
    for entry in entries:
        assert entry.direction
        assert (entry.target is not None) == (entry.direction == "nearest")
        if entry.low is not None and entry.high is not None:
            assert entry.low <= entry.estimate <= entry.high


def test_columns_are_those_of_the_protocol(records: Sequence[Record], entries: Sequence[Record]) -> None:
    correct = of(entries, METHOD, "# correct of 6 lobes: 2. real controls vs their CF AUD")
    assert correct.metric == "aud-correct-2 2"
    real = only(records, row="real", metric=terms.correct("real"))
    assert real is not None
    assert correct.floor == real.estimate
    assert not real.column
    assert of(entries, METHOD, "# correct of 6 lobes: 4. real controls vs CF controls").floor is None
    assert of(entries, METHOD, "lobes right, of 30").direction == "higher"
    assert of(entries, METHOD, "lobes wrong, of 30").direction == "lower"
    assert of(entries, METHOD, "error to the oracle (rms, % of the lobe): insula").direction == "lower"
    counted = [r.estimate for r in select(records, row=METHOD, metric=terms.LOBES_RIGHT) if r.contrast != "real"]
    assert of(entries, METHOD, "lobes right, of 30").estimate == sum(counted)
    assert of(entries, METHOD, "own scan nearest, share").metric == "own-nearest"
    insula = of(entries, METHOD, "recovery, controls made patients (of the planted loss): insula")
    assert (insula.contrast, insula.target, insula.metric) == ("2", 1.0, "aud-recovery-of_planted 2")
    spill = of(entries, METHOD, "spill-over to patient (%): occipital")
    assert (spill.group, spill.target) == ("to patient", 0.0)
    assert not [entry for entry in entries if "spill-over" in entry.column and "frontal" in entry.column]


def test_error_share_is_one_for_the_copy_and_covers_the_mean_for_others(
    records: Sequence[Record], entries: Sequence[Record]
) -> None:
    copied = of(entries, "copy-input", SHARE)
    assert (copied.estimate, copied.low, copied.high) == (1.0, 1.0, 1.0)
    mine = of(entries, METHOD, SHARE)
    errors = {(r.row, r.region): r.estimate for r in select(records, metric=terms.ORACLE_ERROR)}
    ratios = [errors[METHOD, lobe] / errors["copy-input", lobe] for lobe in LOBES[:-1]]
    assert mine.estimate == pytest.approx(sum(ratios) / len(ratios))
    assert mine.low < mine.estimate < mine.high < 1
    assert only(entries, row="oracle", column=SHARE) is None


def test_without_truth_the_real_difference_is_the_target(people: Simulated) -> None:
    some = [m for m in people.measurements if m.row != "oracle"]
    evidence = replace(people.evidence(), measurements=some, planted={}, replicates=2)
    columns = {record.column for record in STUDY.score(evidence) if record.column}
    assert "recovery, controls made patients (of the real d): insula" in columns
    assert not any(
        "oracle" in column or "planted" in column or "occipital" in column
        for column in columns
        if "recovery" in column or "error" in column
    )


def test_rows_with_too_few_measurements_are_missing(people: Simulated) -> None:
    kept = set(people.table["subject"][:2])
    some = [m for m in people.measurements if m.row == "real" or (m.row == METHOD and m.subject in kept)]
    some += [m for m in people.measurements if m.row == "copy-input"]
    records = STUDY.score(replace(people.evidence(), measurements=some, replicates=2))
    assert rows_of(records) == ["real", METHOD, "copy-input"]
    missing = [record for record in records if record.row == METHOD and record.column]
    assert len(missing) == 5
    assert all(record.estimate is None and record.reason and record.kind is RowKind.METHOD for record in missing)
