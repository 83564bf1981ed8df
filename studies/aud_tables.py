"""Stored scores of the AUD study as tables, and the warnings that belong beside them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pcgm_bench.statistics.effects import detectable
from pcgm_bench.studies import aud_marks
from pcgm_bench.studies.aud_cohort import find_levels
from pcgm_bench.studies.aud_marks import Controls
from pcgm_bench.studies.aud_person import OWN_NEAREST
from pcgm_bench.studies.aud_rules import COLUMNS
from pcgm_bench.studies.aud_sample import LOBES
from pcgm_bench.studies.aud_sample import REGIONS
from pcgm_bench.studies.controls import beaten_notes
from pcgm_bench.studies.controls import marked
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table
from pcgm_bench.tables import interval
from pcgm_bench.tables import slug

_NOTES = {
    "oracle": "oracle: the true counterfactual of the phantom person; the ceiling of every column at this n.",
    "copy-input": "copy-input: the scan unchanged; its controls-made-from-patients are still patients: wrong sign.",
    "random-other": "random-other: another person of the target group. Its groups are right by construction, so the "
    "paper rule cannot refuse it; it still fails, because it is not the same person (error to the oracle).",
    "permuted": "(volumes, labels permuted): the causal model saw permuted labels, the rule sees the true ones. Its "
    "counterfactuals hardly move, so column 1 shows the real difference reversed: significant, with the wrong sign.",
    "all permuted": "labels permuted before everything: nothing may be found anywhere, the real column included.",
    "volumes": "(volumes): the causal model alone. It sets the column 4 and 5 means equal by construction.",
}


def _row_notes(rows: Mapping[str, Any]) -> list[str]:
    notes = [_NOTES[name] for name in ("oracle", "copy-input", "random-other") if name in rows]
    if any(row.endswith(" (volumes)") for row in rows):
        notes.append(_NOTES["volumes"])
    if any(row.endswith(" (volumes, labels permuted)") for row in rows):
        notes.append(_NOTES["permuted"])
    if "labels permuted before everything" in rows:
        notes.append(_NOTES["all permuted"])
    return notes


def size_line(scores: Mapping[str, Any]) -> str:
    """What the cohort's size allows: ``with n = 100 + 100 you could see d >= 0.50 ...``."""
    n = scores["n"]
    return (
        f"With n = {n['control']} + {n['patient']} you could see d >= {Column('').text(scores['detectable_d'])} "
        "(80 % power, two-sided 0.05 / 6)."
    )


def paper_overview(scores: Mapping[str, Any], controls: Controls) -> Table:
    """Rows x columns: the paper's count of correct lobes."""
    rows: list[list[Cell]] = []
    for row, entry in scores["rows"].items():
        counts = [entry["paper"].get(name) for name in COLUMNS]
        shown = [None if count is None else f"{count['correct']}/6" for count in counts]
        rows.append([row, *shown, aud_marks.wrong_signs(entry)])
    notes = [
        "'# Correct' of 6 lobes: Student's t, head size regressed out, significant is p <= 0.05 / 6. The rule does not "
        "look at signs; 'wrong signs' counts significant cells where AUD is not smaller.",
        *(f"{name}: {c.title}." for name, c in COLUMNS.items()),
        size_line(scores),
    ]
    if scores["missing_rows"]:
        notes.append(f"Not scored, too few readings: {', '.join(scores['missing_rows'])}.")
    dropped = {row: entry["dropped"] for row, entry in scores["rows"].items() if entry["dropped"]}
    if dropped:
        notes.append(f"People left out for want of a reading: {dropped}.")
    beaten = controls.above(scores, aud_marks.PAPER, "higher") | controls.above(scores, aud_marks.SIGNS, "lower")
    notes += beaten_notes(beaten)
    heads = [Column("row"), *_count_heads(beaten), Column(marked(aud_marks.WRONG_SIGNS, beaten))]
    return Table("overview-paper", "AUD study by the paper's rule", heads, rows, notes)


