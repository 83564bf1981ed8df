"""The two overviews of the aging study: by the sound rule, and by the paper's."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.control_flags import flag_notes
from pcgm_bench.results.control_flags import flags
from pcgm_bench.results.control_flags import marked
from pcgm_bench.results.pivot import Show
from pcgm_bench.results.pivot import pivot
from pcgm_bench.results.pivot import with_interval
from pcgm_bench.results.select import only
from pcgm_bench.results.select import rows_of
from pcgm_bench.results.select import select
from pcgm_bench.results.select import values_of
from pcgm_bench.studies.aging import terms
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Table

SOUND = (terms.BIAS, terms.NO_CHANGE, terms.TRAINING, terms.CONCORDANCE, terms.SIGN, terms.VERDICT)
PAPER: dict[str, int] = {terms.NMSE: 4, terms.R: 2}
"""Heading -> decimals."""
N = "n"
_ROW_NOTES = {
    "oracle": "oracle: the true later anatomy of the phantom person, with the first visit's chance deviation where the "
    "real scan has one of its own: no generator can be better, except by chance.",
    "copy-input": "copy-input: no change. Its skill against no change is 0, its r and concordance are 0.",
    "blurred-copy": "blurred-copy: no change, but blur alters the reading, which counts as aging.",
    "random-other": "random-other: a scan of somebody else of the diagnosis and sex, of any age.",
    "training-mean": "training-mean: one brain for everybody, at any age.",
}


def flagged_lines(records: Sequence[Record], headings: Sequence[str]) -> dict[str, list[str]]:
    """``concordance (HIV)`` -> controls that stand above every method there; groups in order, then headings."""
    above = {(cell.group, cell.contrast): rows for cell, rows in flags(records).items()}
    return {
        f"{heading} ({group or terms.EVERYBODY})": above[group, heading]
        for group in values_of(records, "group")
        for heading in headings
        if (group, heading) in above
    }


def marked_headings(headings: Sequence[str], flagged: Iterable[str]) -> dict[str, str]:
    """Heading -> itself, with a mark where it is flagged in a group or everywhere."""
    lines = list(flagged)
    return {
        heading: marked(heading, any(line == heading or line.startswith(f"{heading} (") for line in lines))
        for heading in headings
    }


def sound_overview(records: Sequence[Record]) -> Table:
    """Groups x rows: slope bias, skills, concordance, sign, with intervals."""
    mine = [record for record in select(records, contrast=SOUND, rule="sound") if record.group]
    people = [replace(bias, contrast=N) for bias in select(mine, contrast=terms.BIAS)]
    flagged = flagged_lines(mine, SOUND)
    show: dict[str, Show] = dict.fromkeys(
        (terms.NO_CHANGE, terms.TRAINING, terms.CONCORDANCE, terms.SIGN), with_interval("z.2f")
    )
    notes = [
        f"Slope: {terms.UNIT} from the baseline, made minus real. Skill: 1 - MSE of log-volume / MSE of the reference; "
        "1 no error, 0 as good, below 0 worse. No change: the baseline's volume. Training rate: that volume aged at "
        "the mean real rate of the fold's training people of the group. Concordance: Lin's, of rates, person by "
        "person.",
        "In brackets 95 % intervals: bootstrap over people, Wilson for the sign. Against no change: by the interval of "
        "that skill.",
        *(text for name, text in _ROW_NOTES.items() if name in rows_of(mine)),
        *_missing_notes(records),
        *_power_notes(records),
        *flag_notes(flagged),
    ]
    return pivot(
        [*mine, *people],
        name="overview-sound",
        title="Aging study by the sound rule",
        lines=("group", "row"),
        across="contrast",
        columns=(*SOUND, N),
        show={**show, terms.BIAS: with_interval("+z.2f"), N: lambda record: record.n},
        headings=dict(marked_headings(SOUND, flagged)),
        notes=notes,
    )


def _missing_notes(records: Sequence[Record]) -> list[str]:
    """Rows, and people of rows, that are not scored."""
    notes = []
    if unread := sorted(
        record.row for record in select(records, metric=terms.FOLLOW_UPS) if record.row and not record.n
    ):
        notes.append(f"Not scored, no readings: {', '.join(unread)}.")
    dropped = select(records, metric=terms.DROPPED)
    if left := {f"{record.row}, {record.group}": record.n for record in dropped if record.n}:
        notes.append(f"People left out for want of an image: {left}; rows with other people are not comparable.")
    return notes


def _power_notes(records: Sequence[Record]) -> list[str]:
    """The slope bias of a method that a paired t-test would show four times in five, in the slope's unit."""
    notes = []
    for row in rows_of(records, RowKind.METHOD):
        seen = []
        for bias in select(records, row=row, contrast=terms.BIAS):
            people = only(records, row="", metric=terms.PEOPLE, group=bias.group)
            detectable = only(records, row="", metric=terms.DETECTABLE, group=bias.group)
            if people and detectable and detectable.estimate and len(bias.by_unit) == people.n:
                size = detectable.estimate * float(np.std(list(bias.by_unit.values()), ddof=1))
                seen.append(f"{size:.2f} ({bias.group}, n = {people.n})")
        if seen:
            notes.append(
                f"You could see a slope bias of {row} of >= {', '.join(seen)} {terms.UNIT}: 80 % power, two-sided 0.05."
            )
    return notes


def paper_overview(records: Sequence[Record]) -> Table:
    """Rows x groups: the paper's NMSE and Pearson's r."""
    mine = select(records, contrast=list(PAPER), rule="paper")
    groups = ["", *(group for group in values_of(mine, "group") if group)]
    mine = [record for group in groups for record in select(mine, group=group)]
    flagged = flagged_lines(mine, list(PAPER))
    headings = {}
    for metric in PAPER:
        for group in groups:
            name = group or terms.EVERYBODY
            ends = "" if group else " [95 %]"
            headings[_column(metric, group)] = marked(f"{metric}, {name}{ends}", f"{metric} ({name})" in flagged)
    notes = [
        "NMSE: sum of squared errors over sum of squares of a person's follow-ups, averaged over people. The paper "
        "names it and prints no formula; this is the plainest reading. It hardly asks whether anything aged.",
    ]
    if warnings := select(records, contrast=terms.R_WARNING, group=""):
        notes.append(f"WARNING, Pearson: {warnings[0].text}")
    notes.append(
        "Both r begin with the baseline, the input; without it two visits have no r. No change counts as r = 0."
    )
    return pivot(
        [replace(record, contrast=_column(record.contrast, record.group)) for record in mine],
        name="overview-paper",
        title="Aging study by the paper's rule",
        across="contrast",
        columns=list(headings),
        show=_paper_cell,
        headings=dict(headings),
        notes=[*notes, *flag_notes(flagged)],
    )


def _column(metric: str, group: str) -> str:
    return f"{metric}, {group or terms.EVERYBODY}"


def _paper_cell(record: Record) -> Cell:
    digits = PAPER[record.contrast.split(", ")[0]]
    if not record.group:
        return with_interval(f"z.{digits}f")(record)
    return None if record.estimate is None else f"{record.estimate:.{digits}f}"
