"""Three sentences at the end of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from aud_simulation import METHOD

from pcgm_bench.contracts import Conclusion
from pcgm_bench.contracts import Record
from pcgm_bench.studies.aud import terms
from pcgm_bench.studies.aud.study import AUDStudy


def about(records: Sequence[Record], row: str) -> Conclusion:
    """As if this row were the method of the run."""
    said = AUDStudy().conclusion(records, row)
    assert said is not None
    return said


def test_a_right_method(records: Sequence[Record]) -> None:
    said = about(records, METHOD)
    assert said.asked.startswith(f"{METHOD} was to show 100 controls as patients, and 100 patients as controls, and ")
    assert "frontal -4.5 %" in said.asked  # the planted pattern
    assert "the farthest from 1 of the 5 lobes that were asked to move" in said.shown
    assert "100% of the images are nearest to the scan that they were made from" in said.shown
    assert said.follows.startswith("the row passes all that n = 100 + 100 can decide, 27 of 30 cells")
    assert "nothing follows about patients" in said.follows


def test_doing_nothing(records: Sequence[Record]) -> None:
    said = about(records, "copy-input")
    assert "0.00 [0.00, 0.00] of what was asked" in said.shown
    assert said.follows.startswith("the row fails (against the groups: column 1, ")
    assert "not to be read as the diagnosis'" in said.follows
    assert "nearest" not in said.shown  # nobody looked


def test_the_oracle_is_asked_for_the_truth(records: Sequence[Record]) -> None:
    said = about(records, "oracle")
    assert "and frontal -4.6 %, insula -5.3 %" in said.asked
    assert said.follows.startswith("the row passes")


@pytest.mark.parametrize(
    ("text", "words"), [("inconclusive", "neither that the row is right"), ("fail", "fails (why)")]
)
def test_what_follows_is_the_verdict(records: Sequence[Record], text: str, words: str) -> None:
    edited = [replace(r, text=text, reason="why") if r.metric == terms.VERDICT else r for r in records]
    assert words in about(edited, METHOD).follows


def test_real_people_have_no_truth(records: Sequence[Record]) -> None:
    real = [record for record in records if record.metric != terms.PLANTED]
    assert "no truth is known for these people" in about(real, METHOD).follows


def test_without_a_verdict_there_is_nothing_to_conclude(records: Sequence[Record]) -> None:
    assert AUDStudy().conclusion([record for record in records if record.metric != terms.VERDICT], METHOD) is None
    without = [record for record in records if record.row != METHOD]
    assert AUDStudy().conclusion(without, METHOD) is None, "nothing is said of a control in a failed method's place"