def _count_heads(beaten: Mapping[str, Any]) -> list[Column]:
    return [Column(name + (" (!)" if aud_marks.column(name) in beaten else "")) for name in COLUMNS]


def sound_overview(scores: Mapping[str, Any], controls: Controls) -> Table:
    """Rows x columns: right / inconclusive / wrong lobes by the sound rule, the person, and the verdict."""
    rows: list[list[Cell]] = []
    for row, entry in scores["rows"].items():
        cells: list[Cell] = [row]
        for name in COLUMNS:
            count = entry["sound"]["counts"].get(name)
            cells.append(None if count is None else f"{count['right']}/{count['inconclusive']}/{count['wrong']}")
        person = entry.get("person")
        cells += [None if person is None else ("yes" if person["passed"] else "no"), entry.get("verdict")]
        rows.append(cells)
    beaten = controls.above(scores, aud_marks.SOUND, "higher")
    notes = [
        "Lobes right / inconclusive / wrong; (!) goes by right less wrong.",
        *_row_notes(scores["rows"]),
        *beaten_notes(beaten),
    ]
    heads = [
        Column("row"),
        *_count_heads(beaten),
        *(Column(marked(x, beaten)) for x in (aud_marks.SAME_PERSON, aud_marks.VERDICT)),
    ]
    return Table("overview-sound", "AUD study by the sound rule", heads, rows, notes)


def paper_table(scores: Mapping[str, Any], row: str) -> Table:
    """One row's p-values, laid out as Table 3; a minus sign follows where AUD is smaller."""
    paper = scores["rows"][row]["paper"]
    rows: list[list[Cell]] = [[lobe, *(_p(paper[name], name, lobe) for name in paper)] for lobe in LOBES]
    rows.append(["# correct", *(column["correct"] for column in paper.values())])
    return Table(
        f"paper-{slug(row)}",
        f"{row}: p-values by the paper rule",
        [Column("lobe"), *(Column(COLUMNS[name].title) for name in paper)],
        rows,
        ["* p <= 0.05 / 6; (+) significant with the wrong sign: AUD is not smaller.", size_line(scores)],
    )


_P = Column("p", 4, p_value=True)


def _p(column: Mapping[str, Any], name: str, lobe: str) -> str | None:
    p = column["p"][lobe]
    if p is None:
        return None
    mark = "*" if lobe in column["significant"] else ""
    return _P.text(p) + mark + ("(+)" if lobe in column["wrong_sign"] else "")


def sound_table(scores: Mapping[str, Any], row: str) -> Table:
    """One row's effects with intervals and verdicts."""
    entry = scores["rows"][row]
    sound = entry["sound"]
    rows: list[list[Cell]] = []
    for name, lobes in sound["columns"].items():
        for lobe, cell in lobes.items():
            pair = sound["paired"].get(name, {}).get(lobe, {})
            numbers = [cell[key] for key in ("d", "low", "high", "p_holm", "tost_p", "tost_power", "percent")]
            rows.append([name, lobe, *numbers, pair.get("d_z"), pair.get("r"), cell["n"], cell["verdict"]])
    bounds = scores["bounds"]
    notes = [
        "d: adjusted for age, sex and factual head size; 95 % intervals by subject bootstrap "
        f"({sound['replicates']} replicates); p by Holm over six lobes.",
        f"Equivalence: TOST, declared bound abs(d) {bounds['independent']:g}, same people (columns 2, 3) "
        f"{bounds['paired']:g}; its power is for no difference at all with this standard error.",
    ]
    if entry.get("has_model"):
        notes.append(
            "The causal model was fitted anew in every replicate."
            if sound["refitted"]
            else "PGM not refitted: intervals ignore how uncertain the causal model's effect is, and are too narrow."
        )
    heads = [Column("column"), Column("lobe"), *(Column(x, signed=True) for x in ("d", "low", "high"))]
    heads += [
        Column("p (Holm)", 4, p_value=True),
        Column("TOST p", 4, p_value=True),
        Column("TOST power"),
        Column("difference, %", signed=True),
    ]
    heads += [Column("d_z", signed=True), Column("r"), Column("n"), Column("verdict")]
    return Table(f"sound-{slug(row)}", f"{row}: effects by the sound rule", heads, rows, notes)


