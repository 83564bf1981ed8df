"""Every kind of damage to a table or a folder: refused in one line, or read with the numbers of the undamaged twin."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from outcomes import Damage
from outcomes import Outcome
from outcomes import trial_of
from table_rooms import table_rooms

from pcgm_bench.text_table import TextTable
from pcgm_bench.text_table import number
from pcgm_bench.text_table import read_text_table


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=12))
def test_a_cell_is_a_number_or_is_none(cell: str) -> None:
    try:
        value = number(cell)
    except ValueError:
        return
    assert all(letter in "0123456789.+- \t\r\n\v\f\u00a0\u00ad\u200b\u200c\u200d\u2060\ufeff" for letter in cell)
    assert value == float("".join(letter for letter in cell if letter in "0123456789.+-"))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_a_table_or_one_line(data: bytes, line_breaks: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(data)
        trial = trial_of(lambda: _is_whole(read_text_table(path, ",;\t", line_breaks=line_breaks), data, line_breaks))
        assert trial.outcome in (Outcome.REFUSED, Outcome.SAME), trial.line
        assert trial.outcome is Outcome.SAME or trial.line.startswith(f"{path}: ")


def _is_whole(table: TextTable, data: bytes, line_breaks: bool) -> bool:
    """Every row has every column, and what stands in a cell stands in the file."""
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig").replace('""', '"')
    cells = [cell for row in table.rows for cell in row.cells.values()]
    rows_fit = all(set(row.cells) == set(table.columns) for row in table.rows)
    return bool(table.columns) and rows_fit and (line_breaks or all(cell in text for cell in cells))


def test_the_oracle_of_tables_can_fail(tmp_path: Path) -> None:
    """A number that is changed into another number is what no reader can see: the oracle does."""
    room = next(room for room in table_rooms() if room.name == "participants.tsv")

    def other_age(_rng: object, path: Path) -> Path:
        path.write_text(path.read_text().replace("\t39.5\t", "\t40.5\t"))
        return path

    trial = room.attempt(Damage("another age", "numbers", other_age), 0, tmp_path)  # type: ignore[arg-type]
    assert trial.outcome is Outcome.SILENT
