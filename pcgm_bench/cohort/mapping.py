"""Other people's column names: ``--map diagnosis=group:depr/control --map sex=gender``.

``OURS=THEIRS`` renames a column. ``OURS=THEIRS:LEVELS`` also says what its values mean: for the diagnosis
``CASE/CONTROL`` or ``CASE/CONTROL/LEFT-OUT``, for sex ``FEMALE/MALE`` or ``FEMALE/MALE/LEFT-OUT``. Values of one
meaning are joined by ``+``; a backslash stands before a ``/``, ``+`` or ``:`` of a value. ``scan=run-1`` picks among
several T1w files of one visit by BIDS entities of their names, ``scan=sub-03:run-2`` for one person.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

from pcgm_bench.contracts import UserError
from pcgm_bench.text_table import number

CASE, CONTROL, HIV = "AUD", "control", "HIV"
"""The study's levels: people mapped as cases take the name ``AUD`` whatever their illness is called at home."""
LEVELS = (CONTROL, CASE, HIV)
LEFT_OUT = ""
EVERYBODY = ""
ENTITY = re.compile(r"([A-Za-z]+)-([A-Za-z0-9]+)")
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
        scan: subject, or `EVERYBODY` -> entity (``run``) -> label (``1``) that the name of a T1w file must have.
    """

    columns: Mapping[str, str]
    diagnosis: Mapping[str, str] | None = None
    sex: Mapping[str, str] | None = None
    scan: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def entities_of(self, subject: str) -> Mapping[str, str]:
        """Entity -> label that the scans of a person have to have."""
        return self.scan.get(subject, self.scan.get(EVERYBODY, {}))

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
    scan: dict[str, dict[str, str]] = {}
    for text in maps:
        ours, equals, rest = (part.strip() for part in text.partition("="))
        if not equals or not rest:
            raise UserError(f"--map {text}: has no COLUMN; {SPELLING}")
        if ours not in KEYS:
            raise UserError(
                f"--map {text}: {ours!r} is none of {', '.join(KEYS)}{did_you_mean(ours, KEYS)}; {SPELLING}"
            )
        if ours == "scan":
            subject, wanted = _scan(text, rest)
            if scan.setdefault(subject, wanted) is not wanted:
                raise UserError(
                    f"--map {text}: scan is mapped twice; give it once, and once a person (scan=sub-03:run-2)"
                )
            continue
        if ours in columns:
            raise UserError(f"--map {text}: {ours} is mapped twice; give it once")
        parts = _split(rest, ":")
        columns[ours] = _plain(":".join(parts[:-1]) if len(parts) > 1 else rest)
        if len(parts) > 1:
            levels[ours] = _levels(text, ours, parts[-1])
    return ColumnMap(columns, levels.get("diagnosis"), levels.get("sex"), scan)


def option(text: str) -> str:
    """A map as it is typed, ready to paste.

    >>> option("diagnosis=group:alcohol use/control")
    "--map 'diagnosis=group:alcohol use/control'"
    """
    return f"--map {shlex.quote(text)}"


def escaped(value: str) -> str:
    """A value of a column as it stands in a map.

    >>> print(escaped("AUD/PTSD"))
    AUD\\/PTSD
    """
    return re.sub(r"([/+:\\])", r"\\\1", value)


def _split(text: str, mark: str) -> list[str]:
    """Parts between marks that no backslash stands before."""
    return [part.strip() for part in re.split(rf"(?<!\\){re.escape(mark)}", text)]


def _plain(text: str) -> str:
    return re.sub(r"\\([/+:\\])", r"\1", text).strip()


def _scan(text: str, rest: str) -> tuple[str, dict[str, str]]:
    """Subject, or `EVERYBODY`, and the entities of ``sub-03:run-2+acq-x``."""
    person, colon, pieces = rest.rpartition(":")
    if colon and not re.fullmatch(r"sub-[A-Za-z0-9]+", person.strip()):
        raise UserError(f"--map {text}: {person!r} is no person; write --map scan=sub-03:run-2")
    found = [ENTITY.fullmatch(piece.strip()) for piece in pieces.split("+")]
    wanted = {match[1]: match[2] for match in found if match}
    if len(wanted) < len(found) or "sub" in wanted:
        raise UserError(
            f"--map {text}: {pieces!r} is no list of BIDS entities; write --map scan=run-1, scan=acq-mprage+run-1, or "
            "scan=sub-03:run-2 for one person"
        )
    return person.strip().removeprefix("sub-"), wanted


def _levels(text: str, ours: str, values: str) -> dict[str, str]:
    meanings = {"diagnosis": (CASE, CONTROL, LEFT_OUT), "sex": ("F", "M", LEFT_OUT)}.get(ours)
    if meanings is None:
        raise UserError(f"--map {text}: {ours} is a number and has no levels; write --map {ours}=COLUMN")
    groups = [_split(group, "+") for group in _split(values, "/")]
    if not 2 <= len(groups) <= len(meanings) or not all(part for group in groups for part in group):
        form = "CASE/CONTROL or CASE/CONTROL/LEFT-OUT" if ours == "diagnosis" else "FEMALE/MALE or FEMALE/MALE/LEFT-OUT"
        raise UserError(f"--map {text}: {values!r} is not {form}; join values of one meaning with +")
    out: dict[str, str] = {}
    for meaning, group in zip(meanings, groups, strict=False):
        for value in map(_plain, group):
            if out.setdefault(value, meaning) != meaning:
                raise UserError(f"--map {text}: {value!r} stands on both sides of the slash; give it once")
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
    """``F`` or ``M``, or `LEFT_OUT`. Numbers are never guessed.

    Raises:
        ValueError: neither; the message says what to do.
    """
    if mapping.sex is not None and value in mapping.sex:
        return mapping.sex[value]
    if mapping.sex is None and value.lower() in _SEX:
        return _SEX[value.lower()]
    column = mapping.column("sex")
    msg = f"sex {value!r} is neither F nor M: write --map sex={column}:FEMALE/MALE[/LEFT-OUT] with your values"
    raise ValueError(msg)


def map_age(value: str, a_year: float = 1.0) -> float:
    """Years, in (0, 120].

    Args:
        value: a cell.
        a_year: how many of its unit are a year.

    Raises:
        ValueError: not such a number; the message says what to do.
    """
    try:
        age = number(value) / a_year
    except ValueError as error:
        msg = f"age {value!r} {error}: give it in years, as 71.5"
        raise ValueError(msg) from None
    if not 0 < age <= 120:
        msg = f"age {value} is not between 0 and 120{'' if a_year == 1 else ' years'}: give it in years"
        raise ValueError(msg)
    return age


def map_head_size(value: str, a_ml: float = 1.0) -> float:
    """Head size in mL; NaN where missing.

    Args:
        value: a cell.
        a_ml: how many of its unit are a mL.

    Raises:
        ValueError: not a number of mL; the message says what to do.
    """
    if is_missing(value):
        return float("nan")
    try:
        size = number(value) / a_ml
    except ValueError as error:
        msg = f"head_size {value!r} {error}: give it in mL, as 1432.5, or leave it n/a"
        raise ValueError(msg) from None
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
