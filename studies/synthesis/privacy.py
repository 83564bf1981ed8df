"""The table of the synthesis study that asks whether the made brains give back the people learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pcgm_bench.contracts import Record
from pcgm_bench.results.pivot import pivot
from pcgm_bench.results.pivot import with_interval
from pcgm_bench.results.select import only
from pcgm_bench.results.select import select
from pcgm_bench.studies.synthesis.records import COPIES
from pcgm_bench.studies.synthesis.records import COPIES_OF_HELD_OUT
from pcgm_bench.studies.synthesis.records import DISTANCES
from pcgm_bench.studies.synthesis.records import HELD_OUT
from pcgm_bench.studies.synthesis.records import LEARNT_FROM
from pcgm_bench.studies.synthesis.records import PRIVACY_DETAILS
from pcgm_bench.studies.synthesis.records import TRAINING
from pcgm_bench.studies.synthesis.records import WORTH
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table

SETS, N, NEAR = "training / held-out scans", "n", "near 0.5"
_interval = with_interval()
_COLUMNS: dict[str, Column] = {
    LEARNT_FROM: Column("learnt from"),
    SETS: Column(SETS),
    N: Column(N),
    WORTH: Column("worth", 0),
    NEAR: Column(NEAR),
    COPIES: Column("copies"),
    COPIES_OF_HELD_OUT: Column("copies of held-out"),
    **{metric: Column(metric.removeprefix("privacy: ").replace("_", "-"), 3) for metric in DISTANCES.values()},
}


def privacy_table(records: Sequence[Record]) -> Table | None:
    """A line a row and feature space: nearer to training people than to strangers, and as near as a second scan?"""
    details = select(records, metric=PRIVACY_DETAILS)
    if not details:
        return None
    learnt = [record for record in details if record.metric == LEARNT_FROM]
    known = [record for record in learnt if not record.reason]
    lines = [*details, *(_sets(details, record) for record in known)]
    for record in known:
        share = next(cell for cell in select(records, row=record.row, contrast=record.contrast) if cell.column)
        lines += [replace(share, metric=NEAR), replace(share, metric=N)]
    return pivot(
        lines,
        name="privacy",
        title="Do the made brains give back the people learnt from?",
        lines=("row", "contrast"),
        columns=list(_COLUMNS),
        show={NEAR: _interval, COPIES: _interval, N: lambda record: record.n},
        headings={**_COLUMNS, "contrast": "metric"},
        notes=[
            "near 0.5: share of made images nearer to a training scan than to any held-out one [95 % interval]; new "
            "people score 0.5, copies 1. worth: how many independent images the interval counts. As many people of "
            "both kinds, matched on sex and age: where more were trained on, copies of the rest are not seen.",
            "copies: share of made images nearer to a training scan than a person's second scan is to the first "
            "(median of the retests). Where many are that near to held-out people too, the space does not tell people "
            "apart.",
        ],
        detail=True,
    )


def _sets(details: Sequence[Record], learnt: Record) -> Record:
    """``20 / 20``: training and held-out scans."""
    sizes = [only(details, row=learnt.row, contrast=learnt.contrast, metric=metric) for metric in (TRAINING, HELD_OUT)]
    return replace(learnt, metric=SETS, text=" / ".join(str(size.n) for size in sizes if size is not None))
