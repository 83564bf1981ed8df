"""Tables that people write, read strictly: what is in doubt is refused in one line, and nothing is guessed.

Cells stay text: ``01`` is not ``1``. Numbers are taken from them by `number`.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import re
import unicodedata
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pcgm_bench.contracts import UserError

LARGEST = 64 * 2**20
"""Bytes of a table at most."""
INVISIBLE = " \t\r\n\v\f\u00a0\u00ad\u200b\u200c\u200d\u2060\ufeff"
"""Characters that a person does not see at the ends of a cell."""
NAMES = {"\t": "tabs", ",": "commas", ";": "semicolons"}
PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)
WRITTEN_BY_PROGRAMS = re.compile(rf"{PLAIN.pattern}(e[+-]?\d{{1,3}})?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class TextRow:
    """A row.

    Attributes:
        line: its last line in the file; the heading is line 1.
        cells: column -> text, without spaces around it; empty cells are empty texts.
    """

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class TextTable:
    """A table.

    Attributes:
        path: its file.
        columns: names of the columns; none is empty, and none is there twice.
        rows: in the order of the file; empty lines are left out.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[TextRow, ...]


def read_text_table(
    path: Path, delimiters: str, needed: str | None = None, *, line_breaks: bool = False, last_may_lack: bool = False
) -> TextTable:
    """Read a table.

    Args:
        path: UTF-8 text, with or without a byte order mark, or UTF-16 with one.
        delimiters: characters that may part the cells; that which is most often in the heading does.
        needed: a column that must be there; None: the caller looks.
        line_breaks: whether a cell in quotation marks may hold line breaks.
        last_may_lack: whether a row may lack its last cell.

    Raises:
        UserError: not a file, too large, not such text, a stray quotation mark, no column ``needed``, a column twice,
            or a row with more or fewer cells than the heading. Names the file and the line.
    """
    text = _text(path)
    first = text.split("\n", 1)[0]
    delimiter = max(delimiters, key=first.count)
    lines = list(_lines(path, text, delimiter, line_breaks))
    header = [name.strip(INVISIBLE) for name in lines[0][1]] if lines else []
    if not header:
        raise UserError(f"{path}: the file is empty: give a table with a heading")
    if needed is not None and needed not in header:
        raise UserError(f"{path}: no column {needed}{_why_no_column(header, needed, delimiters, first)}")
    if twice := next((name for name in header if name and header.count(name) > 1), None):
        raise UserError(f"{path}: two columns are called {twice!r}: rename one")
    rows = []
    for number_, line in lines[1:]:
        cells = [cell.strip(INVISIBLE) for cell in line]
        while len(cells) > len(header) and not cells[-1]:
            cells.pop()
        if last_may_lack and len(cells) == len(header) - 1:
            cells.append("")
        if len(cells) != len(header):
            raise UserError(f"{path}: row {number_} has {len(cells)} cells, the header {len(header)}: repair the row")
        rows.append(TextRow(number_, {name: cell for name, cell in zip(header, cells, strict=True) if name}))
    return TextTable(path, tuple(name for name in header if name), tuple(rows))


def number(text: str, *, by_program: bool = False) -> float:
    """A number as people write it: ``45``, ``45.5``, ``-3``. Nothing else: no comma, no unit, no ``45+``.

    Args:
        text: a cell.
        by_program: whether ``1.5e-05`` may stand there, as programs write it.

    Raises:
        ValueError: not such a number; the message says why, and reads on from the cell: ``has a comma: write 45.5``.

    >>> number(" 45.5 "), number("1e3", by_program=True)
    (45.5, 1000.0)
    """
    text = text.strip(INVISIBLE)
    if (WRITTEN_BY_PROGRAMS if by_program else PLAIN).fullmatch(text):
        return float(text)
    if re.fullmatch(r"[+-]?\d+,\d+", text, re.ASCII):
        msg = f"has a comma: write {text.replace(',', '.')} if it is a decimal comma, and nothing between thousands"
    elif WRITTEN_BY_PROGRAMS.fullmatch(text):
        msg = f"has an exponent: write {float(text):.10g}"
    else:
        msg = "is not a number"
    raise ValueError(msg)


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{path}: not a file: give a table")
        if path.stat().st_size > LARGEST:
            raise UserError(f"{path}: larger than {LARGEST // 2**20} MiB, no such table is: check the path")
        data = path.read_bytes()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        what = "no such file" if missing else f"cannot be read ({error.strerror or type(error).__name__})"
        raise UserError(f"{path}: {what}: check the path and its permissions") from error
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(f"{path}: not readable as UTF-8 text (line {line}): save it as UTF-8") from error
    for number_, line_ in enumerate(text.splitlines(), 1):
        if bad := next((letter for letter in line_ if letter != "\t" and unicodedata.category(letter) == "Cc"), None):
            raise UserError(f"{path}: line {number_} holds the control character {bad!r}: save it as plain UTF-8 text")
    return text


def _lines(path: Path, text: str, delimiter: str, line_breaks: bool) -> Iterator[tuple[int, list[str]]]:
    """(line in the file, cells) of every line that is not empty."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begun = 1
    try:
        for cells in reader:
            if not line_breaks and any("\n" in cell or "\r" in cell for cell in cells):
                raise UserError(f"{path}: row {begun} opens a quotation mark and does not close it: remove the mark")
            if any(cell.strip(INVISIBLE) for cell in cells):
                yield reader.line_num, cells
            begun = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{path}: row {begun} has a stray quotation mark ({error}): remove the mark") from error


def _why_no_column(header: list[str], needed: str, delimiters: str, first: str) -> str:
    others = [mark for mark in NAMES if mark not in delimiters]
    mark = max(others, key=first.count, default="")
    if len(header) == 1 and mark and mark in first:
        return f": its cells are separated by {NAMES[mark]}, use {' or '.join(NAMES[one] for one in delimiters)}"
    close = difflib.get_close_matches(needed.lower(), [name.lower() for name in header], 1, 0.8)
    if close:
        theirs = next(name for name in header if name.lower() == close[0])
        return f": name it so in the first line, which has {theirs!r}"
    shown = ", ".join(name[:40] for name in header[:8])
    return f": name it so in the first line, which has {shown}"


def closest_label(label: str, others: set[str] | frozenset[str]) -> str:
    """A label that may be meant: the same but for zeros in front or capitals; empty where there is none or several.

    >>> closest_label("1", {"01", "02"}), closest_label("a1", {"A1"}), closest_label("7", {"01"})
    ('01', 'A1', '')
    """

    def plain(text: str) -> str:
        return re.sub(r"(^|(?<=\D))0+(?=\d)", "", re.sub(r"\.0$", "", text)).lower()

    found = [other for other in others if plain(other) == plain(label)]
    return found[0] if len(found) == 1 else ""
