"""A table that names images made elsewhere: ``path``, and for interventions ``subject``, ``session`` and ``desc``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

from pcgm_bench.contracts import UserError
from pcgm_bench.store import ImageKey
from pcgm_bench.text_table import TextTable
from pcgm_bench.text_table import read_text_table

PREFIXES = {"subject": "sub", "session": "ses", "desc": "desc"}
"""Column -> BIDS entity."""


def read_manifest(source: Path) -> dict[str, Path]:
    """File stem (``sub-001_desc-cfAUD``, or ``line-000002`` of a new brain) -> path.

    Args:
        source: CSV or TSV; paths are relative to its folder.

    Raises:
        UserError: not such a table, a file that is not there or there twice, a label that is none, or a row that
            contradicts the file's name. Names the line.
    """
    table = read_text_table(source, "\t" if source.suffix == ".tsv" else ",;\t")
    _check_columns(table)
    files: dict[str, Path] = {}
    lines: dict[Path, int] = {}
    for row in table.rows:
        where = f"{source}, line {row.line}"
        path = _file(source, where, row.cells["path"])
        if (first := lines.setdefault(path.resolve(), row.line)) != row.line:
            raise UserError(f"{where}: {path} is named in line {first} too; give every image a file of its own")
        labels = _labels(where, row.cells)
        if fault := next(_contradictions(path, labels), ""):
            raise UserError(f"{where}: {fault}")
        stem = ImageKey(**_key(labels)).stem if labels["subject"] else f"line-{row.line:06d}"
        add_file(files, stem, path)
    if not files:
        raise UserError(f"{source}: the manifest names no image")
    return files


def add_file(files: dict[str, Path], stem: str, path: Path) -> None:
    """Add a file by its stem.

    Raises:
        UserError: there is one of that stem.
    """
    if stem in files:
        raise UserError(f"{path}: a second image of {stem}, beside {files[stem]}; remove one")
    files[stem] = path


def _check_columns(table: TextTable) -> None:
    if "path" not in table.columns:
        raise UserError(f"{table.path}: no column 'path'; the manifest has {', '.join(table.columns)}")
    for column in PREFIXES:
        alike = [name for name in table.columns if name.lower().startswith(column) and name != column]
        if column not in table.columns and alike:
            raise UserError(f"{table.path}: column {alike[0]!r} is not known; call it {column}")


def _file(source: Path, where: str, name: str) -> Path:
    if not name:
        raise UserError(f"{where}: no path; name the image's file, or remove the row")
    path = source.parent / name
    if not path.is_file():
        raise UserError(f"{where}: no such file: {path}")
    return path


def _labels(where: str, cells: Mapping[str, str]) -> dict[str, str]:
    """The BIDS labels of a row, without their entities' names; empty where there are none."""
    labels = {column: cells.get(column, "").removeprefix(f"{key}-") for column, key in PREFIXES.items()}
    for column, label in labels.items():
        if not re.fullmatch("[A-Za-z0-9]*", label):
            raise UserError(
                f"{where}: {column} {cells[column]!r} is no BIDS label (letters and digits); the columns subject, "
                "session and desc have one each"
            )
    if not labels["subject"] and (labels["desc"] or labels["session"]):
        column = "desc" if labels["desc"] else "session"
        raise UserError(f"{where}: {column} {cells[column]!r} of no subject; add the column 'subject'")
    return labels


def _contradictions(path: Path, labels: Mapping[str, str]) -> Iterator[str]:
    """Where a file's name says another person, visit or request than its row."""
    named = dict(piece.split("-", 1) for piece in path.name.split(".")[0].split("_") if "-" in piece)
    for column, key in PREFIXES.items():
        if labels["subject"] and labels[column] and key in named and named[key] != labels[column]:
            yield f"the row says {key}-{labels[column]}, the file is called {path.name}; correct one"


def _key(labels: Mapping[str, str]) -> dict[str, str]:
    return {"subject": labels["subject"], "session": labels["session"], "description": labels["desc"]}
