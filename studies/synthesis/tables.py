"""Stored scores of the synthesis study as tables."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from pcgm_bench.anatomy import DK_REGIONS
from pcgm_bench.contracts import BoardEntry
from pcgm_bench.statistics.effects import detectable
from pcgm_bench.studies.controls import beaten_by_controls
from pcgm_bench.studies.controls import beaten_notes
from pcgm_bench.studies.controls import methods_first
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table
from pcgm_bench.tables import interval

SHARES = {f"share_under_{bound}": f"share of {len(DK_REGIONS)} regions, abs(d) < {bound}" for bound in ("0.2", "0.5")}
"""Parts of a result of `cohens-d` that have a line of their own: a count of regions, without an interval."""
GATE = "qc-gate"


def base(name: str) -> str:
    """``fid`` of ``fid (uncnn)``."""
    return name.split(" (")[0]


def rule_table(
    scores: Mapping[str, Any],
    rule: str,
    name: str,
    title: str,
    controls: Sequence[str],
    floor: str,
    notes: Sequence[str],
) -> Table:
    """Metrics down, rows across: estimate and interval, with what a perfect generator would score."""
    rows = scores["rows"]
    order = methods_first(rows, controls)
    found = _beaten_shares(scores, controls, floor)
    lines: list[list[Cell]] = []
    beaten: dict[str, Sequence[str]] = {}

    def add(heading: str, arrow: str, cells: Sequence[Cell], better: Sequence[str] | None) -> None:
        lines.append([heading + (" (!)" if better else ""), arrow, *cells])
        if better:
            beaten[heading] = better

    for metric, record in scores["records"].items():
        if record["rule"] != rule:
            continue
        results = [rows[row].get(metric) or {} for row in order]
        arrow = f"near {record['perfect']:g}" if record["direction"] == "perfect" else record["direction"]
        add(metric, arrow, [interval(one, ".3g") for one in results], scores["beaten"].get(metric))
        for key, words in SHARES.items():
            if any(one.get(key) is not None for one in results):
                heading = f"{metric}: {words}"
                add(heading, "higher", [_share(one.get(key)) for one in results], found.get(heading))
        if metric == GATE and any(one.get("passed") is not None for one in results):
            add(f"{metric}: set passes", "yes", [_passed(one) for one in results], None)
    columns = [Column("metric"), Column("better"), *(Column(row) for row in order)]
    return Table(name, title, columns, lines, [*notes, *beaten_notes(beaten)])


def _beaten_shares(scores: Mapping[str, Any], controls: Sequence[str], floor: str) -> dict[str, list[str]]:
    """Line of `SHARES` -> controls that stand above every method there."""
    lines: dict[str, list[BoardEntry]] = {}
    for row, results in scores["rows"].items():
        for metric, result in results.items():
            for key, words in SHARES.items():
                heading = f"{metric}: {words}"
                entry = BoardEntry(row, heading, metric, "higher", result.get(key), is_control=row in controls)
                lines.setdefault(heading, []).append(entry)
    return beaten_by_controls(lines, floor)


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def _passed(result: Mapping[str, Any]) -> str | None:
    return None if result.get("passed") is None else ("yes" if result["passed"] else "no")


def _gate_note(scores: Mapping[str, Any]) -> list[str]:
    """Which quality score it is, what passes, and how many real scans do."""
    results = [results[GATE] for results in scores["rows"].values() if results.get(GATE, {}).get("score")]
    said = {(one["score"], one["threshold"], one["real"]) for one in results}
    return [
        f"{GATE}: {score}, at least {threshold:g}; {100 * real:.0f} % of the real scans pass. A set passes with 95 % "
        "of its images, and no smaller a share than of the real ones."
        for score, threshold, real in sorted(said)
    ]


def _power_note(scores: Mapping[str, Any]) -> list[str]:
    """What the two sets' sizes allow in one region; set metrics have their floor instead."""
    sizes = {(one["cohens-d"]["n_real"], one["cohens-d"]["n"]) for one in scores["rows"].values()
             if one.get("cohens-d", {}).get("n_real")}  # fmt: skip
    return [
        f"With n = {real} + {made} you could see d >= {detectable(real, made, len(DK_REGIONS)):.2f} in a region (80 % "
        f"power, two-sided 0.05 / {len(DK_REGIONS)}). Metrics of whole sets have the floor at this n instead."
        for real, made in sorted(sizes)
    ]


