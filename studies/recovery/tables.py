"""The records of the recovery study as tables: those of one row, and the list of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.pivot import number
from pcgm_bench.results.pivot import pivot
from pcgm_bench.results.pivot import with_interval
from pcgm_bench.results.select import rows_of
from pcgm_bench.results.select import select
from pcgm_bench.results.where import where_tables
from pcgm_bench.studies.recovery.axioms import axioms_table
from pcgm_bench.studies.recovery.overview import overview
from pcgm_bench.studies.recovery.overview import slope_matrix
from pcgm_bench.studies.recovery.records import BEYOND
from pcgm_bench.studies.recovery.records import SPILL
from pcgm_bench.studies.recovery.region_scores import RIGHT
from pcgm_bench.studies.recovery.responses import MEASURED
from pcgm_bench.studies.recovery.side_by_side import made_rows
from pcgm_bench.studies.recovery.single_requests import requests_table
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table
from pcgm_bench.tables import slug

_COLUMNS: dict[str, Column] = {
    "slope": Column("slope [95 %]"),
    "r": Column("r", 3),
    "slope on the oracle's": Column("slope on the oracle's reading"),
    "bias": Column("bias at dose 0, % [95 %]"),
    "bias s.d.": Column("its s.d., %"),
    "rms to the request": Column("rms to the request, %"),
    "rms to the oracle": Column("rms to the oracle, %"),
    BEYOND: Column("largest spill-over, % per 10 %"),
    "images": Column("n"),
    "verdict": Column("verdict"),
}
_interval = with_interval()


def all_tables(records: Sequence[Record]) -> list[Table]:
    """The overview, slopes of all rows, the axioms, then the methods; controls and spill-over as detail."""
    methods = rows_of(records, RowKind.METHOD)
    others = [row for row in made_rows(records) if row not in methods]
    requests = requests_table(records)
    shown = [overview(records), *where_tables(records), slope_matrix(records)]
    shown += [*([requests] if requests else []), axioms_table(records)]
    shown += [row_table(records, row) for row in methods]
    detail = [spill_table(records, row) for row in methods]
    detail += [table(records, row) for row in others for table in (row_table, spill_table)]
    return [*shown, *(replace(table, detail=True) for table in detail)]


def row_table(records: Sequence[Record], row: str) -> Table:
    """One row, region by region."""
    mine = [record for record in select(records, row=row, metric=list(_COLUMNS)) if record.region]
    slopes, verdicts = select(mine, metric="slope"), select(mine, metric="verdict")
    lines = [record for record in mine if record.contrast == ""]
    lines += [replace(slope, metric="images") for slope in slopes]
    lines += [worst for slope in slopes if (worst := _largest(select(mine, metric=BEYOND, region=slope.region)))]

    def said(verdict: Record) -> Cell:
        failed = [
            part.contrast
            for part in select(verdicts, region=verdict.region)
            if part.contrast and part.text == verdict.text != RIGHT
        ]
        return verdict.text + (f" ({', '.join(failed)})" if failed else "")

    return pivot(
        lines,
        name=f"recovery-{slug(row)}",
        title=f"{row}: known changes, region by region",
        lines=("region",),
        columns=list(_COLUMNS),
        show={
            "slope": _interval,
            "slope on the oracle's": _interval,
            "bias": _interval,
            BEYOND: lambda spill: f"{spill.contrast} {_interval(spill)}",
            "images": lambda record: record.n or 0,
            "verdict": said,
        },
        headings=_COLUMNS,
        notes=[
            "The slope on the oracle's reading is a little too small, by the share of noise in that reading's spread.",
            "Spill-over is beyond the oracle's where there is one; white matter has to give way to ventricles.",
        ],
    )


def _largest(spills: Sequence[Record]) -> Record | None:
    return max(spills, key=lambda spill: abs(spill.estimate or 0.0), default=None)


def spill_table(records: Sequence[Record], row: str) -> Table:
    """What moves when a region is asked to change by 10 %."""
    mine = select(records, row=row, metric=("slope", SPILL))
    lines = [
        # A region's own change for 10 % asked is ten times its slope.
        replace(record, contrast=record.region, estimate=None if record.estimate is None else 10 * record.estimate)
        if record.metric == "slope"
        else record
        for record in mine
    ]
    return pivot(
        lines,
        name=f"spill-{slug(row)}",
        title=f"{row}: change of every region, % per 10 % asked",
        lines=("region",),
        across="contrast",
        show=number,
        columns=MEASURED,
        headings={"region": "asked", **{name: Column(name, signed=True) for name in MEASURED}},
        notes=[
            "Change (%) of every volume for 10 % asked, the oracle's not taken away; the region itself on the diagonal."
        ],
    )
