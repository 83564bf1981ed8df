"""Stored scores of the AUD study as cells of a leaderboard.

The paper's rule and the sound one stay apart. Lobes are columns of their own, since a mean over lobes would let one
that shrinks too much pay for one that shrinks too little.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from pcgm_bench.contracts import BoardEntry
from pcgm_bench.studies.aud_rules import COLUMNS
from pcgm_bench.studies.aud_sample import LOBES
from pcgm_bench.studies.aud_sample import REGIONS

COPY = "copy-input"
STILL = ("occipital", "white_matter", "ventricles")
"""Regions that the diagnosis must leave alone."""

COUNTED = tuple(name for name in COLUMNS if name != "real")
CELLS = len(COUNTED) * len(LOBES)
MADE = {"2": "recovery, controls made patients", "3": "recovery, patients made controls"}
"""Columns of the study whose recovery is shown: the same people in both groups, so that people's differences cancel."""


def entries(scores: Mapping[str, Any], beside: Callable[[str], Sequence[str]]) -> list[BoardEntry]:
    """All cells of a run.

    * rule ``paper``: ``# correct`` of six lobes, columns 1 to 5; its floor in columns 1 to 3 is that of the real
      people. No interval: the rule has none.
    * rule ``sound``: lobes right and wrong of the 30 of columns 1 to 5; error to the oracle over copy-input's, a mean
      over the affected lobes; own scan nearest. Then by lobe: recovery (of the planted loss where it is known, else of
      the real difference), error to the oracle, spill-over where nothing should move, in both directions.

    Args:
        scores: what the study stored.
        beside: row -> rows that run beside it as controls or as a part of it (`AUDStudy.rows`).
    """
    rows = [row for row in scores["rows"] if row != "real"]
    controls = controls_of(scores, beside)
    order = [row for row in rows if row not in controls]
    order += list(dict.fromkeys(other for row in order or rows for other in beside(row) if other in rows))
    rows = [*order, *(row for row in rows if row not in order)]
    found: list[BoardEntry] = []
    for row in rows:
        for cell in _row(scores, row):
            found.append(BoardEntry(row=row, is_control=row in controls, **cell))
    found += [
        BoardEntry(row, _paper_heading(name), _metric(scores, f"correct-{name}"), "higher", None, rule="paper",
                   is_control=row in controls)
        for row in scores["missing_rows"] for name in COUNTED
    ]  # fmt: skip
    return found


def controls_of(scores: Mapping[str, Any], beside: Callable[[str], Sequence[str]]) -> set[str]:
    """Rows that stand beside another one, as a control or as a part of it."""
    return {other for row in scores["rows"] if row != "real" for other in beside(row)}


def _metric(scores: Mapping[str, Any], name: str) -> str:
    return f"aud-{name} {scores['version']}"


def _paper_heading(name: str) -> str:
    return f"# correct of {len(LOBES)} lobes: {name}. {COLUMNS[name].title}"


def _row(scores: Mapping[str, Any], row: str) -> Iterator[dict[str, Any]]:
    entry = scores["rows"][row]
    yield from _paper(scores, entry)
    yield from _verdicts(scores, entry)
    yield from _error_share(scores, row)
    near = entry.get("own_nearest")
    if near:
        yield _cell("own scan nearest, share", "own-nearest", "higher", near)
    yield from _recovery(scores, entry)
    for lobe in LOBES if entry.get("oracle_error") else ():
        heading = f"error to the oracle (rms, % of the lobe): {lobe}"
        yield _cell(heading, _metric(scores, "oracle-error"), "lower", entry["oracle_error"][lobe], "rms")
    for direction, regions in sorted(entry["spill_over"].items(), reverse=True):
        for region in (region for region in REGIONS if region in STILL and region in regions):
            heading = f"spill-over {direction} (%): {region.replace('_', ' ')}"
            cell = _cell(heading, _metric(scores, "spill-over"), "nearest", regions[region], "excess")
            yield {**cell, "target": 0.0}


