"""The two overviews of the AUD study: rows by columns, by the paper's rule and by the sound one."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import replace

from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.cheats import Cheats
from pcgm_bench.results.cheats import has_failed
from pcgm_bench.results.control_flags import flag_notes
from pcgm_bench.results.pivot import count
from pcgm_bench.results.pivot import number
from pcgm_bench.results.pivot import pivot
from pcgm_bench.results.select import only
from pcgm_bench.results.select import rows_of
from pcgm_bench.results.select import select
from pcgm_bench.results.select import values_of
from pcgm_bench.studies.aud import terms
from pcgm_bench.studies.aud.comparisons import COLUMNS
from pcgm_bench.studies.aud.comparisons import COUNTED
from pcgm_bench.studies.aud.flagged import Flagged
from pcgm_bench.studies.aud.rows import ALL_PERMUTED
from pcgm_bench.studies.aud.rows import COPY
from pcgm_bench.studies.aud.rows import ORACLE
from pcgm_bench.studies.aud.rows import RANDOM
from pcgm_bench.studies.aud.verdict_tables import expected_words
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table

_NOTES = {
    ORACLE: "oracle: the true counterfactual of the phantom person; the ceiling of every column at this n.",
    COPY: "copy-input: the scan unchanged; its controls-made-from-patients are still patients: wrong sign.",
    RANDOM: "random-other: another person of the target group. Its groups are right by construction, so the "
    "paper rule cannot refuse it; it still fails, because it is not the same person.",
}
_VOLUMES = "(volumes): the causal model alone. It sets the column 4 and 5 means equal by construction."
_FIT_PERMUTED = (
    "(volumes, labels permuted): the causal model saw permuted labels, the rule sees the true ones. Its "
    "counterfactuals hardly move, so column 1 shows the real difference with the wrong sign, at this n or a larger one."
)
_ALL_PERMUTED = "labels permuted before everything: nothing may be found anywhere, the real column included."

BALANCE = "balance"
"""Lobes right less lobes wrong of a column, with the counts in words: made of three records for one cell."""


def size_line(records: Iterable[Record]) -> str:
    """What the cohort's size allows: ``With n = 100 + 100 you could see d >= 0.50 ...``."""
    controls, patients = (record.estimate or 0 for record in select(records, metric=terms.N))
    detectable = only(records, metric=terms.DETECTABLE)
    return (
        f"With n = {controls:.0f} + {patients:.0f} you could see d >= "
        f"{Column('').text(detectable.estimate if detectable else None)} (80 % power, two-sided 0.05 / 6)."
    )


def paper_overview(records: Sequence[Record]) -> Table:
    """Rows x columns: the paper's count of correct lobes."""
    expect = terms.expect_of(records)
    correct = {terms.correct(name, expect): name for name in COLUMNS}
    wanted = "AUD's as published" if expect == terms.AUD else "what the real column shows"
    shown = [r for r in select(records, metric=[*correct, terms.WRONG_SIGNS]) if not r.reason]
    names = {metric: f"column {name}" for metric, name in correct.items()} | {terms.WRONG_SIGNS: "wrong signs"}
    flagged = Flagged.of(shown, lambda cell: names[cell.metric])
    cheats = Cheats.of(shown)
    notes = [
        "'# Correct' of 6 lobes: Student's t, head size regressed out, significant is p <= 0.05 / 6. The rule does not "
        "look at signs; 'wrong signs' counts significant cells where the groups differ the wrong way round.",
        f"Correct is {wanted}.",
        *(f"{name}: {c.title}." for name, c in COLUMNS.items()),
        "CF: counterfactual, as the row makes it: CF controls are the patients shown as controls, CF AUD the controls "
        "shown as patients. d: difference of two means, in standard deviations.",
        size_line(records),
        *_missing_notes(records),
        *flag_notes(flagged.above),
        *cheats.notes(names),
    ]
    heads = {metric: flagged.heading(names[metric], shown_as=name) for metric, name in correct.items()}
    heads[terms.WRONG_SIGNS] = flagged.heading(names[terms.WRONG_SIGNS])
    heads = {metric: cheats.heading(metric, heading) for metric, heading in heads.items()}
    return pivot(
        shown,
        name="overview-paper",
        title="AUD study by the paper's rule",
        columns=[*correct, terms.WRONG_SIGNS],
        show=dict.fromkeys(correct, _of_six) | {terms.WRONG_SIGNS: count},
        headings=heads,
        notes=notes,
    )