def recovery_table(scores: Mapping[str, Any], row: str) -> Table:
    """One row's counterfactual effect over the real and over the planted one."""
    rows: list[list[Cell]] = []
    for name, lobes in scores["rows"][row]["sound"]["recovery"].items():
        for lobe, cell in lobes.items():
            keys = [f"{kind}{end}" for kind in ("of_real", "of_planted") for end in ("", "_low", "_high")]
            planted = scores["planted"].get(lobe)
            rows.append([name, lobe, *(cell.get(key) for key in keys), None if planted is None else float(planted)])
    heads = ["d / d real", "low", "high", "% / planted", "low ", "high "]
    return Table(
        f"recovery-{slug(row)}",
        f"{row}: recovery of the effect",
        [Column("column"), Column("lobe"), *(Column(head) for head in heads), Column("planted loss, %")],
        rows,
        [
            "Target 1, tolerance 0.8 to 1.25; 95 % percentile intervals. The occipital lobe has no effect to "
            "recover, and a ratio to a real effect that is not itself different from 0 says nothing."
        ],
    )


def oracle_table(scores: Mapping[str, Any], controls: Controls) -> Table:
    """Every row's error to the oracle, lobe by lobe."""
    rows: list[list[Cell]] = []
    for row, entry in scores["rows"].items():
        errors = entry.get("oracle_error")
        if errors:
            rows.append([row, *(interval(errors.get(lobe), key="rms") for lobe in LOBES)])
    note = "Both volumes are readings of the same segmenter, so that sqrt(2) times its noise is the floor."
    beaten = controls.above(scores, aud_marks.ERRORS, "lower")
    heads = [Column("row"), *(Column(marked(lobe, beaten)) for lobe in LOBES)]
    title = "Error to the oracle: rms over people, % of the lobe [95 %]"
    return Table("oracle-error", title, heads, rows, [note, *beaten_notes(beaten)])


def person_table(scores: Mapping[str, Any], controls: Controls) -> Table:
    """Is it the same person: the value that decides, and whose scan a row's images come nearest to."""
    rows: list[list[Cell]] = []
    criteria: dict[str, list[str]] = {}
    for row, entry in scores["rows"].items():
        person, near = entry.get("person"), entry.get("own_nearest")
        if person is None:
            continue
        worst = person["worst"]
        deciding = None if worst is None else f"{worst['lobe']} {Column('').text(worst['value'])}"
        percent = {key: 100 * near[key] for key in ("value", "low", "high")} if near else None
        rows.append([row, deciding, interval(percent), "yes" if person["passed"] else "no"])
        criteria.setdefault(person["criterion"], []).append(row)
    notes = [
        *(f"Deciding value: {criterion} ({', '.join(names)})." for criterion, names in criteria.items()),
        f"Own scan nearest: images whose nearest factual scan is the person's own; at least {OWN_NEAREST:.0%}.",
    ]
    beaten = controls.above(scores, aud_marks.PERSON, "higher")
    notes += beaten_notes(beaten)
    heads = ["row", "deciding value", *(marked(heading, beaten) for heading in aud_marks.PERSON)]
    return Table("person", "The same person?", [Column(x) for x in heads], rows, notes)


