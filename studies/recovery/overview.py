"""The overview of the recovery study, and the slopes of all rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.cheats import Cheats
from pcgm_bench.results.cheats import has_failed
from pcgm_bench.results.control_flags import flag_notes
from pcgm_bench.results.control_flags import flags
from pcgm_bench.results.control_flags import marked
from pcgm_bench.results.pivot import pivot
from pcgm_bench.results.pivot import with_interval
from pcgm_bench.results.select import only
from pcgm_bench.results.select import rows_of
from pcgm_bench.results.select import select
from pcgm_bench.results.select import values_of
from pcgm_bench.statistics.ols import detectable_slope_error
from pcgm_bench.studies.recovery.records import BY_ORACLE
from pcgm_bench.studies.recovery.records import WHERE
from pcgm_bench.studies.recovery.records import WHERE_PART
from pcgm_bench.studies.recovery.region_scores import BIAS
from pcgm_bench.studies.recovery.region_scores import FEWEST
from pcgm_bench.studies.recovery.region_scores import IMPOSSIBLE
from pcgm_bench.studies.recovery.region_scores import SLOPE
from pcgm_bench.studies.recovery.region_scores import SPILL
from pcgm_bench.studies.recovery.requests import DOSES
from pcgm_bench.studies.recovery.side_by_side import made_rows
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table

_ROW_NOTES = {
    "oracle": "oracle: the true image of the request, read by the same segmenter; what it misses the segmenter misses.",
    "copy-input": "copy-input: the scan, unchanged; no bias, no spill-over, slope 0.",
    "random-other": "random-other: somebody else; does not know what was asked.",
    "training-mean": "training-mean: one brain for everybody, whatever was asked.",
    "blurred-copy": "blurred-copy: the scan out of focus; what a segmenter makes of blur, whatever was asked.",
    "tissue-edit": "tissue-edit: the request by PCGM's mask, mixed into the scan by tissue means; no network.",
    "one-patch": "one-patch: the same, all of the change in one place of the region.",
    "half-dose": "half-dose, double-dose: tissue-edit with half, and twice, the log-change that was asked.",
    "do-nothing": "do-nothing: the scan with fresh noise.",
}
_HEADINGS = {
    "regions": "regions",
    "recovery lobe_slope": "slope of the lobes [95 %]",
    "recovery oracle_error": "error to the oracle, % [95 %]",
    "recovery spill": "largest spill-over, % per 10 % [95 %]",
    "own-nearest": "own scan nearest, % [95 %]",
    WHERE_PART: "where",
    "images": "images",
    "verdict": "verdict",
}
_SHORT = {metric: heading.partition(" [")[0].partition(",")[0] for metric, heading in _HEADINGS.items()}
_MARKS = {"right": "+", "inconclusive": "?", "wrong": "x"}
_interval = with_interval()


def overview(records: Sequence[Record]) -> Table:
    """Rows x what counts, and the verdict."""
    mine = [replace(record, metric=_term(record)) for record in select(records, region="", contrast="") if record.row]
    where = {record.row: record.text for record in select(mine, metric=WHERE)}
    above = {cell.metric: rows for cell, rows in flags(mine).items() if cell.metric in _HEADINGS}

    def spill(record: Record) -> Cell:
        return f"{where[record.row]}: {_interval(record)}" if record.row in where else None

    def images(record: Record) -> Cell:
        return record.n

    notes = [*_notes(), *(note for row, note in _ROW_NOTES.items() if row in made_rows(records))]
    wrong = select(mine, metric=WHERE_PART, text=("fail", "cannot decide"))
    verdicts = [record for record in select(mine, metric="verdict") if record.reason]
    notes += [f"{record.row}, regions: {record.text}. {record.reason}." for record in verdicts]
    notes += [f"{record.row}, where: {record.text}. {record.reason}." for record in wrong]
    notes += _ruler_notes(mine)
    if select(records, metric="verdict", text=IMPOSSIBLE):
        notes.append(
            f"Not possible: the row has no images of such requests, or fewer than {FEWEST}: too few for a line."
        )
    flagged = {_HEADINGS[metric]: above[metric] for metric in _HEADINGS if metric in above}
    cheats = Cheats.of([record for record in mine if record.metric in _HEADINGS], fails=_fails)
    headings = {metric: cheats.heading(metric, marked(text, text in flagged)) for metric, text in _HEADINGS.items()}
    return pivot(
        mine,
        name="overview",
        title="Recovery of known changes",
        columns=list(_HEADINGS),
        show={
            "recovery lobe_slope": _interval,
            "recovery oracle_error": _interval,
            "recovery spill": spill,
            "own-nearest": with_interval(".0f", 100),
            "images": images,
        },
        headings=headings,
        notes=[*notes, *_power_notes(records), *flag_notes(flagged), *cheats.notes(_SHORT)],
    )


def _ruler_notes(records: Sequence[Record]) -> list[str]:
    """Where the oracle's slope is not 1: what that means, and what rows are judged by."""
    regions = sorted({name for record in select(records, metric=BY_ORACLE) for name in record.text.split(", ")})
    if not regions:
        return []
    return [
        f"The oracle is the true change, and its slope is not 1 in {', '.join(regions)}: there the segmenter reads a "
        "true change as another one. The other rows are judged there by their slope on the oracle's reading; who reads "
        "1 on the asked change has not made that change."
    ]


