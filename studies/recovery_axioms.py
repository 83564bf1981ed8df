"""Axioms of the recovery study: what happens when interventions follow each other.

Composition: nothing is asked, ten times in a row, each time of the image made before. Reversibility: a region is asked
to change by 10 % and then by the inverse factor, so that an image that obeyed is asked back to the factual volume.

Mask adherence is not here. It wants the mask that a generator was to draw, and no contract has one: a request names a
volume, which many masks have, and how a generator turns it into one is its own affair. The oracle's mask would measure
likeness to the phantom's own way of growing a region, with the segmenter's noise on both sides and no ceiling (the
oracle agrees with itself); hard label maps do not show a change that is a fraction of a voxel.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from pcgm_bench.contracts import BoardEntry
from pcgm_bench.plain import plain_json
from pcgm_bench.studies.controls import beaten_by_controls
from pcgm_bench.studies.controls import beaten_notes
from pcgm_bench.studies.controls import methods_first
from pcgm_bench.studies.recovery_rules import IMPOSSIBLE
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table
from pcgm_bench.tables import interval

NULL_METRICS = ("composition", "composition-voxels")
ROUND_TRIP_METRICS = ("reversibility", "reversibility-voxels")
CYCLES = 10
"""Null interventions in a row."""
QUICK_NULLS = 3
"""People of whom nothing is asked again and again in a quick run (else all of whom nothing is asked)."""
THERE = (1.10, 0.90)
"""Of these doses the first person of every region is asked back; in a quick run of the first dose only."""


def chains(
    asked: Sequence[tuple[int, Mapping[str, float]]], regions: Sequence[str], quick: bool
) -> list[tuple[int, list[dict[str, float]]]]:
    """``(row of the table, dos)``: null interventions in a row, and round trips; each goes on from one of ``asked``."""
    nulls = [index for index, do in asked if not do]
    found: list[tuple[int, list[dict[str, float]]]] = [
        (index, [{} for _ in range(CYCLES)]) for index in (nulls[:QUICK_NULLS] if quick else nulls)
    ]
    for dose in THERE[:1] if quick else THERE:
        for region in regions:
            there = {region: dose}
            first = next((index for index, do in asked if do == there), None)
            if first is not None:
                found.append((first, [there, {region: 1 / dose}]))
    return found


def summary(
    axioms: Mapping[str, Mapping[str, Any]],
    records: Mapping[str, Mapping[str, Any]],
    controls: Sequence[str],
    floor: str,
) -> dict[str, Any] | None:
    """What the scores keep: rows, records, and the lines in which a control other than ``floor`` beats every method.

    None without chains.
    """
    if not axioms:
        return None
    names = (*NULL_METRICS, *ROUND_TRIP_METRICS)
    kept = {name: records[name] for name in names if name in records}
    stored = plain_json({"cycles": CYCLES, "records": kept, "rows": axioms})
    lines: dict[str, list[BoardEntry]] = {}
    for entry in entries(stored, controls):
        lines.setdefault(entry.column, []).append(entry)
    return {**stored, "beaten": beaten_by_controls(lines, floor)}


def entries(stored: Mapping[str, Any] | None, controls: Sequence[str]) -> list[BoardEntry]:
    """One entry a row and line; millilitres stand in the table alone."""
    if stored is None:
        return []
    found = []
    for row, results in stored["rows"].items():
        for name, cycles, column in _lines(stored):
            cell = _cell(results, name, cycles) or {}
            record = stored["records"][name]
            found.append(
                BoardEntry(
                    row=row, column=column, metric=record["identity"] + (f" x {cycles}" if cycles else ""),
                    direction=record["direction"], value=cell.get("value"), low=cell.get("low"), high=cell.get("high"),
                    n=cell.get("n"), is_control=row in controls, by_unit=cell.get("by_unit"),
                )
            )  # fmt: skip
    return found


def _lines(stored: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Metric, cycles (empty for a round trip), heading."""
    every = sorted({k for results in stored["rows"].values() for name in NULL_METRICS for k in results.get(name, {})},
                   key=int)  # fmt: skip
    units = {"composition": ", %", "reversibility": ", share left"}
    lines = []
    for name in stored["records"]:
        for cycles in every if name in NULL_METRICS else [""]:
            times = f" x {cycles}" if cycles else ""
            lines.append((name, cycles, f"{name}{times}{units.get(name, '')}"))
    return lines


def _cell(results: Mapping[str, Any], name: str, cycles: str) -> Mapping[str, Any] | None:
    found = results.get(name)
    return found.get(cycles) if found is not None and cycles else found


def table(scores: Mapping[str, Any], controls: Sequence[str]) -> Table:
    """Lines down, rows across, estimates with intervals and people; flagged where a useless control stands first."""
    stored = scores["axioms"]
    title = "Axioms: nothing asked again and again, and there and back"
    names = methods_first(scores["rows"], controls)
    heads = [Column("axiom"), Column("perfect"), Column("useless"), *map(Column, names)]
    if stored is None:
        cells: list[Cell] = ["composition, reversibility", None, None, *[IMPOSSIBLE] * len(names)]
        note = "Not possible: chains need the plugin, since an image can be changed again only by what made it."
        return Table("axioms", title, heads, [cells], [note])
    rows: list[list[Cell]] = []
    for name, cycles, heading in _lines(stored):
        record = stored["records"][name]
        ends: list[Cell] = [
            f"{record['perfect']:g}",
            "no bound" if record["useless"] is None else f"{record['useless']:g}",
        ]
        found = [_cell(stored["rows"].get(row, {}), name, cycles) for row in names]
        flag = " (!)" if heading in stored["beaten"] else ""
        rows.append([heading + flag, *ends, *map(_text, found)])
        if any(cell and "ml" in cell for cell in found):
            rows.append([f"{heading.split(',')[0]}, mL{flag}", "0", "no bound", *map(_in_ml, found)])
    return Table("axioms", title, heads, rows, _notes(stored))


def _notes(stored: Mapping[str, Any]) -> list[str]:
    return [
        "Estimate [95 %] (people; images where voxels are compared). Less is better. Every image is read by the run's "
        "segmenter, given back as a scan, and changed again.",
        f"Composition: nothing is asked, once and {stored['cycles']} times in a row; mean absolute change of volumes, "
        "and of intensity inside the head (white matter is 1). Reversibility: one region is asked to change by 10 % "
        "and back; what is left of the way, in its volume and in intensities, and its distance from the start in mL.",
        "A perfect generator scores 0, but for the noise of images and of the segmenter: the oracle's column, which "
        "draws fresh noise. A useless one, such as random-other, is another person away in composition, which has no "
        "bound, and keeps about 1 of the way in reversibility, which has no value where nothing moved (0.5 % or less).",
        "copy-input is perfect in composition by standing still, and has no way back to go: read both beside slopes.",
        *beaten_notes(stored["beaten"]),
    ]


def _text(cell: Mapping[str, Any] | None) -> str | None:
    if cell is None:
        return IMPOSSIBLE
    if cell.get("value") is None:
        return str(cell.get("reason", "does not move"))
    return f"{interval(cell, '.3g')} ({cell['n']})"


def _in_ml(cell: Mapping[str, Any] | None) -> str | None:
    if cell is None or cell.get("value") is None:
        return _text(cell)
    return f"{interval({'value': cell['ml'], 'low': cell['ml_low'], 'high': cell['ml_high']}, '.3g')} ({cell['n']})"