def _paper(scores: Mapping[str, Any], entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    real = scores["rows"]["real"]["paper"]["real"]["correct"]
    for name in COUNTED:
        column = entry["paper"].get(name)
        yield {
            "column": _paper_heading(name),
            "metric": _metric(scores, f"correct-{name}"),
            "direction": "higher",
            "value": None if column is None else float(column["correct"]),
            "n": None if column is None else _people(scores),
            "floor": float(real) if COLUMNS[name].effect else None,
            "rule": "paper",
        }


def _people(scores: Mapping[str, Any]) -> int:
    return int(scores["n"]["control"]) + int(scores["n"]["patient"])


def _verdicts(scores: Mapping[str, Any], entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    counts = [entry["sound"]["counts"][name] for name in COUNTED]
    for word, direction in (("right", "higher"), ("wrong", "lower")):
        yield {
            "column": f"lobes {word}, of {CELLS}",
            "metric": _metric(scores, word),
            "direction": direction,
            "value": float(sum(count[word] for count in counts)),
            "n": _people(scores),
        }


def _error_share(scores: Mapping[str, Any], row: str) -> Iterator[dict[str, Any]]:
    """Mean over affected lobes of the error to the oracle over the unchanged scan's.

    A lobe's interval is that of a ratio of two independent estimates, on the log scale; the same people are in both,
    so it is too wide. The mean's half-width is the mean of the lobes', which holds for any correlation between them.
    """
    mine = scores["rows"][row].get("oracle_error")
    unchanged = scores["rows"].get(COPY, {}).get("oracle_error")
    affected = [lobe for lobe in LOBES if scores["planted"].get(lobe)]
    if not mine or not unchanged or not affected:
        return
    ratios = [_ratio(mine[lobe], unchanged[lobe], same=row == COPY) for lobe in affected]
    value, low, high = (sum(part) / len(affected) for part in zip(*ratios, strict=True))
    yield {
        "column": "error to the oracle, share of copy-input's",
        "metric": _metric(scores, "oracle-error-share"),
        "direction": "lower",
        "value": value,
        "low": low,
        "high": high,
        "n": min(int(mine[lobe]["n"]) for lobe in affected),
    }


def _ratio(top: Mapping[str, float], bottom: Mapping[str, float], same: bool) -> tuple[float, float, float]:
    if same:
        return 1.0, 1.0, 1.0
    ratio = top["rms"] / bottom["rms"]
    down = math.hypot(math.log(top["rms"] / top["low"]), math.log(bottom["high"] / bottom["rms"]))
    up = math.hypot(math.log(top["high"] / top["rms"]), math.log(bottom["rms"] / bottom["low"]))
    return ratio, ratio * math.exp(-down), ratio * math.exp(up)


def _recovery(scores: Mapping[str, Any], entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    kind, words = ("of_planted", "of the planted loss") if scores["planted"] else ("of_real", "of the real d")
    for name, topic in MADE.items():
        cells = entry["sound"]["recovery"].get(name, {})
        for lobe in (lobe for lobe in LOBES if lobe in cells):
            cell = cells[lobe]
            if cell.get(kind) is None or (not scores["planted"] and lobe == "occipital"):
                continue
            yield {
                "column": f"{topic} ({words}): {lobe}",
                "metric": _metric(scores, f"recovery-{kind}"),
                "direction": "nearest",
                "target": 1.0,
                "value": cell[kind],
                "low": cell[f"{kind}_low"],
                "high": cell[f"{kind}_high"],
                "n": entry["sound"]["columns"][name][lobe]["n"],
            }


def _cell(column: str, metric: str, direction: str, cell: Mapping[str, Any], key: str = "value") -> dict[str, Any]:
    numbers = {"value": cell[key], "low": cell["low"], "high": cell["high"], "n": int(cell["n"])}
    return {"column": column, "metric": metric, "direction": direction, **numbers}
