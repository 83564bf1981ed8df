"""The unit of a column: what its sidecar (``participants.json``) says, or its own name (``age_months``)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcgm_bench.contracts import UserError

WORDS = {
    "age": {
        "years": ("year", "years", "yr", "yrs", "y", "a", "annum"),
        "months": ("month", "months", "mo", "mos", "mth", "mths"),
        "weeks": ("week", "weeks", "wk", "wks"),
        "days": ("day", "days", "d"),
    },
    "head_size": {
        "mL": ("ml", "cm3", "cc", "ccm", "milliliter", "milliliters", "millilitre", "millilitres"),
        "mm3": ("mm3", "cmm", "ul", "\u00b5l", "\u03bcl", "microliter", "microliters"),
        "L": ("l", "dm3", "liter", "liters", "litre", "litres"),
    },
}
"""Our column -> unit -> how people write it."""
HOW_MANY = {"years": 1.0, "months": 12.0, "weeks": 365.25 / 7, "days": 365.25, "mL": 1.0, "mm3": 1000.0, "L": 0.001}
"""How many of the unit are a year, or a mL."""
SHORTEST_IN_NAME = 2
"""``age_d`` or ``age_y`` may mean anything."""
TEXTS = ("longname", "description")


@dataclass(frozen=True)
class Unit:
    """A unit.

    Attributes:
        name: ``months``.
        said_by: the file or column that says so; empty where nobody does.
    """

    name: str
    said_by: str = ""

    @property
    def how_many(self) -> float:
        """How many of it are a year, or a mL."""
        return HOW_MANY[self.name]


def read_sidecar(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """Column -> what a sidecar says of it; empty where there is no such file.

    Raises:
        UserError: it is no JSON object.
    """
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not readable JSON ({error}): repair or remove it") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: not a JSON object with a column each: repair or remove it")
    return {column: entry for column, entry in content.items() if isinstance(entry, dict)}


def unit_of(ours: str, column: str, sidecar: Mapping[str, Mapping[str, Any]], file: Path) -> Unit:
    """The unit of a column; years or mL where nobody says another.

    Args:
        ours: ``age`` or ``head_size``.
        column: its name in the table.
        sidecar: of `read_sidecar`.
        file: of the sidecar, for messages.

    Raises:
        UserError: a unit that nobody knows, or the sidecar and the column's name contradict each other.
    """
    entry = {str(name).lower(): value for name, value in sidecar.get(column, {}).items()}
    stated = entry.get("units", entry.get("unit"))
    said = None
    if stated is not None and str(stated).strip().lower() not in ("", "n/a", "none"):
        said = _only(ours, _words(str(stated)))
        if said is None:
            known = ", ".join(WORDS[ours])
            raise UserError(f"{file}: {column} is in {str(stated)!r}: write its Units as one of {known}")
    for text in (str(entry.get(name, "")) for name in TEXTS):
        said = said or _in_words(ours, text)
    named = _only(ours, [word for word in _words(column) if len(word) >= SHORTEST_IN_NAME])
    if said and named and said != named:
        raise UserError(f"{file}: {column} is in {said}, its name says {named}: correct one")
    if said:
        return Unit(said, file.name)
    return Unit(named, f"column {column!r}") if named else Unit(next(iter(WORDS[ours])))


def _words(text: str) -> list[str]:
    """``ageMonths`` -> age, months; ``mm^3`` -> mm3."""
    text = text.replace("^", "").replace("\u00b3", "3")
    parted = re.sub(r"(?<=[a-z]{2})(?=[A-Z])", " ", text)
    parted = re.sub(r"(?i)\b(age)(in)?(?=(years|yrs|months|weeks|days)\b)", r"\1 ", parted)
    return [word.lower() for word in re.split(r"[^A-Za-z0-9\u00b5\u03bc]+|_", parted) if word]


def _only(ours: str, words: list[str]) -> str | None:
    """The one unit among some words."""
    found = {unit for unit, spellings in WORDS[ours].items() for word in words if word in spellings}
    return found.pop() if len(found) == 1 else None


def _in_words(ours: str, text: str) -> str | None:
    """The unit of ``Age in months`` and ``Age (months)``."""
    spelled = "|".join(word for spellings in WORDS[ours].values() for word in spellings if len(word) > 1)
    return _only(ours, [word.lower() for word in re.findall(rf"(?i)(?:\bin |[(\[] ?)({spelled})\b", text)])
