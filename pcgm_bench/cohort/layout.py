"""A BIDS folder read into one table: who was scanned when, what is known about them, and where the image lies.

Faults are collected, not raised, so that all of them can be shown at once; each is one line that names the file or the
subject, what is wrong, and what to do.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from pcgm_bench.cohort.map_hints import likely_column
from pcgm_bench.cohort.map_hints import offer
from pcgm_bench.cohort.mapping import LEFT_OUT
from pcgm_bench.cohort.mapping import ColumnMap
from pcgm_bench.cohort.mapping import did_you_mean
from pcgm_bench.cohort.mapping import is_missing
from pcgm_bench.cohort.mapping import map_age
from pcgm_bench.cohort.mapping import map_diagnosis
from pcgm_bench.cohort.mapping import map_head_size
from pcgm_bench.cohort.mapping import map_sex
from pcgm_bench.cohort.people_tables import Known
from pcgm_bench.cohort.people_tables import LabelledTable
from pcgm_bench.cohort.people_tables import read_labelled
from pcgm_bench.cohort.scan_choice import IGNORE
from pcgm_bench.cohort.scan_choice import Scans
from pcgm_bench.cohort.scan_choice import find_scans
from pcgm_bench.cohort.scan_choice import unusable
from pcgm_bench.contracts import UserError
from pcgm_bench.text_table import closest_label

NEEDED = ("age", "sex", "diagnosis")


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

    def add_fault(self, text: str) -> None:
        """Add a line, unless it is there."""
        if text not in self.faults:
            self.faults.append(text)

    def add_note(self, text: str) -> None:
        """Likewise."""
        if text not in self.notes:
            self.notes.append(text)


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
    people = _people(out)
    if people is None:
        return out
    scans = find_scans(folder, mapping)
    out.faults += scans.faults
    out.notes += scans.notes
    _compare(out, people, scans)
    listed = {subject: scans.chosen[subject] for subject in people.rows if subject in scans.chosen}
    sessions = {subject: _sessions(out, subject) for subject, visits in listed.items() if any(visits)}
    lacking = [ours for ours in NEEDED if not _has_column(out, people, listed, sessions, ours, mapping)]
    if not lacking:
        for subject, visits in listed.items():
            for session, path in sorted(visits.items()):
                known = _known(out, people, sessions.get(subject), subject, session)
                if known is not None:
                    _add_visit(out, known, subject, session, path, mapping)
        out.faults += _changing(out.visits)
        out.notes += _still(out.visits)
    return out


def _description(out: Layout) -> Mapping[str, Any]:
    path = out.folder / "dataset_description.json"
    if not path.exists():
        out.notes.append(f"{path}: missing, though BIDS asks for it")
        return {}
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        out.faults.append(f"{path}: not readable JSON ({error}): repair or remove it")
        return {}
    if not isinstance(content, dict):
        return {}
    tools = content.get("GeneratedBy")
    return {**content, "GeneratedBy": tools if isinstance(tools, list) else []}


def _people(out: Layout) -> LabelledTable | None:
    """``participants.tsv``; None after a fault was noted."""
    path = out.folder / "participants.tsv"
    if not path.exists():
        out.faults.append(f"{path}: missing: a cohort needs it, with participant_id, age, sex, diagnosis (or --map)")
        return None
    people = read_labelled(path, "participant_id", (out.folder / "participants.json",), out.faults)
    if people is not None and not people.rows:
        out.faults.append(f"{path}: nobody in it: give at least one row")
    return people


def _sessions(out: Layout, subject: str) -> LabelledTable | None:
    """The sessions file of a person; None where there is none, or after a fault was noted."""
    path = out.folder / f"sub-{subject}" / f"sub-{subject}_sessions.tsv"
    if not path.exists():
        return None
    return read_labelled(path, "session_id", (path.with_suffix(".json"), out.folder / "sessions.json"), out.faults)


def _compare(out: Layout, people: LabelledTable, scans: Scans) -> None:
    """People without scans, and scans without people."""
    table, seen = people.path, {*scans.chosen, *scans.explained}
    unlisted = seen - set(people.rows)
    for subject in people.rows:
        if subject in seen:
            continue
        if subject in scans.ignored:
            out.notes.append(f"sub-{subject}: left out, as {IGNORE} names the scans")
        elif meant := closest_label(subject, unlisted):
            unlisted.discard(meant)
            out.faults.append(
                f"{table}: it lists sub-{subject}, the folder is sub-{meant}: write the label as the folder has it, "
                "with zeros and capitals (a spreadsheet drops zeros)"
            )
        else:
            out.faults.append(
                next(unusable(scans, subject), "")
                or f"{out.folder / f'sub-{subject}'}: no anat/*_T1w.nii.gz, though {table.name} lists it: add the scan "
                "or remove the row"
            )
    for subject in sorted(unlisted):
        out.faults.append(f"{table}: no row for sub-{subject}, which has a scan: add the row or remove the folder")


def _has_column(
    out: Layout,
    people: LabelledTable,
    listed: Mapping[str, Mapping[str, Path]],
    sessions: Mapping[str, LabelledTable | None],
    ours: str,
    mapping: ColumnMap,
) -> bool:
    """Whether everybody can have a value of ``ours``, from participants.tsv or the sessions files."""
    theirs = mapping.column(ours)
    by_visit = {subject for subject, table in sessions.items() if table is not None and theirs in table.columns}
    if theirs not in people.columns and not by_visit:
        out.faults.append(f"{people.path}: no column {theirs!r}: {_other_column(people, sessions, ours, mapping)}")
        return False
    # Ages of several visits in one person's sessions file, and one age for all visits of another, are not one cohort.
    without = [
        subject
        for subject, visits in listed.items()
        if subject not in by_visit
        and (theirs not in people.columns or (by_visit and ours == "age" and len(visits) > 1))
    ]
    for subject in without:
        path = out.folder / f"sub-{subject}" / f"sub-{subject}_sessions.tsv"
        what = f"no column {theirs!r}" if path.exists() else "missing"
        out.add_fault(f"{path}: {what}, though {theirs} of other people stands in such a file: add it")
    return not without


def _other_column(
    people: LabelledTable, sessions: Mapping[str, LabelledTable | None], ours: str, mapping: ColumnMap
) -> str:
    """What to do about a column that is not there."""
    theirs = mapping.column(ours)
    for table in (people, *(table for table in sessions.values() if table is not None)):
        if theirs != ours:
            continue
        if (other := likely_column(ours, [name for name in table.columns if not name.endswith("_id")])) is not None:
            return offer(ours, other, [row[other] for row in table.rows.values()], table.levels(other))
    header = ", ".join(people.columns)
    if theirs != ours:
        return f"--map {ours}= must name one of {header}{did_you_mean(theirs, people.columns)}"
    return f"say which one it is with --map {ours}=COLUMN (there are: {header})"


def _known(
    out: Layout, people: LabelledTable, visits: LabelledTable | None, subject: str, session: str
) -> Known | None:
    """What the tables say of a visit; None after a fault was noted."""
    person = people.rows[subject]
    if not session or visits is None:
        # A sessions file that could not be read has its fault already.
        return Known(person, people)
    if session not in visits.rows:
        meant = closest_label(session, set(visits.rows))
        hint = f" (its row is ses-{meant}: write the label as the folder has it)" if meant else ""
        out.faults.append(f"{visits.path}: no row for ses-{session}: give exactly one{hint}")
        return None
    return Known(person, people, visits.rows[session], visits)


def _add_visit(out: Layout, known: Known, subject: str, session: str, path: Path, mapping: ColumnMap) -> None:
    """Add one scan, or the faults of its metadata."""
    visit = f"sub-{subject}" + (f" ses-{session}" if session else "")
    values: dict[str, Any] = {}
    readers: dict[str, Callable[[str], Any]] = {
        "age": lambda cell: map_age(cell, _unit(out, known, "age", mapping)),
        "sex": lambda cell: map_sex(cell, mapping),
        "diagnosis": lambda cell: map_diagnosis(cell, mapping),
        "head_size": lambda cell: map_head_size(cell, _unit(out, known, "head_size", mapping)),
    }
    for ours, reader in readers.items():
        column = mapping.column(ours)
        cell, table = known.cell(ours, column)
        is_level = ours == "diagnosis" and mapping.diagnosis is not None and cell in mapping.diagnosis
        if ours in NEEDED and is_missing(cell) and not is_level:
            rest = f"name the scan in {IGNORE}" if table is known.visits else "remove the person"
            out.faults.append(f"{table.path}: {visit}: {column} is missing ({cell or 'empty'}): fill it in or {rest}")
            continue
        try:
            values[ours] = reader(cell)
        except UserError as error:
            out.add_fault(str(error))
        except ValueError as error:
            out.faults.append(f"{table.path}: {visit}: {error}{_perhaps(ours, column, table, mapping)}")
    original = known.cell("diagnosis", mapping.column("diagnosis"))[0]
    for ours in ("diagnosis", "sex"):
        if values.get(ours) == LEFT_OUT:
            cell = known.cell(ours, mapping.column(ours))[0]
            out.notes.append(f"sub-{subject}: left out, as --map {ours} asks ({cell})")
            return
    if len(values) == len(readers):
        out.visits.append(Visit(subject, session, path, diagnosis_original=original, **values))


def _unit(out: Layout, known: Known, ours: str, mapping: ColumnMap) -> float:
    """How many of the unit of a cell are a year, or a mL; a unit that is not ours is noted."""
    unit = known.unit(ours, mapping.column(ours))
    if unit.how_many != 1:
        ours_unit = "years" if ours == "age" else "mL"
        out.add_note(f"{mapping.column(ours)} is in {unit.name} ({unit.said_by}): read as {ours_unit}")
    return unit.how_many


def _perhaps(ours: str, column: str, table: LabelledTable, mapping: ColumnMap) -> str:
    """The map to write where nobody has said what the values of a column mean."""
    explained = {"sex": mapping.sex, "diagnosis": mapping.diagnosis}
    if ours not in explained or explained[ours] is not None:
        return ""
    values = [row.get(column, "") for row in table.rows.values()]
    return f"; {offer(ours, column, values, table.levels(column))}"


def _changing(visits: Sequence[Visit]) -> Iterator[str]:
    """People whose sex or diagnosis differs between visits: studies compare people, not visits."""
    by_person: dict[str, list[Visit]] = {}
    for visit in visits:
        by_person.setdefault(visit.subject, []).append(visit)
    for subject, own in by_person.items():
        for what, seen in (("diagnosis", {v.diagnosis for v in own}), ("sex", {v.sex for v in own})):
            if len(seen) > 1:
                yield (
                    f"sub-{subject}: {what} differs between visits ({', '.join(sorted(seen))}), and studies compare "
                    f"people: correct it, or name the visits to leave out in {IGNORE}"
                )


def _still(visits: Sequence[Visit]) -> Iterator[str]:
    """People whose visits have one age: what is between them is no follow-up."""
    ages: dict[str, list[float]] = {}
    for visit in visits:
        ages.setdefault(visit.subject, []).append(visit.age)
    still = [subject for subject, seen in ages.items() if len(seen) > 1 and len(set(seen)) == 1]
    if still:
        yield f"{len(still)} people have several visits at one age (sub-{still[0]}): give ages in sub-*_sessions.tsv"


def first_fault(faults: list[str], folder: Path) -> UserError:
    """The error for a folder with faults: the first, and how to see the others."""
    more = f" ({len(faults) - 1} more: pcgm-bench cohort check {folder})" if len(faults) > 1 else ""
    return UserError(faults[0] + more)
