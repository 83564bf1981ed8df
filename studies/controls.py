"""Controls beside methods, in any study's tables: who stands first, and where a useless one stands above a method."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from pcgm_bench.contracts import BoardEntry


def beaten_by_controls(entries: Mapping[str, Sequence[BoardEntry]], floor: str) -> dict[str, list[str]]:
    """Metric -> controls, the floor aside, that it ranks above every method: it measures something else there.

    Args:
        entries: metric -> the values of all rows.
        floor: the control that may stand above.
    """
    found: dict[str, list[str]] = {}
    for name, cells in entries.items():
        known = [cell for cell in cells if cell.value is not None]
        best = min((cell.loss for cell in known if not cell.is_control), default=None)
        if best is None:
            continue
        if better := [cell.row for cell in known if cell.is_control and cell.row != floor and cell.loss < best]:
            found[name] = better
    return found


def controls_above(
    values: Mapping[str, float | None], controls: Collection[str], floor: str, direction: str, target: float = 0.0
) -> list[str]:
    """Controls, the floor aside, that a column ranks above every method.

    Args:
        values: row -> what stands there.
        controls: rows that are controls.
        floor: the control that may stand above.
        direction: as in `BoardEntry`.
        target: of the direction ``nearest``.

    >>> controls_above({"mine": 0.5, "copy-input": 0.0, "oracle": 0.1}, {"copy-input", "oracle"}, "oracle", "lower")
    ['copy-input']
    """
    cells = [
        BoardEntry(row, "", "", direction, value, target=target, is_control=row in controls)
        for row, value in values.items()
    ]
    return beaten_by_controls({"": cells}, floor).get("", [])


def marked(heading: str, beaten: Mapping[str, Sequence[str]]) -> str:
    """The heading, with ``(!)`` where a line of that name, or of that name in some group, is in ``beaten``.

    >>> marked("skill", {"skill (HIV)": ["copy-input"]}), marked("skill", {"skill: other": ["copy-input"]})
    ('skill (!)', 'skill')
    """
    return heading + (" (!)" if any(key == heading or key.startswith(f"{heading} (") for key in beaten) else "")


def verdict_rank(word: str | None) -> float | None:
    """A verdict as a number, the greater the better; None where there is none.

    >>> verdict_rank("pass"), verdict_rank("inconclusive"), verdict_rank("worse"), verdict_rank(None)
    (2.0, 1.0, 0.0, None)
    """
    return None if word is None else float(_RANKS[word])


_RANKS = {"pass": 2, "better": 2, "inconclusive": 1, "fail": 0, "worse": 0}


def methods_first(rows: Mapping[str, Any], controls: Sequence[str]) -> list[str]:
    """The rows that there are: methods, then controls in their order."""
    return [row for row in rows if row not in controls] + [row for row in controls if row in rows]


def beaten_notes(beaten: Mapping[str, Sequence[str]]) -> list[str]:
    """What ``(!)`` means, and which controls it is about; nothing where no control stands above every method."""
    if not beaten:
        return []
    which = "; ".join(f"{name}: {', '.join(better)}" for name, better in beaten.items())
    return [f"(!) ranks a useless control above the method, so it cannot be read alone: {which}."]
