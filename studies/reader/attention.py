"""What to know of the readers before their answers are believed."""

from __future__ import annotations

from collections.abc import Sequence

from pcgm_bench.contracts import Record
from pcgm_bench.results.select import only
from pcgm_bench.results.select import select
from pcgm_bench.results.select import values_of
from pcgm_bench.statistics.accuracy import MARGIN
from pcgm_bench.studies.reader import records as terms


def readers_of(records: Sequence[Record]) -> list[str]:
    """The readers with answers: ``reader 1`` and so on."""
    groups = values_of(select(records, metric=terms.ACCURACY), "group")
    return [name for name in groups if name not in ("", terms.AVERAGE)]


def warnings(records: Sequence[Record]) -> list[str]:
    """One line each: sheets that are missing, obvious fakes that were missed, one and the same answer nearly always."""
    lines = []
    readers, planned = readers_of(records), only(records, metric=terms.READERS)
    if planned is not None and len(readers) < (planned.n or 0):
        lines.append(f"{len(readers)} of {planned.n} planned readers are scored; the sheets of the others are missing")
    for reader in readers:
        catch = only(records, group=reader, metric=terms.CATCH)
        if catch is not None and catch.n and (missed := catch.n - round(catch.estimate or 0)):
            lines.append(
                f"{reader} called {missed} of {catch.n} obvious fakes real, as who does not look at the images"
            )
        if _gave_one_answer(records, reader):
            share = f"{100 * _commoner_answer(records, reader):.0f} %"
            lines.append(
                f"{reader} gave one and the same answer to {share} of the cases: within {100 * MARGIN:.0f} points of "
                "guessing, whatever is shown"
            )
    return lines


def inattentive(records: Sequence[Record]) -> list[str]:
    """Readers whose answers are no evidence: half of the obvious fakes missed, or one answer nearly always."""
    missed = [
        record.group
        for record in select(records, metric=terms.CATCH, group=readers_of(records))
        if record.n and 2 * (record.estimate or 0) <= record.n
    ]
    return [name for name in readers_of(records) if name in missed or _gave_one_answer(records, name)]


def _gave_one_answer(records: Sequence[Record], reader: str) -> bool:
    """Whether so many answers are the same that the accuracy is within `MARGIN` of chance, whatever is shown: half of
    the cases are real, so that it is no further from chance than the share of the rarer answer."""
    return round(1 - _commoner_answer(records, reader), 9) <= MARGIN


def _commoner_answer(records: Sequence[Record], reader: str) -> float:
    """Share of the cases that got the answer which the reader gave more often."""
    made, real = (
        sum(record.estimate or 0.0 for record in select(records, group=reader, metric=metric))
        for metric in (terms.SENSITIVITY, terms.SPECIFICITY)
    )
    return max(made + 1 - real, real + 1 - made) / 2