def _fails(record: Record) -> bool:
    """Its verdict is ``fail``, or a region is wrong; never of the oracle: where it fails, the segmenter does."""
    if record.kind is RowKind.CEILING:
        return False
    return has_failed(record) or (record.metric == "regions" and record.text.split("/")[2] != "0")


def _term(record: Record) -> str:
    """The metric without its version, where it is a column of the overview."""
    metric = record.metric
    return next((term for term in _HEADINGS if metric == term or metric.startswith((f"{term} ", f"{term}-"))), metric)


def _notes() -> list[str]:
    doses = ", ".join(f"{round(100 * (dose - 1)):+d}" for dose in DOSES)
    return [
        f"One region at a time is asked to change by {doses} %, nothing else. Regions: right / inconclusive / "
        "wrong / not possible.",
        f"Right: slope of measured on asked log-change within {SLOPE[0]:g} to {SLOPE[1]:g}, bias at dose 0 within "
        f"{BIAS:g} %, and no other region moving by more than {SPILL:g} % for "
        "10 % beyond the oracle's: each with its whole 95 % interval. Wrong: one of them outside with its whole "
        "interval, or images no nearer to the request than the scans they were made from.",
        "Error to the oracle: mean over people of the absolute difference of the two readings of the region asked "
        "about; it holds the segmenter's noise twice. Spill-over: the largest of all pairs, picked because it is that.",
    ]


def _power_notes(records: Sequence[Record]) -> list[str]:
    """How far off 1 a slope must be to be seen four times in five, by the standard errors that the rows have."""
    notes = []
    for row in rows_of(records, RowKind.METHOD):
        slopes = [slope for slope in select(records, row=row, metric="slope") if (slope.high or 0) > (slope.low or 0)]
        nulls = {bias.region: bias.n or 0 for bias in select(records, row=row, metric="bias")}
        if not slopes:
            continue
        off = {slope.region: _seen(slope, nulls[slope.region]) for slope in slopes}
        least, most = min(off, key=lambda region: off[region]), max(off, key=lambda region: off[region])
        n = min(slope.n or 0 for slope in slopes)
        notes.append(
            f"With n = {n} images a region and {max(nulls.values())} of nothing asked you could see a slope of {row} "
            f"that is off by >= {off[least]:.2f} ({least}) to {off[most]:.2f} ({most}): 80 % power, two-sided 0.05."
        )
    return notes


def _seen(slope: Record, nulls: int) -> float:
    assert slope.low is not None
    assert slope.high is not None
    return detectable_slope_error(slope.low, slope.high, (slope.n or 0) + nulls)


def slope_matrix(records: Sequence[Record]) -> Table:
    """Regions down, rows across: slopes with their verdicts."""
    slopes = select(records, metric="slope")
    above = {cell.region: rows for cell, rows in flags(slopes).items()}
    flagged = {region: above[region] for region in values_of(slopes, "region") if region in above}

    def shown(record: Record) -> Cell:
        verdict = only(records, row=record.row, metric="verdict", region=record.region, contrast="slope")
        return record.reason if verdict is None else f"{_interval(record)} {_MARKS[verdict.text]}"

    cells = {(record.row, record.region): shown(record) for record in slopes}
    return pivot(
        [replace(record, contrast=marked(record.region, record.region in flagged)) for record in slopes],
        name="slopes",
        title="Slope of the dose-response [95 %]",
        lines=("contrast",),
        across="row",
        show=lambda record: cells[record.row, record.region],
        headings={"contrast": Column("region")},
        notes=[
            "Measured log-change on asked, people of whom nothing was asked included. "
            "+ right, ? inconclusive, x wrong.",
            *flag_notes(flagged),
        ],
    )
