"""Stored scores of the recovery study as tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from scipy import stats

from pcgm_bench.studies import recovery_axioms
from pcgm_bench.studies import recovery_changes
from pcgm_bench.studies.controls import beaten_notes
from pcgm_bench.studies.controls import controls_above
from pcgm_bench.studies.controls import marked
from pcgm_bench.studies.controls import methods_first
from pcgm_bench.studies.controls import verdict_rank
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
    "training-mean": "training-mean: one brain for everybody, whatever was asked.",
    "blurred-copy": "blurred-copy: the scan out of focus; what a segmenter makes of blur, whatever was asked.",
}


_Value = Callable[[Mapping[str, Any]], float | None]
_COLUMNS: dict[str, tuple[str, _Value]] = {
    "regions": ("higher", lambda entry: _right_less_wrong(entry)),
    "slope of the lobes [95 %]": ("nearest", lambda entry: (entry["lobe_slope"] or {}).get("value")),
    "error to the oracle, % [95 %]": ("lower", lambda entry: (entry["oracle_error"] or {}).get("value")),
    "largest spill-over, % per 10 % [95 %]": ("lower", lambda entry: (entry["spill"] or {}).get("value")),
    "own scan nearest, % [95 %]": ("higher", lambda entry: (entry.get("own_nearest") or {}).get("value")),
    "verdict": ("higher", lambda entry: verdict_rank(entry["verdict"])),
}
"""Heading -> what is better there (nearest to a slope of 1), and a row's value."""


def _right_less_wrong(entry: Mapping[str, Any]) -> float:
    verdicts = [one["verdict"] for one in entry["regions"].values()]
    return float(verdicts.count("right") - verdicts.count("wrong"))


def overview(scores: Mapping[str, Any], controls: Sequence[str], floor: str) -> Table:
    """Rows x what counts, and the verdict."""
    rows: list[list[Cell]] = []
    names = methods_first(scores["rows"], controls)
    for row in names:
        entry = scores["rows"][row]
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
    beaten = {}
    for heading, (direction, value) in _COLUMNS.items():
        values = {row: value(scores["rows"][row]) for row in names}
        if better := controls_above(values, controls, floor, direction, target=1.0):
            beaten[heading] = better
    notes += [*_power_notes(scores, controls), *beaten_notes(beaten)]
    *numbers, verdict = (marked(heading, beaten) for heading in _COLUMNS)
    heads = ["row", *numbers, "images", verdict]
    return Table("overview", "Recovery of known changes", [Column(head) for head in heads], rows, notes)


def _power_notes(scores: Mapping[str, Any], controls: Sequence[str]) -> list[str]:
    """How far off 1 a slope must be to be seen four times in five, by the standard errors that the rows have."""
    notes = []
    for row in methods_first(scores["rows"], controls):
        known = {
            region: one
            for region, one in scores["rows"][row]["regions"].items()
            if one["verdict"] != IMPOSSIBLE and one["high"] > one["low"]
        }
        if row in controls or not known:
            continue
        off = {region: seen(one) for region, one in known.items()}
        least, most = min(off, key=lambda region: off[region]), max(off, key=lambda region: off[region])
        n, nulls = min(one["n"] for one in known.values()), max(one["n_null"] for one in known.values())
        notes.append(
            f"With n = {n} images a region and {nulls} of nothing asked you could see a slope of {row} that is off by "
            f">= {off[least]:.2f} ({least}) to {off[most]:.2f} ({most}): 80 % power, two-sided 0.05."
        )
    return notes


def seen(one: Mapping[str, Any]) -> float:
    """Smallest error of a slope that its t-test sees with 80 % power; of a region as stored (``low``, ``high``, n)."""
    dof = one["n"] + one["n_null"] - 2
    half, t = (one["high"] - one["low"]) / 2, stats.t.ppf(0.975, dof)
    return float(half / t * (t + stats.t.ppf(0.8, dof)))


def _doses(scores: Mapping[str, Any]) -> str:
    return ", ".join(f"{dose:+d}" for dose in scores["doses"])


def slope_matrix(scores: Mapping[str, Any], controls: Sequence[str], floor: str) -> Table:
    """Regions down, rows across: slopes with their verdicts."""
    names = methods_first(scores["rows"], controls)
    regions = list(next(iter(scores["rows"].values()))["regions"]) if names else []
    rows: list[list[Cell]] = []
    beaten = {}
    for region in regions:
        slopes = {row: scores["rows"][row]["regions"][region].get("slope") for row in names}
        if better := controls_above(slopes, controls, floor, "nearest", target=1.0):
            beaten[region] = better
        cells: list[Cell] = [marked(region, beaten)]
        for row in names:
            one = scores["rows"][row]["regions"][region]
            if one["verdict"] == IMPOSSIBLE:
                cells.append(IMPOSSIBLE)
            else:
                cells.append(f"{interval(one, key='slope')} {_MARKS[one['verdicts']['slope']]}")
        rows.append(cells)
    notes = [
        "Measured log-change on asked, people of whom nothing was asked included. + right, ? inconclusive, x wrong.",
        *beaten_notes(beaten),
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


def all_tables(scores: Mapping[str, Any], controls: Sequence[str], floor: str) -> list[Table]:
    """The overview, slopes of all rows, the axioms, then the methods; controls and spill-over as detail."""
    methods = [row for row in scores["rows"] if row not in controls]
    others = [row for row in scores["rows"] if row in controls]
    requests = recovery_changes.table(scores, controls)
    shown = [
        overview(scores, controls, floor),
        slope_matrix(scores, controls, floor),
        *([requests] if requests else []),
    ]
    shown.append(recovery_axioms.table(scores, controls))
    shown += [row_table(scores, row) for row in methods]
    detail = [spill_table(scores, row) for row in methods]
    detail += [table(scores, row) for row in others for table in (row_table, spill_table)]
    return [*shown, *(dataclasses.replace(table, detail=True) for table in detail)]
