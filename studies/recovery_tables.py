"""Stored scores of the recovery study as tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from pcgm_bench.studies import recovery_axioms
from pcgm_bench.studies import recovery_changes
from pcgm_bench.studies.recovery_rules import IMPOSSIBLE
from pcgm_bench.studies.recovery_rules import READ
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table
from pcgm_bench.tables import interval
from pcgm_bench.tables import slug

_NOTES = {
    "oracle": "oracle: the true image of the request, read by the same segmenter; what it misses the segmenter misses.",
    "copy-input": "copy-input: stands still; no bias, no spill-over, slope 0.",
    "random-other": "random-other: somebody else; does not know what was asked.",
    "blurred-copy": "blurred-copy: the scan out of focus; what a segmenter makes of blur, whatever was asked.",
}


def overview(scores: Mapping[str, Any]) -> Table:
    """Rows x what counts, and the verdict."""
    rows: list[list[Cell]] = []
    for row, entry in scores["rows"].items():
        verdicts = [one["verdict"] for one in entry["regions"].values()]
        counts = "/".join(str(verdicts.count(word)) for word in ("right", "inconclusive", "wrong", IMPOSSIBLE))
        near = entry.get("own_nearest")
        percent = {key: 100 * near[key] for key in ("value", "low", "high")} if near else None
        spill = entry["spill"]
        where = f"{spill['from']} into {spill['into']}: {interval(spill)}" if spill else None
        cells = [interval(entry["lobe_slope"]), interval(entry["oracle_error"]), where, interval(percent, ".0f")]
        rows.append([row, counts, *cells, entry["n"], entry["verdict"]])
    low, high = scores["bounds"]["slope"]
    notes = [
        f"One region at a time is asked to change by {_doses(scores)} %, nothing else. Regions: right / inconclusive / "
        "wrong / not possible.",
        f"Right: slope of measured on asked log-change within {low:g} to {high:g}, bias at dose 0 within "
        f"{scores['bounds']['bias']:g} %, and no other region moving by more than {scores['bounds']['spill']:g} % for "
        "10 % beyond the oracle's: each with its whole 95 % interval. Wrong: one of them outside with its whole "
        "interval, or images no nearer to the request than the scans they were made from.",
        "Error to the oracle: mean over people of the absolute difference of the two readings of the region asked "
        "about; it holds the segmenter's noise twice. Spill-over: the largest of all pairs, picked because it is that.",
        *(note for row, note in _NOTES.items() if row in scores["rows"]),
    ]
    if any(one["verdict"] == IMPOSSIBLE for entry in scores["rows"].values() for one in entry["regions"].values()):
        notes.append("Not possible: the row has no images of such requests, or too few to fit a line.")
    heads = ["row", "regions", "slope of the lobes [95 %]", "error to the oracle, % [95 %]",
             "largest spill-over, % per 10 % [95 %]", "own scan nearest, % [95 %]", "images", "verdict"]  # fmt: skip
    return Table("overview", "Recovery of known changes", [Column(head) for head in heads], rows, notes)


def _doses(scores: Mapping[str, Any]) -> str:
    return ", ".join(f"{dose:+d}" for dose in scores["doses"])


def slope_matrix(scores: Mapping[str, Any]) -> Table:
    """Regions down, rows across: slopes with their verdicts."""
    names = list(scores["rows"])
    regions = list(next(iter(scores["rows"].values()))["regions"]) if names else []
    rows: list[list[Cell]] = []
    for region in regions:
        cells: list[Cell] = [region]
        for row in names:
            one = scores["rows"][row]["regions"][region]
            if one["verdict"] == IMPOSSIBLE:
                cells.append(IMPOSSIBLE)
            else:
                cells.append(f"{interval(one, key='slope')} {_MARKS[one['verdicts']['slope']]}")
        rows.append(cells)
    notes = [
        "Measured log-change on asked, people of whom nothing was asked included. + right, ? inconclusive, x wrong."
    ]
    return Table("slopes", "Slope of the dose-response [95 %]", [Column("region"), *map(Column, names)], rows, notes)


_MARKS = {"right": "+", "inconclusive": "?", "wrong": "x"}


def row_table(scores: Mapping[str, Any], row: str) -> Table:
    """One row, region by region."""
    rows: list[list[Cell]] = []
    for region, one in scores["rows"][row]["regions"].items():
        if one["verdict"] == IMPOSSIBLE:
            rows.append([region, *[None] * 8, one["n"], IMPOSSIBLE])
            continue
        worst = one["worst_spill"]
        spill = f"{worst['region']} {interval(worst)}" if worst else None
        cells: list[Cell] = [interval(one, key="slope"), one["r"], interval(one.get("on_oracle"), key="slope")]
        cells += [interval(one["bias"]), one["bias"]["sd"], one["rms"], one.get("oracle_rms"), spill]
        failed = [name for name, verdict in one["verdicts"].items() if verdict == one["verdict"] != "right"]
        said = one["verdict"] + (f" ({', '.join(failed)})" if failed else "")
        rows.append([region, *cells, one["n"], said])
    heads = [Column("region"), Column("slope [95 %]"), Column("r", 3), Column("slope on the oracle's reading"),
             Column("bias at dose 0, % [95 %]"), Column("its s.d., %"), Column("rms to the request, %"),
             Column("rms to the oracle, %"), Column("largest spill-over, % per 10 %"), Column("n"),
             Column("verdict")]  # fmt: skip
    notes = [
        "The slope on the oracle's reading is a little too small, by the share of noise in that reading's spread.",
        "Spill-over is beyond the oracle's where there is one; white matter has to give way to ventricles.",
    ]
    return Table(f"recovery-{slug(row)}", f"{row}: known changes, region by region", heads, rows, notes)


def spill_table(scores: Mapping[str, Any], row: str) -> Table:
    """What moves when a region is asked to change by 10 %."""
    rows: list[list[Cell]] = []
    for region, one in scores["rows"][row]["regions"].items():
        if one["verdict"] == IMPOSSIBLE:
            rows.append([region, *[None] * len(READ)])
        else:
            own = 10 * one["slope"]
            rows.append([region, *(own if name == region else one["spill"][name]["value"] for name in READ)])
    note = "Change (%) of every volume for 10 % asked, the oracle's not taken away; the region itself on the diagonal."
    heads = [Column("asked"), *(Column(name, signed=True) for name in READ)]
    return Table(f"spill-{slug(row)}", f"{row}: change of every region, % per 10 % asked", heads, rows, [note])


def all_tables(scores: Mapping[str, Any], controls: Sequence[str]) -> list[Table]:
    """The overview, slopes of all rows, the axioms, then the methods; controls and spill-over as detail."""
    methods = [row for row in scores["rows"] if row not in controls]
    others = [row for row in scores["rows"] if row in controls]
    requests = recovery_changes.table(scores, controls)
    shown = [overview(scores), slope_matrix(scores), *([requests] if requests else [])]
    shown.append(recovery_axioms.table(scores, controls))
    shown += [row_table(scores, row) for row in methods]
    detail = [spill_table(scores, row) for row in methods]
    detail += [table(scores, row) for row in others for table in (row_table, spill_table)]
    return [*shown, *(dataclasses.replace(table, detail=True) for table in detail)]
