"""The rows that a method is read against, a line each: what it is, what must come out, what came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.select import select
from pcgm_bench.results.verdict import Outcome

WHAT = {
    RowKind.REAL: "real scans",
    RowKind.METHOD: "the method",
    RowKind.CEILING: "the true images: the best that this measurement allows",
    RowKind.FLOOR: "other real scans in place of made ones",
    RowKind.CONTROL: "a useless generator",
    RowKind.CHEAT: "a cheat: right volumes, drawn without anatomy",
    RowKind.VOLUMES: "volumes of the method's causal model, no image",
    RowKind.PERMUTED: "the causal model under shuffled labels: no effect may be found",
}
MUST = {RowKind.CEILING: "must not fail", RowKind.CONTROL: "must not pass", RowKind.CHEAT: "must not pass"}
VERDICT = "verdict"
"""Metric of the records that hold the verdict of a whole row."""


@dataclass(frozen=True)
class ControlLine:
    """One row.

    Attributes:
        row: its name.
        what: it is.
        must: what has to come out; empty where the study does not judge such a row.
        outcome: of the study's verdict; empty where it has none.
        reason: of the outcome, or why there is nothing of the row.
        is_unexpected: whether the outcome is one that must not be.
    """

    row: str
    what: str
    must: str
    outcome: str
    reason: str
    is_unexpected: bool


def control_lines(rows: Sequence[Row], records: Sequence[Record], missing: dict[str, str]) -> list[ControlLine]:
    """Every row of a run but the real scans, in the study's order.

    Args:
        rows: of the study.
        records: of the run.
        missing: row -> why there is nothing of it.
    """
    verdicts = {record.row: record for record in reversed(select(records, metric=VERDICT, region="", contrast=""))}
    lines = []
    for row in rows:
        if row.kind is RowKind.REAL:
            continue
        verdict = verdicts.get(row.name)
        outcome = verdict.text if verdict else ""
        reason = verdict.reason if verdict else missing.get(row.name, "")
        unexpected = _is_unexpected(row.kind, outcome)
        lines.append(ControlLine(row.name, WHAT[row.kind], MUST.get(row.kind, ""), outcome, reason, unexpected))
    return lines


def _is_unexpected(kind: RowKind, outcome: str) -> bool:
    """Whether a verdict says that the study cannot tell the truth from what is useless.

    >>> _is_unexpected(RowKind.CONTROL, "pass"), _is_unexpected(RowKind.CEILING, "pass")
    (True, False)
    """
    if kind is RowKind.CEILING:
        return outcome == Outcome.FAIL
    return kind in (RowKind.CONTROL, RowKind.CHEAT) and outcome == Outcome.PASS