def spill_table(scores: Mapping[str, Any], controls: Controls) -> Table:
    """Every image row's change achieved minus asked."""
    rows: list[list[Cell]] = []
    for row, entry in scores["rows"].items():
        for direction, regions in entry.get("spill_over", {}).items():
            cells: list[Cell] = [row, direction]
            for region in REGIONS:
                cell = regions.get(region)
                text = f"{cell['excess']:+.2f} [{cell['low']:+.2f}, {cell['high']:+.2f}]" if cell else None
                cells.append(text)
            rows.append(cells)
    beaten = controls.above(scores, aud_marks.SPILL, "nearest")
    heads = [Column("row"), Column("direction"), *(Column(marked(region, beaten)) for region in REGIONS)]
    note = (
        "Occipital lobe, white matter and ventricles are to stay; other lobes only where the row says what it asks. A "
        "(volumes) row makes no image: what it shows in the occipital lobe is the effect its model estimates there."
    )
    title = "Change achieved minus asked, mean over people, % [95 %]"
    return Table("spill-over", title, heads, rows, [note, *beaten_notes(beaten)])


def all_tables(scores: Mapping[str, Any], controls: Controls) -> list[Table]:
    """Both overviews, then the row that a run is about and the person; the rest is detail."""
    methods = [row for row in scores["rows"] if f"{row} (volumes)" in scores["rows"]]
    shown = [paper_overview(scores, controls), sound_overview(scores, controls)]
    shown += [table(scores, row) for row in methods for table in (paper_table, recovery_table)]
    detail = [sound_table(scores, row) for row in ("real", *methods)]
    detail += [paper_table(scores, "real"), spill_table(scores, controls)]
    if any(entry.get("oracle_error") for entry in scores["rows"].values()):
        shown.append(oracle_table(scores, controls))
    return [
        *shown,
        person_table(scores, controls),
        *(dataclasses.replace(table, detail=True) for table in detail),
    ]


def cohort_warnings(table: pd.DataFrame, is_phantom: bool) -> list[str]:
    """What a cohort's size, balance and origin forbid to conclude; one line each."""
    levels = find_levels(table["diagnosis"].tolist())
    people = table.groupby("subject").agg(
        age=("age", "mean"), sex=("sex", "first"), diagnosis=("diagnosis", "first"), head=("head_size", "mean")
    )
    controls = people[people["diagnosis"] == levels.control]
    patients = people[people["diagnosis"] == levels.patient]
    found = []
    seen = detectable(len(controls), len(patients), len(LOBES))
    if min(len(controls), len(patients)) < 100:
        found.append(
            f"n = {len(controls)} + {len(patients)} is too small: only effects of d >= {seen:.2f} could be seen "
            "(80 % power); 'inconclusive' is the expected verdict, and # correct says little"
        )
    spread = ((controls["age"].std() ** 2 + patients["age"].std() ** 2) / 2) ** 0.5
    gap = abs(controls["age"].mean() - patients["age"].mean())
    if gap > 0.25 * spread:
        found.append(f"the groups differ in age by {gap:.1f} years; the paper rule does not adjust for age")
    female = [group["sex"].str.upper().str.startswith("F").mean() for group in (controls, patients)]
    if abs(female[0] - female[1]) > 0.1:
        found.append(
            f"the groups differ in sex ({100 * female[0]:.0f} % and {100 * female[1]:.0f} % women); "
            "the paper rule does not adjust for sex"
        )
    if people["head"].isna().any():
        found.append(f"head size is unknown for {int(people['head'].isna().sum())} people in the table")
    if is_phantom:
        found.append("phantom cohort: every number here is about simulated anatomy")
    else:
        found.append("real cohort: there is no oracle, so error to the true counterfactual cannot be measured")
        found.append("shipped weights were trained on phantoms: expect artefacts on real scans")
        for name in _patients_called(table, levels.patient):
            if name.upper() != "AUD":
                found.append(f"diagnosis {name!r} is not AUD: the expected pattern of lobes is not its pattern")
    return found


def _patients_called(table: pd.DataFrame, patient: str) -> list[str]:
    """What the cohort's own files call its patients: a map of columns may have renamed them."""
    names = table["diagnosis_original"] if "diagnosis_original" in table else table["diagnosis"]
    return sorted({str(name) for name in names[table["diagnosis"] == patient]})
