"""A BIDS folder read into one table: who was scanned when, what is known about them, and where the image lies.

Faults are collected, not raised, so that all of them can be shown at once; each is one line that names the file or the
subject, what is wrong, and what to do.
"""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from pcgm_bench.cohort.mapping import LEFT_OUT
from pcgm_bench.cohort.mapping import ColumnMap
from pcgm_bench.cohort.mapping import did_you_mean
from pcgm_bench.cohort.mapping import is_missing
from pcgm_bench.cohort.mapping import map_age
from pcgm_bench.cohort.mapping import map_diagnosis
from pcgm_bench.cohort.mapping import map_head_size
from pcgm_bench.cohort.mapping import map_sex
from pcgm_bench.contracts import UserError

Rows = list[dict[str, str]]
SYNONYMS = {
    "age": ("age_at_scan", "age_years", "scan_age", "participant_age"),
    "sex": ("gender", "sex_at_birth", "biological_sex"),
    "diagnosis": ("group", "dx", "condition", "diag", "clinical_group", "status", "case"),
}
"""Columns to suggest when ours is not there."""


@dataclass
class Visit:
    """One scan of the table."""

    subject: str
    session: str
    path: Path
    age: float
    sex: str
    diagnosis: str
    diagnosis_original: str
    head_size: float


@dataclass
class Layout:
    """What a BIDS folder says.

    Attributes:
        folder: the folder.
        description: ``dataset_description.json``.
        visits: the scans whose rows have no fault, by subject, then session.
        faults: one line each; any of them forbids a run.
        notes: one line each; worth knowing.
    """

    folder: Path
    description: Mapping[str, Any] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_layout(folder: Path, mapping: ColumnMap) -> Layout:
    """Read the tables and find the scans of a BIDS folder; no image is opened.

    Args:
        folder: with ``participants.tsv`` and ``sub-*/[ses-*/]anat/*_T1w.nii[.gz]``.
        mapping: the user's column names.
    """
    out = Layout(folder)
    if not folder.is_dir():
        what = "is a file, not a BIDS folder" if folder.exists() else "no such folder"
        out.faults.append(f"{folder}: {what}: give the folder that holds participants.tsv")
        return out
    out.description = _description(out)
    table = folder / "participants.tsv"
    people = _read_tsv(table, "participant_id", out)
    if people is None:
        return out
    rows: dict[str, dict[str, str]] = {}
    for row in people:
        subject = row["participant_id"].removeprefix("sub-")
        if subject in rows:
            out.faults.append(
                f"{table}: sub-{subject} has two rows: keep one (visits go to sub-{subject}_sessions.tsv)"
            )
        rows.setdefault(subject, row)
    if not rows:
        out.faults.append(f"{table}: nobody in it: give at least one row")
    scans = _scans(out, mapping)
    _compare(out, table, rows, scans)
    needed = [name for name in ("age", "sex", "diagnosis") if not _has_column(out, table, rows, scans, name, mapping)]
    if not needed:
        for subject in rows:
            for session, path in sorted(scans.get(subject, {}).items()):
                _add_visit(out, table, subject, session, path, rows[subject], mapping)
    return out


def _description(out: Layout) -> Mapping[str, Any]:
    path = out.folder / "dataset_description.json"
    if not path.exists():
        out.notes.append(f"{path}: missing, though BIDS asks for it")
        return {}
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        out.faults.append(f"{path}: not readable JSON ({error}): repair or remove it")
        return {}
    return content if isinstance(content, dict) else {}


