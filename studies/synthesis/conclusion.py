"""The synthesis study's conclusion: what was asked of the method, what its images show, what follows and what not."""

from __future__ import annotations

from collections.abc import Sequence

from pcgm_bench.contracts import Conclusion
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.select import only
from pcgm_bench.results.select import rows_of
from pcgm_bench.results.select import select
from pcgm_bench.results.sentences import listed
from pcgm_bench.results.sentences import with_interval
from pcgm_bench.studies.synthesis.records import COPIES
from pcgm_bench.studies.synthesis.records import IMAGES
from pcgm_bench.studies.synthesis.records import PRIVACY
from pcgm_bench.studies.synthesis.records import PRIVACY_DETAILS

MOST_NAMED = 4
"""Measures that a sentence names."""


def conclusion(records: Sequence[Record], method: str) -> Conclusion | None:
    """About the method, or the control, of a run; None where real scans are missing, or are what the run is about."""
    floors = rows_of(records, RowKind.FLOOR)
    if not floors or method in floors:
        return None
    pairs = _pairs(records, method, floors[0])
    if not pairs:
        return None
    worse = [mine for mine, floor in pairs if _is_worse(mine, floor)]
    return Conclusion(
        _asked(records, method),
        _shown(worse, pairs, floors[0]),
        _follows(records, method, worse),
    )


def _pairs(records: Sequence[Record], row: str, floor: str) -> list[tuple[Record, Record]]:
    """The row's and the floor's value of every measure of the sound rule that has an interval in both.

    Without privacy: the floor's images are copies of the scans learnt from.
    """
    shown = [r for r in select(records, row=row, rule="sound") if r.contrast and not _is_of_privacy(r)]
    pairs = []
    for mine in shown:
        other = only(records, row=floor, metric=mine.metric, contrast=mine.contrast)
        if other is not None and mine.direction and None not in (mine.low, mine.high, other.low, other.high):
            pairs.append((mine, other))
    return pairs


def _is_of_privacy(record: Record) -> bool:
    return record.metric in PRIVACY_DETAILS or record.column.startswith(f"{PRIVACY}:")


def _is_worse(mine: Record, floor: Record) -> bool:
    """Whether the two intervals do not meet, and the row's is on the worse side."""
    low, high = (mine.low or 0.0, floor.low or 0.0), (mine.high or 0.0, floor.high or 0.0)
    if low[0] <= high[1] and low[1] <= high[0]:
        return False
    if mine.direction == "nearest":
        return abs((mine.estimate or 0.0) - (mine.target or 0.0)) > abs((floor.estimate or 0.0) - (mine.target or 0.0))
    return low[0] > high[1] if mine.direction == "lower" else high[0] < low[1]


def _asked(records: Sequence[Record], row: str) -> str:
    real, made = (only(records, row=name, metric=IMAGES) for name in ("", row))
    n_real, n_made = ((record.n or 0) if record is not None else 0 for record in (real, made))
    return f"{row} was to draw new brains: {n_made} are compared with {n_real} real scans that it has not seen."


def _shown(worse: Sequence[Record], pairs: Sequence[tuple[Record, Record]], floor: str) -> str:
    floors = {mine.contrast: other for mine, other in pairs}
    if not worse:
        return f"by none of {len(pairs)} measures are the images worse than other real scans ({floor}) are."
    named = [
        f"{record.contrast} is {with_interval(record, '.3g')} for {with_interval(floors[record.contrast], '.3g')}"
        for record in worse[:MOST_NAMED]
    ]
    more = f", and {len(worse) - MOST_NAMED} more" if len(worse) > MOST_NAMED else ""
    return f"by {len(worse)} of {len(pairs)} measures the images are worse than other real scans ({floor}): " + (
        f"{listed(named)}{more}."
    )


def _follows(records: Sequence[Record], row: str, worse: Sequence[Record]) -> str:
    copies = [record for record in select(records, row=row, metric=COPIES) if record.estimate is not None]
    private = "whether they are copies of training scans cannot be said here"
    if copies:
        most = with_interval(max(copies, key=lambda record: record.estimate or 0.0))
        private = f"{most} of them are as near to a training scan as a second scan of that person would be"
    if worse:
        return f"as a set the images can be told from real scans; {private}."
    return (
        "these measures cannot tell the images from real scans at this n, which does not show that they are real; "
        f"{private}."
    )
