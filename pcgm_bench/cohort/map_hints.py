"""The most likely ``--map`` for other people's columns, ready to paste; controls are never offered as cases."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from pcgm_bench.cohort.mapping import LEVELS
from pcgm_bench.cohort.mapping import escaped
from pcgm_bench.cohort.mapping import is_missing
from pcgm_bench.cohort.mapping import map_sex
from pcgm_bench.cohort.mapping import option
from pcgm_bench.cohort.mapping import parse_maps

SYNONYMS = {
    "age": ("age_at_scan", "age_years", "scan_age", "participant_age"),
    "sex": ("gender", "sex_at_birth", "biological_sex", "sex_gender"),
    "diagnosis": (
        "group", "dx", "condition", "diag", "clinical_group", "status", "case", "dx_group", "cohort", "disease",
        "patient", "subject_type", "participant_type", "study_group",
    ),
}  # fmt: skip
"""Columns to suggest when ours is not there, lower case, the likeliest first."""
CONTROL_WORDS = frozenset({
    "control", "controls", "ctrl", "ctrls", "ctl", "ctls", "cont", "con", "cn", "hc", "hcs", "hv", "nc", "ncs", "td",
    "healthy", "normal", "normals", "unaffected", "nonpatient", "nondrinker", "nonclinical", "typical",
})  # fmt: skip
NOT = frozenset({"not", "non", "un", "no", "without"})
YES_NO = ({"yes", "no"}, {"y", "n"}, {"true", "false"})
FEMALE = re.compile(r"(?i)\b(f|female|females|woman|women|girl)\b")
MALE = re.compile(r"(?i)\b(m|male|males|man|men|boy)\b")
MOST = 8
"""A column with more values is no diagnosis."""


def likely_column(ours: str, columns: Iterable[str]) -> str | None:
    """The column that is probably ours under another name."""
    by_name = {re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"): name for name in reversed(list(columns))}
    if found := next((by_name[name] for name in (ours, *SYNONYMS[ours]) if name in by_name), None):
        return found
    words = {name: set(key.split("_")) for key, name in by_name.items()}
    alike = {"age": {"age"}, "sex": {"sex", "gender"}, "diagnosis": {"diagnosis", "dx", "group"}}[ours]
    close = [name for name, parts in words.items() if parts & alike or (ours == "age" and _is_age(name))]
    return close[0] if len(close) == 1 else None


def offer(ours: str, column: str, values: Sequence[str], levels: Mapping[str, Any]) -> str:
    """The map of a column, as far as its values tell: ``perhaps --map sex=gender``, or what has to be said.

    Args:
        ours: age, sex or diagnosis.
        column: theirs.
        values: its cells.
        levels: value -> meaning, of the sidecar; may be empty.
    """
    seen = sorted({value for value in values if not is_missing(value)})
    if ours == "diagnosis":
        return _diagnosis(column, seen, levels)
    if ours == "sex":
        return _sex(column, seen, levels)
    return f"perhaps {option(f'{ours}={escaped(column)}')}"


def is_control(value: str, meaning: str = "") -> bool:
    """Whether a level of a diagnosis is one of controls.

    >>> is_control("Healthy Control"), is_control("0", "control group"), is_control("not healthy")
    (True, True, False)
    """
    words = [word for word in re.split(r"[^a-z]+", f"{value} {meaning}".lower()) if word]
    return any(
        word in CONTROL_WORDS and (index == 0 or words[index - 1] not in NOT) for index, word in enumerate(words)
    )


def _diagnosis(column: str, seen: Sequence[str], levels: Mapping[str, Any]) -> str:
    whole = f"diagnosis={escaped(column)}"
    if seen and set(seen) <= set(LEVELS):
        return f"perhaps {option(whole)}"
    controls = [value for value in seen if is_control(value, str(levels.get(value, "")))]
    if not controls and {value.lower() for value in seen} in YES_NO and "control" not in column.lower():
        controls = [value for value in seen if value.lower() in ("no", "n", "false")]
    cases = [value for value in seen if value not in controls]
    if controls and cases and len(seen) <= MOST:
        sides = "/".join("+".join(map(escaped, side)) for side in (cases, controls))
        return f"perhaps {option(f'{whole}:{sides}')} (cases first, then controls)"
    shown = ", ".join(seen[:MOST]) + (", ..." if len(seen) > MOST else "")
    return f"perhaps --map {whole}:CASE/CONTROL, where CASE and CONTROL are of its values {shown}"


def _sex(column: str, seen: Sequence[str], levels: Mapping[str, Any]) -> str:
    whole = f"sex={escaped(column)}"
    usual: dict[str, list[str]] = {"F": [], "M": [], "": []}
    for value in seen:
        usual[_letter(value, str(levels.get(value, "")))].append(value)
    if not usual[""] and all(_is_usual(value) for value in seen):
        return f"perhaps {option(whole)}"
    if usual["F"] and usual["M"]:
        sides = "/".join("+".join(map(escaped, side)) for side in usual.values() if side)
        rest = " (females, males, left out)" if usual[""] else " (females first, then males)"
        return f"perhaps {option(f'{whole}:{sides}')}{rest}"
    shown = ", ".join(seen[:MOST])
    return f"perhaps --map {whole}:FEMALE/MALE, where FEMALE and MALE are of its values {shown}"


def _letter(value: str, meaning: str) -> str:
    if _is_usual(value):
        return map_sex(value, parse_maps(()))
    female, male = bool(FEMALE.search(meaning)), bool(MALE.search(meaning))
    return "" if female == male else "F" if female else "M"


def _is_usual(value: str) -> bool:
    try:
        return bool(map_sex(value, parse_maps(())))
    except ValueError:
        return False


def _is_age(name: str) -> bool:
    return re.match(r"(?i)age(?![a-z])|age(in)?(years|yrs|months|weeks|days)|Age[A-Z]", name) is not None