def _read_tsv(path: Path, key: str, out: Layout) -> Rows | None:
    """Rows of a TSV file; None after a fault was noted."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [line for line in csv.reader(file, delimiter="\t") if any(cell.strip() for cell in line)]
    except FileNotFoundError:
        out.faults.append(f"{path}: missing: a cohort needs it, with {key}, age, sex, diagnosis (or --map)")
        return None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        out.faults.append(f"{path}: not readable as UTF-8 text ({error}): save it as tab-separated UTF-8")
        return None
    header = [name.strip() for name in lines[0]] if lines else []
    if key not in header:
        commas = ": its cells are separated by commas, use tabs" if len(header) == 1 and "," in header[0] else ""
        out.faults.append(f"{path}: no column {key}{commas or ': name it so in the first line'}")
        return None
    if len(set(header)) < len(header):
        double = next(name for name in header if header.count(name) > 1)
        out.faults.append(f"{path}: two columns are called {double!r}: rename one")
        return None
    for number, line in enumerate(lines[1:], 2):
        if len(line) != len(header):
            out.faults.append(f"{path}: row {number} has {len(line)} cells, the header {len(header)}: repair the row")
            return None
    return [{name: cell.strip() for name, cell in zip(header, line, strict=True)} for line in lines[1:]]


def _scans(out: Layout, mapping: ColumnMap) -> dict[str, dict[str, Path]]:
    """subject -> session ("" without) -> T1w file."""
    # Takes half a second to import; it knows the BIDS schema, so we need not.
    from bids2table import index_dataset

    logging.getLogger("bids2table").setLevel(logging.ERROR)
    index = index_dataset(out.folder).to_pylist()
    found: dict[str, dict[str, list[Path]]] = {}
    for entry in index:
        if entry["suffix"] == "T1w" and entry["ext"] in (".nii", ".nii.gz"):
            path = out.folder / entry["path"]
            if all(piece in path.name for piece in mapping.scan):
                found.setdefault(entry["sub"], {}).setdefault(entry["ses"] or "", []).append(path)
    scans: dict[str, dict[str, Path]] = {}
    for subject, sessions in found.items():
        for session, paths in sessions.items():
            if len(paths) > 1:
                names = ", ".join(sorted(path.name for path in paths))
                out.faults.append(
                    f"sub-{subject}: {len(paths)} T1w files of one visit ({names}): choose with --map scan=PIECE"
                )
            scans.setdefault(subject, {})[session] = min(paths)
    return scans


def _compare(out: Layout, table: Path, rows: Mapping[str, Any], scans: Mapping[str, Any]) -> None:
    """People without scans, and scans without people."""
    for subject in rows:
        if subject not in scans:
            where = out.folder / f"sub-{subject}"
            out.faults.append(
                f"{where}: no anat/*_T1w.nii.gz, though {table.name} lists it: add the scan or remove the row"
            )
    for subject in sorted(set(scans) - set(rows)):
        out.faults.append(f"{table}: no row for sub-{subject}, which has a scan: add the row or remove the folder")


def _has_column(
    out: Layout,
    table: Path,
    rows: Mapping[str, dict[str, str]],
    scans: Mapping[str, Any],
    ours: str,
    mapping: ColumnMap,
) -> bool:
    """Whether everybody can have a value of ``ours``, from participants.tsv or the sessions files."""
    header = list(next(iter(rows.values()), {}))
    theirs = mapping.column(ours)
    sessions = [out.folder / f"sub-{subject}" / f"sub-{subject}_sessions.tsv" for subject in scans]
    if theirs in header or (sessions and all(path.exists() and theirs in _header(path) for path in sessions)):
        return True
    if theirs != ours:
        todo = f"--map {ours}= must name one of {', '.join(header)}{did_you_mean(theirs, header)}"
    else:
        other = next((name for name in header if name.lower() in (ours, *SYNONYMS[ours])), None)
        todo = f"say which one it is with --map {ours}=COLUMN (there are: {', '.join(header)})"
        if other is not None:
            levels = list(dict.fromkeys(row[other] for row in rows.values()))
            pair = f":{'/'.join(levels)}" if ours == "diagnosis" and len(levels) == 2 else ""
            todo = f"perhaps --map {ours}={other}{pair}" + (" (the case first)" if pair else "")
    out.faults.append(f"{table}: no column {theirs!r}: {todo}")
    return False


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig") as file:
        return file.readline().rstrip("\r\n").split("\t")


def _add_visit(
    out: Layout, table: Path, subject: str, session: str, path: Path, row: Mapping[str, str], mapping: ColumnMap
) -> None:
    """Add one scan, or the faults of its metadata."""
    known = dict(row)
    sessions = out.folder / f"sub-{subject}" / f"sub-{subject}_sessions.tsv"
    if session and sessions.exists():
        visits = _read_tsv(sessions, "session_id", out)
        if visits is None:
            return
        own = [visit for visit in visits if visit["session_id"].removeprefix("ses-") == session]
        if len(own) != 1:
            count = "no row" if not own else f"{len(own)} rows"
            out.faults.append(f"{sessions}: {count} for ses-{session}: give exactly one")
            return
        known |= {name: cell for name, cell in own[0].items() if not is_missing(cell)}
    who = f"{table}: sub-{subject}" + (f" ses-{session}" if session else "")
    values: dict[str, Any] = {}
    readers: dict[str, Callable[[str], Any]] = {
        "age": map_age,
        "sex": lambda value: map_sex(value, mapping),
        "diagnosis": lambda value: map_diagnosis(value, mapping),
    }
    for ours, reader in readers.items():
        cell = known.get(mapping.column(ours), "")
        if is_missing(cell) and not (ours == "diagnosis" and mapping.diagnosis and cell in mapping.diagnosis):
            out.faults.append(
                f"{who}: {mapping.column(ours)} is missing ({cell or 'empty'}): fill it in or remove the person"
            )
            continue
        try:
            values[ours] = reader(cell)
        except ValueError as error:
            out.faults.append(f"{who}: {error}")
    try:
        values["head_size"] = map_head_size(known.get(mapping.column("head_size"), ""))
    except ValueError as error:
        out.faults.append(f"{who}: {error}")
    if values.get("diagnosis") == LEFT_OUT:
        out.notes.append(f"sub-{subject}: left out, as --map diagnosis asks ({known[mapping.column('diagnosis')]})")
    elif len(values) == 4:
        original = known[mapping.column("diagnosis")]
        out.visits.append(Visit(subject, session, path, diagnosis_original=original, **values))


def first_fault(faults: list[str], folder: Path) -> UserError:
    """The error for a folder with faults: the first, and how to see the others."""
    more = f" ({len(faults) - 1} more: pcgm-bench cohort check {folder})" if len(faults) > 1 else ""
    return UserError(faults[0] + more)
