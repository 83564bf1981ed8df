"""The records of the synthesis study as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pcgm_bench.anatomy import DK_REGIONS
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.control_flags import flag_notes
from pcgm_bench.results.control_flags import flags
from pcgm_bench.results.control_flags import marked
from pcgm_bench.results.pivot import pivot
from pcgm_bench.results.pivot import with_interval
from pcgm_bench.results.select import only
from pcgm_bench.results.select import rows_of
from pcgm_bench.results.select import select
from pcgm_bench.results.select import values_of
from pcgm_bench.statistics.effects import detectable
from pcgm_bench.studies.synthesis.privacy import privacy_table
from pcgm_bench.studies.synthesis.records import BY_REGION
from pcgm_bench.studies.synthesis.records import COHENS_D
from pcgm_bench.studies.synthesis.records import GATE
from pcgm_bench.studies.synthesis.records import IMAGES
from pcgm_bench.studies.synthesis.records import LEARNT_FROM
from pcgm_bench.studies.synthesis.records import PRIVACY_DETAILS
from pcgm_bench.studies.synthesis.records import REAL_PASS
from pcgm_bench.studies.synthesis.records import SHARES
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table

_interval = with_interval(".3g")


def all_tables(records: Sequence[Record]) -> list[Table]:
    """Overview, paper variants, privacy, regions."""
    n = images(records)
    floor = rows_of(records, RowKind.FLOOR)
    notes = [
        f"Estimate [95 % interval]. n = {n} real and {n} made. {', '.join(floor)}: real scans against real ones at the "
        "same n, the floor of every row (for privacy it is a row of copies).",
    ]
    unknown = {record.row: record.reason for record in select(records, metric=LEARNT_FROM) if record.reason}
    notes += [f"No privacy of {row}: {reason}." for row, reason in unknown.items()]
    notes += [*_gate_notes(records), *_power_notes(records)]
    published = [
        "As published, mistakes included: 0 is not perfect, smoothness is rewarded. Not comparable with the above."
    ]
    sound = rule_table(records, "sound", "overview", "New brains against held-out real ones", notes)
    paper = rule_table(records, "paper", "paper", "The same by the formulae as published", published)
    more = (privacy_table(records), regions_table(records))
    return [sound, paper, *(table for table in more if table is not None)]


def images(records: Sequence[Record]) -> int:
    """How many real scans were compared with."""
    fact = only(records, row="", metric=IMAGES)
    return 0 if fact is None else fact.n or 0


def rule_table(records: Sequence[Record], rule: str, name: str, title: str, notes: Sequence[str]) -> Table:
    """Metrics down, rows across: estimate and interval, with what a perfect generator would score."""
    mine = [record for record in select(records, rule=rule) if record.contrast and record.metric not in PRIVACY_DETAILS]
    flagged = {cell.contrast: rows for cell, rows in flags(mine).items()}
    flagged = {line: flagged[line] for line in values_of(mine, "contrast") if line in flagged}
    better = {record.contrast: _better(record) for record in mine}
    lines = [
        replace(record, contrast=marked(record.contrast, record.contrast in flagged), group=better[record.contrast])
        for record in mine
    ]
    return pivot(
        lines,
        name=name,
        title=title,
        lines=("contrast", "group"),
        across="row",
        columns=rows_of(records),
        show=_shown,
        headings={"contrast": "metric", "group": "better"},
        notes=[*notes, *flag_notes(flagged)],
    )


def _better(record: Record) -> str:
    return f"near {record.target:g}" if record.direction == "nearest" else record.direction or "yes"


def _shown(record: Record) -> Cell:
    if record.estimate is None:
        return record.text or None
    if any(words in record.contrast for words in SHARES.values()):
        return f"{record.estimate:.2f}"
    return f"{record.estimate:.3g}" if record.low is None else _interval(record)


def _gate_notes(records: Sequence[Record]) -> list[str]:
    """Which quality score it is, what passes, and how many real scans do."""
    criteria = sorted({(record.text, record.estimate or 0.0) for record in select(records, metric=REAL_PASS)})
    return [
        f"{GATE}: {criterion}; {100 * share:.0f} % of the real scans pass. A set passes with 95 % "
        "of its images, and with at least the share of the real scans."
        for criterion, share in criteria
    ]


def _power_notes(records: Sequence[Record]) -> list[str]:
    """What the two sets' sizes allow in one region; set metrics have their floor instead."""
    real = images(records)
    sizes = sorted({record.n for record in select(records, contrast=COHENS_D) if record.n})
    return [
        f"With n = {real} + {n} you could see d >= {detectable(real, n, len(DK_REGIONS)):.2f} in a region (80 % "
        f"power, two-sided 0.05 / {len(DK_REGIONS)}). Metrics of whole sets have the floor at this n instead."
        for n in sizes
    ]


def regions_table(records: Sequence[Record]) -> Table | None:
    """Cohen's d of every Desikan-Killiany region, left and right averaged, by row."""
    mine = select(records, metric=BY_REGION)
    rows = [row for row in rows_of(records) if select(mine, row=row)]
    if not rows:
        return None
    return pivot(
        mine,
        name="regions",
        title="Cohen's d of regional volumes, made against real, head size regressed out (sound rule)",
        lines=("region",),
        across="row",
        columns=rows,
        headings={row: Column(row, signed=True) for row in rows},
        detail=True,
    )


def regions_ln_d(records: Sequence[Record]) -> dict[str, dict[str, float]]:
    """Row -> region -> ln|d| by the sound rule, NaN for a d of 0."""
    mine = select(records, metric=BY_REGION)
    rows = {row: select(mine, row=row) for row in rows_of(records)}
    return {row: {part.region: _ln(part.estimate) for part in parts} for row, parts in rows.items() if parts}


def _ln(d: float | None) -> float:
    return float(np.log(np.abs(d))) if d else math.nan
