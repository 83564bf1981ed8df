"""Tables of what was measured elsewhere: one row an image, found by its person, visit and description."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pcgm_bench.contracts import UserError
from pcgm_bench.store import ImageKey
from pcgm_bench.text_table import number
from pcgm_bench.text_table import read_text_table

WHO = ("subject", "session", "desc")
SHOWN = 5
"""Faults named before the rest is counted."""
SUFFIX = re.compile(r"(_T1w|_dseg|_synthseg)?(\.nii(\.gz)?|\.mgz)?$")


def read_texts(path: Path, rename: Callable[[str], str]) -> pd.DataFrame:
    """The table as texts, its columns by our names; the index is the line in the file.

    Raises:
        UserError: as `read_text_table`, no row, no column ``subject``, or two columns that mean the same.
    """
    table = read_text_table(path, "\t" if path.suffix == ".tsv" else ",;\t")
    columns = [rename(name) for name in table.columns]
    if "subject" not in columns:
        raise UserError(f"{path}: no column 'subject'; the table has {', '.join(columns[:8])}")
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise UserError(f"{path}: column {twice[0]!r} is there twice; remove one")
    if not table.rows:
        raise UserError(f"{path}: the table has a heading and no row; give one row an image")
    rows = [[row.cells[name] for name in table.columns] for row in table.rows]
    return pd.DataFrame(rows, columns=pd.Index(columns), index=[row.line for row in table.rows], dtype=str)


def _as_it_is(values: pd.DataFrame) -> pd.DataFrame:
    return values


def numbers(
    path: Path,
    table: pd.DataFrame,
    wrong: Callable[[str, float], str],
    convert: Callable[[pd.DataFrame], pd.DataFrame] = _as_it_is,
) -> pd.DataFrame:
    """The table's numbers, one row an image, by stem: ``sub-001_ses-01_desc-cfAUD``.

    Args:
        path: for messages.
        table: of `read_texts`.
        wrong: says of a column and a number what is wrong with it; empty if nothing is.
        convert: makes other columns of them, before anything is judged.

    Raises:
        UserError: an image is there twice, or a value is empty, not a number or wrong. Lines are those of the file;
            the heading's is 1.
    """
    stems = [_stem(row) for row in table[[name for name in WHO if name in table]].to_dict("records")]
    values, faults = _parsed(stems, table[[name for name in table if name not in WHO]])
    if not faults:
        values = convert(values)
        for line, (stem, row) in zip(table.index, zip(stems, values.to_dict("records"), strict=True), strict=True):
            for name, value in row.items():
                if fault := wrong(str(name), float(value)):
                    faults.append(f"line {line} ({stem}), {name}: {fault}")
    if faults:
        rest = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise UserError(f"{path}: {'; '.join(faults[:SHOWN])}{rest}")
    return values.set_axis(pd.Index(stems))


def by_image(values: pd.DataFrame) -> dict[str, dict[str, float]]:
    """`numbers` as image -> column -> number."""
    return {str(stem): {str(k): float(v) for k, v in row.items()} for stem, row in values.to_dict("index").items()}


def _stem(row: Mapping[Hashable, str]) -> str:
    """``sub-001_ses-01_desc-cfAUD`` of a row; empty without a subject."""
    subject = SUFFIX.sub("", row["subject"].rstrip("/").rsplit("/", 1)[-1]).removeprefix("sub-")
    if not subject:
        return ""
    session = row.get("session", "").removeprefix("ses-")
    description = row.get("desc", "").removeprefix("desc-")
    return ImageKey(subject, session, description).stem


def _parsed(stems: list[str], texts: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The numbers, and what is no number or is there twice."""
    faults: list[str] = []
    seen: dict[str, int] = {}
    rows = []
    for stem, (line, text) in zip(stems, zip(texts.index, texts.to_dict("records"), strict=True), strict=True):
        if not stem:
            faults.append(f"line {line}: no subject")
        elif stem in seen:
            faults.append(f"line {line}: a second row of {stem}, beside line {seen[stem]}; remove one")
        seen.setdefault(stem, line)
        row = []
        for name, cell in text.items():
            try:
                row.append(number(cell, by_program=True))
            except ValueError as error:
                row.append(float("nan"))
                faults.append(f"line {line} ({stem}), {name}: {cell!r} {error}; give one, or leave the image out")
        rows.append(row)
    return pd.DataFrame(rows, columns=texts.columns, index=texts.index, dtype=float), faults