def regions_table(scores: Mapping[str, Any], controls: Sequence[str]) -> Table | None:
    """Cohen's d of every Desikan-Killiany region, left and right averaged, by row."""
    rows = scores["rows"]
    order = [row for row in methods_first(rows, controls) if rows[row].get("cohens-d", {}).get("regions")]
    if not order:
        return None
    regions = list(rows[order[0]]["cohens-d"]["regions"])
    lines: list[list[Cell]] = []
    for region in regions:
        found = [rows[row]["cohens-d"]["regions"].get(region) for row in order]
        lines.append([region, *(one.get("d") if isinstance(one, Mapping) else one for one in found)])
    columns = [Column("region"), *(Column(row, signed=True) for row in order)]
    title = "Cohen's d of regional volumes, made against real, head size regressed out (sound rule)"
    return Table("regions", title, columns, lines, (), detail=True)


def regions_ln_d(scores: Mapping[str, Any], controls: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """Row -> region -> ln|d| by the sound rule, None for a d of 0."""
    rows = scores["rows"]
    return {
        row: {region: one["ln_abs_d"] for region, one in rows[row]["cohens-d"]["regions"].items()}
        for row in methods_first(rows, controls)
        if rows[row].get("cohens-d", {}).get("regions")
    }


def _unknown(scores: Mapping[str, Any], metric: str) -> dict[str, str]:
    """Row -> why its privacy cannot be told."""
    found = {}
    for row, results in scores["rows"].items():
        for name, one in results.items():
            if base(name) == metric and one.get("reason"):
                found[row] = one["reason"]
    return found


def privacy_table(scores: Mapping[str, Any], controls: Sequence[str], metric: str) -> Table | None:
    """A line a row and feature space: nearer to training people than to strangers, and as near as a second scan?"""
    rows, lines = scores["rows"], []
    for name in (name for name in scores["records"] if base(name) == metric):
        for row in (row for row in methods_first(rows, controls) if name in rows[row]):
            one = rows[row][name]
            if one.get("reason"):
                lines.append([row, name, f"not known: {one['reason']}", *[None] * 9])
                continue
            sets = f"{one['n_training']} / {one['n_held_out']}"
            copies = {"value": one.get("copies"), "low": one.get("copies_low"), "high": one.get("copies_high")}
            distances = [one.get(f"distance_{kind}") for kind in ("training", "held_out", "retest")]
            shares = [interval(copies) if one.get("n_retest") else "no retest", one.get("copies_of_held_out")]
            sizes = [sets, one["n"], one["n_independent"]]
            lines.append([row, name, one["training"], *sizes, interval(one), *shares, *distances])
    if not lines:
        return None
    headings = [
        Column("row"),
        Column("metric"),
        Column("learnt from"),
        Column("training / held-out scans"),
        Column("n"),
    ]
    headings += [Column("worth", 0), Column("near 0.5"), Column("copies"), Column("copies of held-out")]
    headings += [Column(f"distance to {kind}", 3) for kind in ("training", "held-out", "retest")]
    notes = [
        "near 0.5: share of made images nearer to a training scan than to any held-out one [95 % interval]; new people "
        "score 0.5, copies 1. worth: how many independent images the interval counts. As many people of both kinds, "
        "matched on sex and age: where more were trained on, copies of the rest are not seen.",
        "copies: share of made images nearer to a training scan than a person's second scan is to the first (median of "
        "the retests). Where many are that near to held-out people too, the space does not tell people apart.",
    ]
    return Table("privacy", "Do the made brains give back the people learnt from?", headings, lines, notes, detail=True)


def all_tables(scores: Mapping[str, Any], floor: str, controls: Sequence[str], privacy: str) -> list[Table]:
    """Overview, paper variants, privacy, regions."""
    n = scores["n"]
    notes = [
        f"Estimate [95 % interval]. n = {n} real and {n} made. {floor}: real scans against real ones at the same n, "
        "the floor of every row (for privacy it is a row of copies).",
    ]
    notes += [f"No privacy of {row}: {reason}." for row, reason in _unknown(scores, privacy).items()]
    notes += [*_gate_note(scores), *_power_note(scores)]
    sound = rule_table(scores, "sound", "overview", "New brains against held-out real ones", controls, floor, notes)
    paper = rule_table(
        scores,
        "paper",
        "paper",
        "The same by the formulae as published",
        controls,
        floor,
        ["As published, mistakes included: 0 is not perfect, smoothness is rewarded. Not comparable with the above."],
    )
    more = (privacy_table(scores, controls, privacy), regions_table(scores, controls))
    return [sound, paper, *(table for table in more if table)]
