"""Single requests of the recovery study by the metrics `effectiveness`, `minimality` and `dose-response`.

They stand beside the study's verdicts and do not make them: the verdicts fit a line a region, take the oracle's
spill-over of the same requests away, and hold intervals against bounds (`recovery_rules`). The metrics know no oracle,
so that its row is their floor. `minimality-voxels` is not here: it wants the voxels in which change was asked for, and
the runner hands a study no mask of a request (nor does any contract have one: see `recovery_axioms`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import BoardEntry
from pcgm_bench.metrics.dose_response import DoseResponse
from pcgm_bench.metrics.effectiveness import Effectiveness
from pcgm_bench.metrics.minimality import Minimality
from pcgm_bench.plain import plain_json
from pcgm_bench.statistics.bootstrap import over_people
from pcgm_bench.studies.controls import beaten_by_controls
from pcgm_bench.studies.controls import beaten_notes
from pcgm_bench.studies.controls import methods_first
from pcgm_bench.studies.recovery_rules import IMPOSSIBLE
from pcgm_bench.studies.recovery_rules import READ
from pcgm_bench.studies.recovery_rules import Responses
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table
from pcgm_bench.tables import interval

PARTS: dict[str, tuple[str, ...]] = {"lobes": LOBE_NAMES, "ventricles": ("ventricles",)}
"""Requests that are scored together: a row that cannot be asked for ventricles is compared on the lobes alone."""
METRICS: tuple[Any, ...] = (Effectiveness, Minimality, DoseResponse)
LINES = (
    ("effectiveness", "", "effectiveness, share of the change"),
    ("effectiveness", "percent", "error of the volume asked for, %"),
    ("effectiveness", "ml", "error of the volume asked for, mL"),
    ("minimality", "", "minimality, %"),
    ("minimality", "ml", "minimality, mL"),
    ("dose-response", "", "dose-response, slope"),
)
"""Metric, the part of its result (empty: its value), heading."""
BOARD = tuple(line for line in LINES if not line[1])
"""On the leaderboard; error in per cent and in mL stand in the table alone."""


def scores_of(found: Responses, seed: int) -> dict[str, dict[str, Any]]:
    """Part -> metric -> result of one row; a part without requests, or a metric without enough of them, is not there.

    ``percent`` and ``ml`` of a result have intervals too (``ml_low``, ``ml_high``), means over people.
    """
    result: dict[str, dict[str, Any]] = {}
    for part, regions in PARTS.items():
        dosed = [region for region in regions if len(np.unique(found.doses[found.regions == region])) > 1]
        changes = _table(found, dosed)
        asked = changes[changes[[f"asked_{region}" for region in dosed]].notna().any(axis=1)] if dosed else None
        if asked is None:
            continue
        result[part] = {
            "effectiveness": _with_people(Effectiveness(), asked, ("percent", "ml"), seed),
            "minimality": _with_people(Minimality(), asked, ("ml",), seed),
            "dose-response": DoseResponse()(changes, seed=seed),
        }
    return result


def summary(rows: Mapping[str, Mapping[str, Any]], controls: Sequence[str], floor: str) -> dict[str, Any]:
    """What the scores keep: rows (of `scores_of`), records, and the lines where a useless control stands first."""
    records = {
        one.record.name: {**dataclasses.asdict(one.record), "identity": f"{one.record.name}-{one.record.version}"}
        for one in METRICS
    }
    stored: dict[str, Any] = plain_json({"records": records, "rows": rows})
    lines: dict[str, list[BoardEntry]] = {}
    for entry in entries(stored, controls, LINES):
        lines.setdefault(entry.column, []).append(entry)
    return {**stored, "beaten": beaten_by_controls(lines, floor)}


def entries(
    stored: Mapping[str, Any] | None, controls: Sequence[str], lines: Sequence[tuple[str, str, str]] = BOARD
) -> list[BoardEntry]:
    """One entry a row, part and line; none from scores that were stored before there were any."""
    if stored is None:
        return []
    found = []
    for row, parts in stored["rows"].items():
        for part, name, key, line in _lines(parts, lines):
            cell = _cell(parts, part, name, key)
            record = stored["records"][name]
            nearest = record["direction"] == "perfect"
            found.append(
                BoardEntry(
                    row=row, column=f"{part}: {line}", metric=record["identity"] + (f" {key}" if key else ""),
                    direction="nearest" if nearest else "lower" if key else record["direction"],
                    value=cell["value"], low=cell["low"], high=cell["high"], n=cell["n"],
                    target=record["perfect"] if nearest else None, is_control=row in controls,
                    by_unit=None if key else cell.get("by_unit"),
                )
            )  # fmt: skip
    return found


def table(scores: Mapping[str, Any], controls: Sequence[str]) -> Table | None:
    """Lines down, rows across; None for scores that were stored before there were any."""
    stored = scores.get("changes")
    if stored is None:
        return None
    names = methods_first(scores["rows"], controls)
    rows: list[list[Cell]] = []
    for part, name, key, line in _lines(PARTS, LINES):
        record = stored["records"][name]
        useless = None if key else record["useless"]
        ends: list[Cell] = [
            "0" if key else f"{record['perfect']:g}",
            "no bound" if useless is None else f"{useless:g}",
        ]
        flag = " (!)" if f"{part}: {line}" in stored["beaten"] else ""
        cells = [_text(_cell(stored["rows"].get(row, {}), part, name, key)) for row in names]
        rows.append([f"{part}: {line}{flag}", *ends, *cells])
    heads = [Column("metric"), Column("perfect"), Column("useless"), *map(Column, names)]
    notes = [
        "Estimate [95 %] (people). Effectiveness: 1 - error / change asked, over the regions asked about; 1 is the "
        "volume asked for, 0 is no nearer than the scan. Minimality: mean absolute change of the regions that were not "
        "asked about. Dose-response: slope of all doses fitted together, so that it may differ a little from the "
        "mean of the slopes above.",
        "No oracle is taken away here: its column is what fresh image noise and the segmenter make of a perfect image. "
        "A method that keeps the scan's own noise can move the other regions less than it.",
        "copy-input: moves nothing, so that its minimality is perfect, its effectiveness 0 and its slope 0.",
        *beaten_notes(stored["beaten"]),
    ]
    title = "Single requests: effectiveness, minimality, dose-response"
    return Table("requests", title, heads, rows, notes)


def _table(found: Responses, regions: Sequence[str]) -> pd.DataFrame:
    """Requests of these regions and of nothing, as the metrics want them: mL before, asked for and after."""
    mine = found.at(np.isin(found.regions, [*regions, ""]))
    after = mine.before * np.exp(mine.changes / 100)
    columns: dict[str, Any] = {"subject": mine.subjects}
    for k, name in enumerate(READ):
        columns |= {f"before_{name}": mine.before[:, k], f"after_{name}": after[:, k]}
    for name in regions:
        asked = mine.before[:, READ.index(name)] * np.exp(mine.doses / 100)
        columns[f"asked_{name}"] = np.where(mine.regions == name, asked, np.nan)
    return pd.DataFrame(columns)


def _with_people(
    metric: Callable[..., dict[str, Any]], changes: pd.DataFrame, keys: Sequence[str], seed: int
) -> dict[str, Any]:
    """A metric's result; of these parts the mean over people with its interval."""
    result = metric(changes, seed=seed)
    people = [metric(one) for _, one in changes.groupby("subject", sort=True)]
    for key in keys:
        mean = _mean(np.array([one[key] for one in people]), seed)
        result |= {key: mean["value"], f"{key}_low": mean["low"], f"{key}_high": mean["high"]}
    return result


def _mean(values: np.ndarray, seed: int) -> dict[str, Any]:
    return over_people(lambda rows: float(values[rows].mean()), len(values), seed, least=0.0)


def _lines(parts: Mapping[str, Any], lines: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str, str]]:
    return [(part, *line) for part in PARTS if part in parts for line in lines]


def _cell(parts: Mapping[str, Any], part: str, name: str, key: str) -> dict[str, Any]:
    """Value, interval and people; all None where the row has no such requests."""
    found = parts.get(part, {}).get(name, {})
    named = {"value": key or "value", "low": f"{key}_low" if key else "low", "high": f"{key}_high" if key else "high"}
    return {**found, **{end: found.get(where) for end, where in named.items()}, "n": found.get("n")}


def _text(cell: Mapping[str, Any]) -> str:
    return IMPOSSIBLE if cell["value"] is None else f"{interval(cell, '.3g')} ({cell['n']})"
