"""Controls beside methods, in any study's tables: who stands first, and where a useless one stands above a method."""

from __future__ import annotations

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


def methods_first(rows: Mapping[str, Any], controls: Sequence[str]) -> list[str]:
    """The rows that there are: methods, then controls in their order."""
    return [row for row in rows if row not in controls] + [row for row in controls if row in rows]


def beaten_notes(beaten: Mapping[str, Sequence[str]]) -> list[str]:
    """What ``(!)`` means, and which controls it is about; nothing where no control stands above every method."""
    if not beaten:
        return []
    which = "; ".join(f"{name}: {', '.join(better)}" for name, better in beaten.items())
    return [f"(!) ranks a useless control above the method, so it cannot be read alone: {which}."]
