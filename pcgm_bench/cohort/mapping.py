"""Other people's column names: ``--map diagnosis=group:depr/control --map sex=gender``.

``OURS=THEIRS`` renames a column. ``OURS=THEIRS:LEVELS`` also says what its values mean: for the diagnosis
``CASE/CONTROL`` or ``CASE/CONTROL/LEFT-OUT``, for sex ``FEMALE/MALE``; values of one meaning are joined by ``+``.
``scan=run-1`` picks among several T1w files of one visit by a piece of their names.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

from pcgm_bench.contracts import UserError

CASE, CONTROL, HIV = "AUD", "control", "HIV"
"""The study's levels: people mapped as cases take the name ``AUD`` whatever their illness is called at home."""
LEVELS = (CONTROL, CASE, HIV)
LEFT_OUT = ""
KEYS = ("age", "sex", "diagnosis", "head_size", "scan")
SPELLING = "write --map diagnosis=COLUMN:CASE/CONTROL, --map sex=COLUMN, --map age=COLUMN or --map scan=run-1"
MISSING = ("", "n/a", "na", "nan", "none", "null")
"""BIDS writes ``n/a``; the others are what people write."""

_SEX = {"f": "F", "female": "F", "woman": "F", "girl": "F", "m": "M", "male": "M", "man": "M", "boy": "M"}


@dataclass(frozen=True)
class ColumnMap:
    """What ``--map`` says, parsed.

    Attributes:
        columns: our name -> their column.
        diagnosis: their level -> ours (`LEFT_OUT`: these people do not take part); None: their levels are ours.
        sex: their value -> F or M; None: the usual spellings.
        scan: pieces that the name of a T1w file must have.
    """

    columns: Mapping[str, str]
    diagnosis: Mapping[str, str] | None = None
    sex: Mapping[str, str] | None = None
    scan: tuple[str, ...] = ()

    def column(self, ours: str) -> str:
        """Their name of our column."""
        return self.columns.get(ours, ours)


def parse_maps(maps: Sequence[str]) -> ColumnMap:
    """Parse ``--map`` options.

    >>> parse_maps(["diagnosis=group:depr/control", "sex=gender"]).diagnosis
    {'depr': 'AUD', 'control': 'control'}

    Raises:
        UserError: a map that is misspelt, given twice, or gives one value two meanings.
    """
    columns: dict[str, str] = {}
    levels: dict[str, dict[str, str]] = {}
    scan: tuple[str, ...] = ()
    for text in maps:
        ours, equals, rest = (part.strip() for part in text.partition("="))
        if not equals or not rest:
            raise UserError(f"--map {text}: has no COLUMN; {SPELLING}")
        if ours not in KEYS:
            raise UserError(
                f"--map {text}: {ours!r} is none of {', '.join(KEYS)}{did_you_mean(ours, KEYS)}; {SPELLING}"
            )
        if ours in columns or (ours == "scan" and scan):
            raise UserError(f"--map {text}: {ours} is mapped twice; give it once")
        if ours == "scan":
            scan = tuple(rest.split("+"))
            continue
        theirs, colon, values = (part.strip() for part in rest.rpartition(":")) if ":" in rest else (rest, "", "")
        columns[ours] = theirs
        if colon:
            levels[ours] = _levels(text, ours, values)
    return ColumnMap(columns, levels.get("diagnosis"), levels.get("sex"), scan)


def _levels(text: str, ours: str, values: str) -> dict[str, str]:
    meanings = {"diagnosis": (CASE, CONTROL, LEFT_OUT), "sex": ("F", "M")}.get(ours)
    if meanings is None:
        raise UserError(f"--map {text}: {ours} is a number and has no levels; write --map {ours}=COLUMN")
    groups = values.split("/")
    if not 2 <= len(groups) <= len(meanings) or not all(part.strip() for group in groups for part in group.split("+")):
        form = "CASE/CONTROL or CASE/CONTROL/LEFT-OUT" if ours == "diagnosis" else "FEMALE/MALE"
        raise UserError(f"--map {text}: {values!r} is not {form}; join values of one meaning with +")
    out: dict[str, str] = {}
    for meaning, group in zip(meanings, groups, strict=False):
        for value in group.split("+"):
            if out.setdefault(value.strip(), meaning) != meaning:
                raise UserError(f"--map {text}: {value.strip()!r} stands on both sides of the slash; give it once")
    return out


def map_diagnosis(value: str, mapping: ColumnMap) -> str:
    """Our level of a diagnosis, or `LEFT_OUT`.

    Raises:
        ValueError: a level nobody has explained; the message says what to do.
    """
    known = mapping.diagnosis if mapping.diagnosis is not None else {level: level for level in LEVELS}
    if value in known:
        return known[value]
    column = mapping.column("diagnosis")
    hint = did_you_mean(value, known)
    if mapping.diagnosis is None:
        msg = f"unknown diagnosis {value!r}{hint}: use {', '.join(LEVELS)}, or --map diagnosis={column}:CASE/CONTROL"
    else:
        msg = f"unknown diagnosis {value!r}{hint}: name it in --map diagnosis={column}:CASE/CONTROL/LEFT-OUT"
    raise ValueError(msg)


def map_sex(value: str, mapping: ColumnMap) -> str:
    """``F`` or ``M``. Numbers are never guessed.

    Raises:
        ValueError: neither; the message says what to do.
    """
    if mapping.sex is not None and value in mapping.sex:
        return mapping.sex[value]
    if mapping.sex is None and value.lower() in _SEX:
        return _SEX[value.lower()]
    msg = f"sex {value!r} is neither F nor M: write --map sex={mapping.column('sex')}:FEMALE/MALE with your values"
    raise ValueError(msg)


def map_age(value: str) -> float:
    """Years, in (0, 120].

    Raises:
        ValueError: not such a number; the message says what to do.
    """
    try:
        age = float(value)
    except ValueError:
        msg = f"age {value!r} is not a number: give it in years, as 71.5"
        raise ValueError(msg) from None
    if not 0 < age <= 120:
        msg = f"age {value} is not between 0 and 120: give it in years"
        raise ValueError(msg)
    return age


def map_head_size(value: str) -> float:
    """Head size in mL; NaN where missing.

    Raises:
        ValueError: not a number of mL; the message says what to do.
    """
    if is_missing(value):
        return float("nan")
    try:
        size = float(value)
    except ValueError:
        size = float("nan")
    if not 500 <= size <= 3000:
        msg = f"head_size {value} is not in mL (500 to 3000): divide mm3 by 1000, or leave it n/a"
        raise ValueError(msg)
    return size


def is_missing(value: str) -> bool:
    """Whether a cell of a TSV file says nothing."""
    return value.strip().lower() in MISSING


def did_you_mean(word: str, known: Sequence[str] | Mapping[str, str]) -> str:
    """`` (did you mean 'control'?)``, or nothing."""
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), lowered, 1, 0.7)
    return f" (did you mean {lowered[close[0]]!r}?)" if close else ""
