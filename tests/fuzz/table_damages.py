"""Ways in which a table can be wrong, or be written otherwise: by hand, by a spreadsheet, by a broken copy."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from outcomes import Damage
from table_twins import Rows

Edit = Callable[[np.random.Generator, Rows], Rows]
ODD_NUMBERS = (
    "{},5", "{}+", "{}e1", "{}_0", "~{}", "<{}", "{} y", "0x{}", "{}/2", "{}-{}", "{}..5", "--{}", "{}\u00bd", "nan",
    "inf", "-inf", "1e999", "", "n/a", "?", "#REF!", "#N/A", "TRUE", "NULL", "=1+1", "\u0664\u0665", "\uff14\uff15",
    "IV", "forty", "1,234.5", "1 234", "{}%", "'{}", "{}\u00a0\u00a0x", "\u2212{}", "99999", "-{}", "1.2.3",
)  # fmt: skip
"""What is no number, or none that can be; ``{}`` is the cell."""
SAME_NUMBERS = (" {}", "{} ", "+{}", "\u00a0{}", "{}\u200b", '"{}"', "0{}", "\ufeff{}")
"""The same number, written otherwise."""


@dataclass(frozen=True)
class Form:
    """How a table is written.

    Attributes:
        twin: makes the undamaged rows, heading first.
        delimiter: between cells.
        label: column of labels.
        numbers: columns of numbers.
        may_be_empty: whether a number may be left out.
    """

    twin: Callable[[], Rows]
    delimiter: str
    label: int
    numbers: Sequence[int]
    may_be_empty: bool = False

    def text(self, rows: Rows) -> str:
        """The file."""
        return "".join(self.delimiter.join(row) + "\n" for row in rows)


def table_damages(form: Form, *, is_strict_label: bool = True) -> tuple[Damage, ...]:
    """Every way, for one form.

    Args:
        form: of the table.
        is_strict_label: whether a label that is written otherwise has to be refused: an unknown one is nobody's.
    """
    edits: list[tuple[str, str, Edit, bool]] = [
        ("a cell that is no number", "numbers", _odd(form), False),
        ("a number written otherwise", "numbers", _same(form), True),
        ("a label written otherwise", "labels", _label(form), False),
        ("a row twice", "labels", lambda rng, rows: [*rows, list(rows[_any_row(rng, rows)])], False),
        ("two labels swapped with nothing else", "labels", lambda _rng, rows: rows[:1] + rows[:0:-1], True),
        ("a row gone", "rows", lambda rng, rows: _without(rows, _any_row(rng, rows)), False),
        ("a row cut", "rows", _cut_row, False),
        ("a cell too many", "rows", lambda rng, rows: _insert(rows, _any_row(rng, rows), rng, "7"), False),
        ("empty lines", "rows", lambda rng, rows: _empty_lines(rng, rows), True),
        ("empty cells at the end", "rows", lambda _rng, rows: [[*row, "", ""] for row in rows], True),
        ("a column twice", "columns", lambda rng, rows: _double_column(rng, rows), False),
        ("a column gone", "columns", lambda rng, rows: _drop_column(rng, rows, form), False),
        ("columns in another order", "columns", _shuffle_columns, True),
        ("spaces in the heading", "columns", lambda _rng, rows: [[f" {name} " for name in rows[0]], *rows[1:]], True),
        ("a heading in capitals", "columns", lambda _rng, rows: [[name.upper() for name in rows[0]], *rows[1:]], False),
        ("no heading", "columns", lambda _rng, rows: rows[1:], False),
        ("a stray quotation mark", "text", _quote, False),
    ]
    texts = [
        Damage(name, kind, _by_rows(form, edit), is_good=is_good)
        for name, kind, edit, is_good in edits
        if is_strict_label or name != "a label written otherwise"
    ]
    return (*texts, *_bytes(form))


def _by_rows(form: Form, edit: Edit) -> Callable[[np.random.Generator, Path], Path]:
    def make(rng: np.random.Generator, path: Path) -> Path:
        path.write_text(form.text(edit(rng, [list(row) for row in form.twin()])), encoding="utf-8")
        return path

    return make


def _bytes(form: Form) -> tuple[Damage, ...]:
    text = form.text(form.twin())
    ways: list[tuple[str, bool, Callable[[np.random.Generator, bytes], bytes]]] = [
        ("UTF-8 with a mark", True, lambda _rng, _data: text.encode("utf-8-sig")),
        ("UTF-16", True, lambda _rng, _data: text.encode("utf-16")),
        ("line ends of Windows", True, lambda _rng, data: data.replace(b"\n", b"\r\n")),
        ("line ends of old Macs", True, lambda _rng, data: data.replace(b"\n", b"\r")),
        ("no line end at the end", True, lambda _rng, data: data[:-1]),
        ("UTF-16 without a mark", False, lambda _rng, _data: text.encode("utf-16-le")),
        ("a letter in Latin-1", False, _put(b"\xe9")),
        ("a NUL", False, _put(b"\0")),
        ("a control character", False, _put(b"\x1b")),
        ("cut anywhere", False, lambda rng, data: data[: int(rng.integers(0, len(data) - 12))]),
        ("nothing", False, lambda _rng, _data: b""),
        ("another file", False, lambda rng, _data: rng.bytes(4096)),
    ]

    def made(way: Callable[[np.random.Generator, bytes], bytes]) -> Callable[[np.random.Generator, Path], Path]:
        def make(rng: np.random.Generator, path: Path) -> Path:
            path.write_bytes(way(rng, text.encode()))
            return path

        return make

    return tuple(Damage(name, "bytes", made(way), is_good=is_good) for name, is_good, way in ways)


def _put(piece: bytes) -> Callable[[np.random.Generator, bytes], bytes]:
    def way(rng: np.random.Generator, data: bytes) -> bytes:
        place = int(rng.integers(0, len(data)))
        return data[:place] + piece + data[place:]

    return way


def _any_row(rng: np.random.Generator, rows: Rows) -> int:
    return int(rng.integers(1, len(rows)))


def _edit_cell(rows: Rows, row: int, column: int, text: str) -> Rows:
    rows[row][column] = text
    return rows


def _odd(form: Form) -> Edit:
    odd = [text for text in ODD_NUMBERS if text or not form.may_be_empty]

    def edit(rng: np.random.Generator, rows: Rows) -> Rows:
        row, column = _any_row(rng, rows), int(rng.choice(form.numbers))
        text = str(rng.choice(odd)).replace("{}", rows[row][column])
        return _edit_cell(rows, row, column, f'"{text}"' if form.delimiter in text else text)

    return edit


def _same(form: Form) -> Edit:
    def edit(rng: np.random.Generator, rows: Rows) -> Rows:
        row, column = _any_row(rng, rows), int(rng.choice(form.numbers))
        return _edit_cell(rows, row, column, str(rng.choice(SAME_NUMBERS)).replace("{}", rows[row][column]))

    return edit


def _label(form: Form) -> Edit:
    def edit(rng: np.random.Generator, rows: Rows) -> Rows:
        row = _any_row(rng, rows)
        prefix, _, label = rows[row][form.label].rpartition("-")
        others = (label.lstrip("0"), f"0{label}", f"{label}.0", f"{label}x", "", "sub-sub-1", f"{label} {label}")
        wrong = [other for other in others if other != label]
        dash = f"{prefix}-" if prefix else ""
        chosen = str(rng.choice(wrong))
        return _edit_cell(rows, row, form.label, f"{dash}{chosen}" if chosen else "")

    return edit


def _without(rows: Rows, row: int) -> Rows:
    return rows[:row] + rows[row + 1 :]


def _cut_row(rng: np.random.Generator, rows: Rows) -> Rows:
    row = _any_row(rng, rows)
    rows[row] = rows[row][: int(rng.integers(1, max(2, len(rows[row]) - 1)))]
    return rows


def _insert(rows: Rows, row: int, rng: np.random.Generator, text: str) -> Rows:
    rows[row].insert(int(rng.integers(0, len(rows[row]) + 1)), text)
    return rows


def _empty_lines(rng: np.random.Generator, rows: Rows) -> Rows:
    place = _any_row(rng, rows)
    return [*rows[:place], [], [""], *rows[place:], []]


def _double_column(rng: np.random.Generator, rows: Rows) -> Rows:
    column = int(rng.integers(0, len(rows[0])))
    return [[*row, row[column]] for row in rows]


def _drop_column(rng: np.random.Generator, rows: Rows, form: Form) -> Rows:
    column = int(rng.choice([form.label, *form.numbers]))
    return [row[:column] + row[column + 1 :] for row in rows]


def _shuffle_columns(rng: np.random.Generator, rows: Rows) -> Rows:
    order = rng.permutation(len(rows[0]))
    return [[row[column] for column in order] for row in rows]


def _quote(rng: np.random.Generator, rows: Rows) -> Rows:
    row, column = _any_row(rng, rows), int(rng.integers(0, len(rows[0])))
    return _edit_cell(rows, row, column, f'"{rows[row][column]}')
