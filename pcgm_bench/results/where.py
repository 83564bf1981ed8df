"""Where the images of a row have changed: records of the metrics of `TrueChanges`, and their tables."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricUse
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.cheats import Cheats
from pcgm_bench.results.estimates import directed
from pcgm_bench.results.estimates import with_estimate
from pcgm_bench.results.pivot import pivot
from pcgm_bench.results.pivot import with_interval
from pcgm_bench.results.select import rows_of
from pcgm_bench.results.select import select
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table

WHERE = "where"
"""Contrast of these records."""
PARCEL = "where, by parcel"
"""Contrast of the records of single parcels."""
DRIFT = "where, by tissue"
"""Contrast of the signed changes of grey level, tissue by tissue."""
IMAGES = "images"


@dataclass(frozen=True)
class WhereColumn:
    """A column of the table.

    Attributes:
        metric: registered name.
        part: of its estimate; empty: the estimate itself.
        heading: of the column.
        digits: after the point.
    """

    metric: str
    part: str
    heading: str
    digits: int = 2

    @property
    def name(self) -> str:
        """Of its records, without the metric's version."""
        return f"{self.metric} {self.part}".strip()


COLUMNS = (
    WhereColumn("change-correlation", "", "correlation"),
    WhereColumn("change-error", "", "error"),
    WhereColumn("change-error", "gain", "dose"),
    WhereColumn("band-share", "", "in the band"),
    WhereColumn("parcel-recovery", "", "parcels: error"),
    WhereColumn("parcel-recovery", "slope", "parcels: slope"),
    WhereColumn("grey-level-drift", "", "drift, %"),
    WhereColumn("patch-distance", "", "patches"),
)
METRICS = tuple(dict.fromkeys(column.metric for column in COLUMNS))
"""What a study that has this table names among its metrics."""


def where_records(
    rows: Sequence[Row], images: Mapping[str, Mapping[str, Estimate]], uses: Mapping[str, MetricUse]
) -> Iterator[Record]:
    """Row by row: one record a column, then the parcels and the tissues; nothing where no row has a value.

    Args:
        rows: of the study.
        images: row -> metric -> what it says.
        uses: metrics of the run by name.
    """
    known = {row: {name: e for name, e in mine.items() if name in METRICS} for row, mine in images.items()}
    if not any(not estimate.reason for mine in known.values() for estimate in mine.values()):
        return
    for row in rows:
        for column in COLUMNS:
            if (estimate := known.get(row.name, {}).get(column.metric)) is not None:
                yield _record(row, column, estimate, uses[column.metric])
        for name, contrast in (("parcel-recovery", PARCEL), ("grey-level-drift", DRIFT)):
            if (estimate := known.get(row.name, {}).get(name)) is not None:
                yield from _by_region(row, estimate, uses[name], contrast)


def _record(row: Row, column: WhereColumn, whole: Estimate, use: MetricUse) -> Record:
    record = Record(row.name, row.kind, f"{use.identity} {column.part}".strip(), contrast=WHERE, unit=use.record.unit)
    record = replace(record, column=f"where: {column.heading}")
    if not column.part:
        return directed(with_estimate(record, whole), use.record)
    part = whole.parts.get(column.part, Estimate(n=whole.n, reason=whole.reason))
    return replace(with_estimate(record, part), direction="nearest", target=1.0, n=whole.n or None)


def _by_region(row: Row, whole: Estimate, use: MetricUse, contrast: str) -> Iterator[Record]:
    for name, part in whole.parts.items():
        if name not in ("slope", "absolute"):
            record = Record(row.name, row.kind, use.identity, region=name, contrast=contrast, unit=use.record.unit)
            yield with_estimate(record, part)


def where_tables(records: Sequence[Record]) -> list[Table]:
    """The compact table; its intervals, the parcels and the tissues as detail. None without records of it."""
    mine = [replace(record, metric=_column_of(record)) for record in select(records, contrast=WHERE)]
    if not mine:
        return []
    cheats = Cheats.of(mine)
    headings = {column.name: Column(cheats.heading(column.name, column.heading), column.digits) for column in COLUMNS}
    images = [replace(record, metric=IMAGES) for record in select(mine, metric=COLUMNS[0].name)]
    names = [column.name for column in COLUMNS]
    shown = pivot(
        [*mine, *images],
        name="where",
        title="Where the images changed, against the oracle with the scan's own noise",
        columns=[*names, IMAGES],
        show={IMAGES: _n},
        headings=headings,
        notes=[*_notes(records), *cheats.notes({column.name: column.heading for column in COLUMNS})],
    )
    intervals = pivot(
        mine,
        name="where-intervals",
        title="Where the images changed, with 95 % intervals",
        columns=names,
        show=with_interval(),
        headings={column.name: column.heading for column in COLUMNS},
        detail=True,
    )
    return [shown, intervals, *_details(records)]


def _column_of(record: Record) -> str:
    """The metric without its version."""
    metric, _, part = record.metric.partition(" ")
    return f"{metric.rpartition('-')[0]} {part}".strip()


def _n(record: Record) -> Cell:
    return record.n


def _details(records: Sequence[Record]) -> list[Table]:
    tables = []
    for contrast, name, title in (
        (PARCEL, "where-parcels", "Slope of made on true change, parcel by parcel; 1 is right"),
        (DRIFT, "where-tissues", "Mean change of grey level away from the truth's band, % of white matter"),
    ):
        if lines := select(records, contrast=contrast):
            rows = rows_of(lines)
            table = pivot(lines, name=name, title=title, lines=("region",), across="row", columns=rows, detail=True)
            tables.append(table)
    return tables


def _notes(records: Iterable[Record]) -> list[str]:
    rows = rows_of(select(records, contrast=WHERE), RowKind.CEILING)
    ceiling = f"{rows[0]}: the true image (a phantom's with fresh noise), the ceiling of every column. " if rows else ""
    return [
        f"{ceiling}copy-input, the floor: correlation 0, error 1, dose 0. What white noise adds is taken away.",
        "Correlation, error and dose (made on true change) of the change map inside the head, smoothed by 3 mm; error "
        "0 is the true change, 1 is no nearer than the scan. In the band: share of the change where true tissue "
        "changes. Parcels: the same error, and slope, of the sums over 34 x 2 parcels. Drift: change of grey level "
        "deep in tissue, % of white matter. Patches: distance of redrawn patches to real scans, over the scan's own; "
        "1 is right.",
    ]
