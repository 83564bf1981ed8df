"""The filled-in answer sheets, read with every doubt refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pcgm_bench.contracts import UserError
from pcgm_bench.studies.reader.draw import CATCH
from pcgm_bench.studies.reader.draw import REAL
from pcgm_bench.studies.reader.draw import SYNTHETIC
from pcgm_bench.studies.reader.key import Key
from pcgm_bench.text_table import number
from pcgm_bench.text_table import read_text_table

COLUMNS = ("study", "reader", "case_id", "answer", "confidence", "seconds", "comment")
CONFIDENCES = ("1", "2", "3", "4", "5")
MOST_SECONDS = 1e6


@dataclass(frozen=True)
class Reading:
    """One answer.

    Attributes:
        reader: the number.
        case: the image's name; that of the first for a repeat.
        kind: ``case`` or ``catch``.
        truth: ``real`` or ``synthetic``.
        source: where the image came from, or the kind of fake.
        place: in the reader's order.
        synthetic: the answer.
        confidence: 1 to 5; NaN if the reader gave none.
        seconds: likewise.
    """

    reader: int
    case: str
    kind: str
    truth: str
    source: str
    place: int
    synthetic: bool
    confidence: float
    seconds: float


def read_sheets(paths: Sequence[Path], key: Key) -> pd.DataFrame:
    """All readings of all sheets.

    Args:
        paths: filled-in sheets, one a reader, in any order.
        key: of their study.

    Returns:
        One row a `Reading`, and a column ``look``: 1, or 2 for the second look at a repeated case.

    Raises:
        UserError: a sheet is incomplete, has a row twice, an unknown answer, or is of another study; or two sheets
            are of one reader.
    """
    if not paths:
        raise UserError("no answer sheet; give the filled-in answers.csv of every reader")
    sheets: dict[str, Path] = {}
    readings = []
    for path in paths:
        reader, rows = _read_sheet(path, key)
        if reader in sheets:
            raise UserError(f"{path}: a second sheet of reader {reader}, beside {sheets[reader]}; give one")
        sheets[reader] = path
        readings += [_reading(int(reader), row, key) for row in rows]
    frame = pd.DataFrame(readings).sort_values(["reader", "place"], ignore_index=True)
    frame["look"] = frame.groupby(["reader", "case"]).cumcount() + 1
    return frame


def _read_sheet(path: Path, key: Key) -> tuple[str, list[Mapping[str, str]]]:
    """Reader's number, and the rows, complete and in the reader's order."""
    rows = _rows(path)
    studies = sorted({row["study"] for row in rows})
    if strangers := [name for name in studies if name != key.study]:
        raise UserError(
            f"{path}: from another study ({strangers[0] or 'no name'}; the key's is {key.study}), or the key was "
            "changed; give the sheets and the key of one study"
        )
    names = sorted({row["reader"] for row in rows})
    if len(names) != 1:
        raise UserError(f"{path}: rows of {len(names)} readers ({', '.join(names)}); give one sheet a reader")
    reader = names[0]
    if reader not in key.readers:
        raise UserError(f"{path}: reader {reader!r} is none of this study's {len(key.readers)}; restore the column")
    wanted = key.readers[reader]
    seen: dict[str, Mapping[str, str]] = {}
    for row in rows:
        case = row["case_id"]
        if case not in wanted:
            raise UserError(f"{path}: {case or 'a row without case_id'}: no such case of reader {reader}; remove it")
        if case in seen:
            raise UserError(f"{path}: {case} has two rows; keep one")
        seen[case] = row
    if missing := [case for case in wanted if case not in seen]:
        raise UserError(f"{path}: incomplete, {len(missing)} of {len(wanted)} rows are missing, first {missing[0]}")
    if empty := [case for case in wanted if not seen[case]["answer"]]:
        raise UserError(
            f"{path}: incomplete, {len(empty)} of {len(wanted)} cases have no answer, first {empty[0]}; "
            "every case needs one"
        )
    for case in wanted:
        _check(path, seen[case])
    if 0 < sum(bool(row["confidence"]) for row in seen.values()) < len(wanted):
        first = next(case for case in wanted if not seen[case]["confidence"])
        raise UserError(f"{path}: incomplete, {first} has no confidence; give it for all cases or for none")
    return reader, [seen[case] for case in sorted(wanted)]


def _check(path: Path, row: Mapping[str, str]) -> None:
    case, answer, confidence, seconds = (row[name] for name in ("case_id", "answer", "confidence", "seconds"))
    if answer.lower() not in {REAL, SYNTHETIC}:
        raise UserError(f"{path}: {case}: unknown answer {answer!r}; write {REAL} or {SYNTHETIC}")
    if confidence and confidence not in CONFIDENCES:
        raise UserError(f"{path}: {case}: confidence {confidence!r} is none of 1, 2, 3, 4, 5")
    if seconds:
        try:
            why = "" if 0 <= number(seconds) < MOST_SECONDS else "is no time that a person takes"
        except ValueError as error:
            why = str(error)
        if why:
            raise UserError(f"{path}: {case}: {seconds!r} {why}; correct the seconds or leave them empty")


def _rows(path: Path) -> list[Mapping[str, str]]:
    """Rows as text. Commas, semicolons or tabs, as spreadsheets save them; a comment may hold line breaks."""
    table = read_text_table(path, ",;\t", line_breaks=True, last_may_lack=True)
    if missing := [name for name in COLUMNS[:-1] if name not in table.columns]:
        raise UserError(f"{path}: not an answer sheet, no column {missing[0]}; its first line is {','.join(COLUMNS)}")
    if not table.rows:
        raise UserError(f"{path}: incomplete, it has no rows")
    return [row.cells for row in table.rows]


def _reading(reader: int, row: Mapping[str, str], key: Key) -> Reading:
    name = key.readers[str(reader)][row["case_id"]]
    image = key.images[name]
    return Reading(
        reader=reader,
        case=image.repeats or name,
        kind=CATCH if image.kind == CATCH else "case",
        truth=image.truth,
        source=image.fake or image.source,
        place=sorted(key.readers[str(reader)]).index(row["case_id"]),
        synthetic=row["answer"].lower() == SYNTHETIC,
        confidence=float(row["confidence"] or "nan"),
        seconds=float(row["seconds"] or "nan"),
    )
