"""Stored scores of the ageing study as tables, and the warnings that belong beside them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pcgm_bench.studies.aging_visits import GROUPS
from pcgm_bench.studies.aging_visits import follow_ups
from pcgm_bench.studies.aging_visits import people
from pcgm_bench.studies.controls import beaten_notes
from pcgm_bench.studies.controls import controls_above
from pcgm_bench.studies.controls import marked
from pcgm_bench.studies.controls import verdict_rank
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table
from pcgm_bench.tables import interval

UNIT = "log-% / year"
OWN = "own scan nearest"

_NOTES = {
    "oracle": "oracle: the true later anatomy of the phantom person, with a wiggle of the first visit's where the real "
    "scan has one of its own: what no generator can better, save by luck.",
    "copy-input": "copy-input: no change. Its skill against no change is 0, its r and concordance are 0.",
    "blurred-copy": "blurred-copy: no change, but blur alters the reading, which counts as ageing.",
    "random-other": "random-other: a scan of somebody else of the diagnosis and sex, of any age.",
    "training-mean": "training-mean: one brain for everybody, at any age.",
}


_Value = Callable[[Mapping[str, Any]], float | None]
_SOUND: dict[str, tuple[str, _Value]] = {
    "slope bias": ("nearest", lambda entry: entry["sound"]["slope"]["bias"]["value"]),
    "skill: no change": ("higher", lambda entry: entry["sound"]["skill"]["value"]),
    "skill: training rate": ("higher", lambda entry: (entry["sound"]["skill"]["against_training"] or {}).get("value")),
    "concordance": ("higher", lambda entry: entry["sound"]["agreement"]["value"]),
    "same sign": ("higher", lambda entry: entry["sound"]["agreement"]["sign"]["value"]),
    "against no change": ("higher", lambda entry: verdict_rank(entry["verdict"])),
}
"""Heading -> what is better there, and the value of a row in a group."""
_SLOPES: dict[str, tuple[str, _Value]] = {
    "bias": _SOUND["slope bias"],
    "mean absolute": ("lower", lambda entry: entry["sound"]["slope"]["value"]),
    "root mean square": ("lower", lambda entry: entry["sound"]["slope"]["rmse"]["value"]),
}
_PAPER: dict[str, tuple[str, _Value]] = {
    "NMSE": ("lower", lambda entry: entry.get("paper", entry)["nmse"]["value"]),
    "r": ("higher", lambda entry: entry.get("paper", entry)["pearson"]["value"]),
}


def all_tables(scores: Mapping[str, Any], controls: Collection[str], floor: str) -> list[Table]:
    """Both overviews and the people; then the detail.

    Args:
        scores: what the study stored.
        controls: rows that are controls.
        floor: the control that may stand above every method.
    """
    return [
        sound_overview(scores, controls, floor),
        paper_overview(scores, controls, floor),
        groups_table(scores),
        comparisons_table(scores),
        slopes_table(scores, controls, floor),
        paper_table(scores),
    ]


def groups_of(scores: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Groups with their scores, in the paper's order."""
    return [(group, scores["groups"][group]) for group in GROUPS if group in scores["groups"]]