def _of_six(record: Record) -> Cell:
    return None if record.estimate is None else f"{record.estimate:.0f}/6"


def _missing_notes(records: Iterable[Record]) -> list[str]:
    notes = []
    if missing := values_of(select(records, metric=terms.TOO_FEW), "row"):
        notes.append(f"Not scored, too few measurements: {', '.join(missing)}.")
    left_out = [f"{r.row} {r.estimate:.0f}" for r in select(records, metric=terms.LEFT_OUT) if r.estimate]
    if left_out:
        notes.append(f"People left out for want of a measurement: {', '.join(left_out)}.")
    return notes


def sound_overview(records: Sequence[Record]) -> Table:
    """Rows x columns: right / inconclusive / wrong lobes by the sound rule, and the verdict."""
    verdicts = {terms.VERDICT: "verdict"}
    shown = [*_balances(records), *select(records, metric=list(verdicts))]
    across = [replace(record, metric=record.contrast or record.metric) for record in shown]
    names = {name: f"column {name}" for name in COLUMNS} | verdicts
    flagged = Flagged.of(shown, lambda cell: names[cell.contrast or cell.metric])
    heads = {name: flagged.heading(names[name], shown_as=name) for name in COLUMNS}
    heads |= {metric: flagged.heading(heading) for metric, heading in verdicts.items()}
    cheats = Cheats.of(across, fails=_fails)
    heads = {metric: cheats.heading(metric, heading) for metric, heading in heads.items()}
    return pivot(
        across,
        name="overview-sound",
        title="AUD study by the sound rule",
        columns=[*COLUMNS, *verdicts],
        show=number,
        headings=heads,
        notes=[
            "Lobes right / inconclusive / wrong; (!) goes by right less wrong. The verdict's own table says why.",
            f"Right is {expected_words(records)}.",
            *_row_notes(records),
            *flag_notes(flagged.above),
            *cheats.notes(names),
        ],
    )


def _fails(record: Record) -> bool:
    """Its verdict is ``fail``, or a lobe is wrong."""
    return has_failed(record) or (record.text.count("/") == 2 and record.text.split("/")[2] != "0")


def _balances(records: Iterable[Record]) -> list[Record]:
    """One record a row and column, with ``right/inconclusive/wrong`` as its text."""
    parts = (terms.LOBES_RIGHT, terms.LOBES_INCONCLUSIVE, terms.LOBES_WRONG)
    by_cell: dict[tuple[str, str], dict[str, Record]] = {}
    for record in select(records, metric=parts):
        by_cell.setdefault((record.row, record.contrast), {})[record.metric] = record
    balances = []
    for (_, contrast), cell in by_cell.items():
        right, inconclusive, wrong = (cell[part].estimate or 0.0 for part in parts)
        text = f"{right:.0f}/{inconclusive:.0f}/{wrong:.0f}"
        direction = "higher" if contrast in COUNTED else ""
        first = cell[terms.LOBES_RIGHT]
        balances.append(replace(first, metric=BALANCE, estimate=right - wrong, text=text, direction=direction))
    return balances


def _row_notes(records: Sequence[Record]) -> list[str]:
    rows = rows_of(records)
    permuted = rows_of(records, RowKind.PERMUTED)
    return [
        *(note for name, note in _NOTES.items() if name in rows),
        *([_VOLUMES] if rows_of(records, RowKind.VOLUMES) else []),
        *([_FIT_PERMUTED] if any(row != ALL_PERMUTED for row in permuted) else []),
        *([_ALL_PERMUTED] if ALL_PERMUTED in permuted else []),
    ]