def rows_of(scores: Mapping[str, Any], content: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Rows of a group with their scores, in the order they were run."""
    return [(row, content["rows"][row]) for row in scores["order"] if row in content["rows"]]


def _beaten(
    columns: Mapping[str, tuple[str, _Value]],
    name: str,
    content: Mapping[str, Any],
    controls: Collection[str],
    floor: str,
) -> dict[str, list[str]]:
    """``skill: no change (HIV)`` -> controls that stand above every method there."""
    found = {
        f"{heading} ({name})": controls_above(
            {row: value(entry) for row, entry in content["rows"].items()}, controls, floor, direction
        )
        for heading, (direction, value) in columns.items()
    }  # fmt: skip
    return {line: better for line, better in found.items() if better}


def sound_overview(scores: Mapping[str, Any], controls: Collection[str], floor: str) -> Table:
    """Groups x rows: slope bias, skills, concordance, sign, with intervals."""
    rows: list[list[Cell]] = []
    for group, content in groups_of(scores):
        for row, entry in rows_of(scores, content):
            slope, skill, agreement = (entry["sound"][name] for name in ("slope", "skill", "agreement"))
            rows.append(
                [
                    group,
                    row,
                    interval(slope["bias"], "+z.2f"),
                    interval(skill, "z.2f"),
                    interval(skill["against_training"], "z.2f"),
                    interval(agreement, "z.2f"),
                    interval(agreement["sign"], "z.2f"),
                    entry["verdict"],
                    slope["n"],
                ]
            )
    shown = {row for content in scores["groups"].values() for row in content["rows"]}
    notes = [
        f"Slope: {UNIT} from the baseline, made minus real. Skill: 1 - MSE of log-volume / MSE of the reference; 1 no "
        "error, 0 as good, below 0 worse. No change: the baseline's volume. Training rate: that volume aged at the "
        "mean real rate of the fold's training people of the group. Concordance: Lin's, of rates, person by person.",
        "In brackets 95 % intervals: bootstrap over people, Wilson for the sign. Against no change: by the interval of "
        "that skill.",
        *(text for name, text in _NOTES.items() if name in shown),
    ]
    if scores["missing_rows"]:
        notes.append(f"Not scored, no readings: {', '.join(scores['missing_rows'])}.")
    dropped = {
        f"{row}, {group}": entry["dropped"]
        for group, content in groups_of(scores)
        for row, entry in rows_of(scores, content)
        if entry["dropped"]
    }
    if dropped:
        notes.append(f"People left out for want of an image: {dropped}; rows with other people are not comparable.")
    notes += _power_notes(scores, controls)
    beaten: dict[str, list[str]] = {}
    for group, content in groups_of(scores):
        beaten |= _beaten(_SOUND, group, content, controls, floor)
    heads = ["group", "row", *(marked(heading, beaten) for heading in _SOUND), "n"]
    notes += beaten_notes(beaten)
    return Table("overview-sound", "Ageing study by the sound rule", [Column(x) for x in heads], rows, notes)


def _power_notes(scores: Mapping[str, Any], controls: Collection[str]) -> list[str]:
    """The slope bias of a method that a paired t-test would show four times in five, in the slope's unit."""
    seen: dict[str, list[str]] = {}
    for group, content in groups_of(scores):
        for row, entry in rows_of(scores, content):
            errors = list(entry["sound"]["slope"]["people"].values())
            if row not in controls and content["detectable_bias"] and len(errors) == content["n"]:
                bias = content["detectable_bias"] * float(np.std(errors, ddof=1))
                seen.setdefault(row, []).append(f"{bias:.2f} ({group}, n = {content['n']})")
    return [
        f"You could see a slope bias of {row} of >= {', '.join(each)} {UNIT}: 80 % power, two-sided 0.05."
        for row, each in seen.items()
    ]


def paper_overview(scores: Mapping[str, Any], controls: Collection[str], floor: str) -> Table:
    """Rows x groups: the paper's NMSE and Pearson's r."""
    rows: list[list[Cell]] = []
    for row, everybody in rows_of(scores, scores["all"]):
        cells: list[Cell] = [row]
        for metric, digits in (("nmse", 4), ("pearson", 2)):
            cells.append(interval(everybody[metric], f"z.{digits}f"))
            for _, content in groups_of(scores):
                entry = content["rows"].get(row)
                value = None if entry is None else entry["paper"][metric]["value"]
                cells.append(None if value is None else f"{value:.{digits}f}")
        rows.append(cells)
    notes = [
        "NMSE: sum of squared errors over sum of squares of a person's follow-ups, averaged over people. The paper "
        "names it and prints no formula; this is the plainest reading. It hardly asks whether anything aged.",
    ]
    warning = next((entry["pearson"]["warning"] for entry in scores["all"]["rows"].values()), None)
    if warning:
        notes.append(f"WARNING, Pearson: {warning}")
    notes.append(
        "Both r begin with the baseline, the input; without it two visits have no r. No change counts as r = 0."
    )
    named = {"everybody": scores["all"], **dict(groups_of(scores))}
    beaten: dict[str, list[str]] = {}
    for name, content in named.items():
        beaten |= _beaten(_PAPER, name, content, controls, floor)
    heads = ["row"]
    for metric in _PAPER:
        for name in named:
            ends = (" [95 %]" if name == "everybody" else "") + (" (!)" if f"{metric} ({name})" in beaten else "")
            heads.append(f"{metric}, {name}{ends}")
    notes += beaten_notes(beaten)
    return Table("overview-paper", "Ageing study by the paper's rule", [Column(x) for x in heads], rows, notes)


def groups_table(scores: Mapping[str, Any]) -> Table:
    """Who was scored, and what their ventricles really did."""
    rows: list[list[Cell]] = []
    for group, content in groups_of(scores):
        visits = content["visits"]
        rows.append(
            [
                group,
                content["n"],
                visits["2"],
                visits["3"],
                visits["4+"],
                content["follow_ups"],
                interval(content["real_rate"], "+z.2f"),
                content["real_rate"]["sd"],
                content["training_rate"],
                content["detectable_bias"],
            ]
        )
    heads = [Column(x) for x in ("group", "people", "2 visits", "3 visits", "4 or more", "follow-ups")]
    heads += [Column(f"real slope, {UNIT} [95 %]"), Column("s.d."), Column("training slope", signed=True)]
    heads.append(Column("bias seen, s.d."))
    notes = [
        "Slopes as read by the segmenter: their s.d. holds the noise of reading. Visits include the baseline.",
        "Bias seen: the slope bias that a paired t-test would show in four of five studies of this size, in s.d. of "
        "the slope error over people.",
    ]
    return Table("people", "Who was scored, and how their ventricles grew", heads, rows, notes)


def comparisons_table(scores: Mapping[str, Any]) -> Table:
    """Methods against every other row: paired tests of NMSE."""
    rows: list[list[Cell]] = []
    for group, content in [("everybody", scores["all"]), *groups_of(scores)]:
        for pair in content["comparisons"]:
            numbers = [pair[key] for key in ("ratio", "paper_t", "paper_p", "p", "p_holm")]
            rows.append([group, f"{pair['first']} / {pair['second']}", *numbers, pair["n"]])
    heads = [Column("group"), Column("rows"), Column("NMSE ratio"), Column("t (paper)", signed=True)]
    heads += [Column(x, 4, p_value=True) for x in ("p (paper)", "p (Wilcoxon)", "p (Holm)")]
    notes = [
        "Paper: paired t-test of NMSE, which is skewed. Sound: Wilcoxon's signed-rank test of log NMSE, Holm over the "
        "pairs of a group. Ratio: geometric mean, below 1 where the first row is better.",
    ]
    return Table("comparisons", "Methods against other rows", [*heads, Column("n")], rows, notes, detail=True)


def slopes_table(scores: Mapping[str, Any], controls: Collection[str], floor: str) -> Table:
    """Every row's slope error: bias, mean absolute, root mean square."""
    rows: list[list[Cell]] = []
    beaten: dict[str, list[str]] = {}
    for group, content in groups_of(scores):
        beaten |= _beaten(_SLOPES, group, content, controls, floor)
        for row, entry in rows_of(scores, content):
            slope = entry["sound"]["slope"]
            near = scores["own_nearest"].get(row)
            cells = [interval(slope["bias"], "+z.2f"), interval(slope, "z.2f"), interval(slope["rmse"], "z.2f")]
            less = slope.get("against_no_change")
            cells.append(None if less is None else interval(less, "+z.2f"))
            rows.append([group, row, *cells, slope["n"], None if near is None else near["value"]])
    near_values = {row: (near or {}).get("value") for row, near in scores["own_nearest"].items()}
    if better := controls_above(near_values, controls, floor, "higher"):
        beaten[OWN] = better
    marks = [marked(heading, beaten) for heading in _SLOPES]
    heads = ["group", "row", *marks, "mean absolute less no change's", "n", marked(OWN, beaten)]
    notes = [
        "Less no change's: of the same people, paired; below 0 the made rate is nearer to the real one than no change.",
        "Own scan nearest: share of all the row's images whose nearest factual scan is one of the person's own.",
    ]
    return Table(
        "slopes",
        f"Slope error, {UNIT} [95 %]",
        [Column(x) for x in heads],
        rows,
        [*notes, *beaten_notes(beaten)],
        True,
    )


def paper_table(scores: Mapping[str, Any]) -> Table:
    """The paper's numbers group by group with intervals, and the part of Pearson's r that can be kept."""
    rows: list[list[Cell]] = []
    for group, content in [*groups_of(scores), ("everybody", scores["all"])]:
        for row, entry in rows_of(scores, content):
            paper = entry.get("paper", entry)
            nmse, pearson = paper["nmse"], paper["pearson"]
            kept = pearson["sound"]
            cells = [interval(nmse, "z.4f"), f"{nmse['median']:.4f}", interval(pearson, "z.2f"), pearson["visits"]["2"]]
            rows.append([group, row, *cells, interval(kept, "z.2f"), None if kept is None else kept["n"], nmse["n"]])
    heads = ["group", "row", "NMSE [95 %]", "median", "r [95 %]", "of whom 2 visits", "r, 4 visits or more, follow-ups"]
    return Table(
        "paper",
        "The paper's rule, group by group",
        [Column(x) for x in [*heads, "n of that", "n"]],
        rows,
        (),
        detail=True,
    )


def cohort_warnings(table: pd.DataFrame, is_phantom: bool) -> list[str]:
    """What a cohort's size, visits and origin forbid to conclude; one line each."""
    groups = people(table)
    visits = {name: len(later) + 1 for name, later in follow_ups(table).items() if name in groups}
    found = []
    sizes = {group: sum(g == group for g in groups.values()) for group in GROUPS}
    for group, n in sizes.items():
        if n == 0:
            found.append(f"no {group} with a follow-up: that part of the study is empty")
        elif n < 20:
            found.append(f"{n} {group}: intervals are wide, and bootstrap intervals of so few people are too narrow")
    two = sum(n == 2 for n in visits.values())
    if two:
        found.append(
            f"{two} of {len(visits)} people have two visits: their Pearson r is +1 or -1 whatever the size of the "
            "change, so the paper's average r cannot tell right ageing from fivefold ageing"
        )
    found.append("the paper's NMSE hardly separates ageing from no change: read slope error and skill first")
    single = table["subject"].nunique() - len(visits)
    if single:
        found.append(f"{single} people have no follow-up or another diagnosis: they are not scored")
    if is_phantom:
        found.append(
            "phantom cohort: every number here is about simulated anatomy; everybody's ventricles grow at a constant "
            "rate of their own"
        )
    else:
        found.append("real cohort: there is no oracle, so the ceiling that noise of reading sets is unknown")
    return found
