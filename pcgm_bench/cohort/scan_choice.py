"""Which T1w file is the scan of a visit: whole BIDS entities of its name, ``.bidsignore``, and ``--map scan=``."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from functools import cached_property
from pathlib import Path

from pathspec import GitIgnoreSpec

from pcgm_bench.cohort.mapping import ColumnMap
from pcgm_bench.cohort.mapping import option

IGNORE = ".bidsignore"
LABEL = re.compile(r"[A-Za-z0-9]+")
MAY_LACK = ("run", "acq")
"""Entities that the only T1w file of a visit need not have, though ``--map scan=`` asks for them."""


@dataclass
class Scans:
    """The scans of a folder.

    Attributes:
        folder: the BIDS folder.
        chosen: subject -> session ("" without) -> T1w file.
        ignored: subjects with scans of which ``.bidsignore`` leaves none.
        explained: subjects without a scan of whom a fault or a note says why.
        faults: one line each.
        notes: one line each.
    """

    folder: Path
    chosen: dict[str, dict[str, Path]] = field(default_factory=dict)
    ignored: set[str] = field(default_factory=set)
    explained: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @cached_property
    def ignore(self) -> GitIgnoreSpec:
        """What ``.bidsignore`` says; its lines are those of a ``.gitignore``."""
        path = self.folder / IGNORE
        lines = path.read_text("utf-8-sig", errors="replace").splitlines() if path.is_file() else []
        return GitIgnoreSpec.from_lines(lines)

    def ignores(self, path: Path) -> bool:
        """Whether ``.bidsignore`` names a file or folder of the folder."""
        name = path.relative_to(self.folder).as_posix()
        return self.ignore.match_file(f"{name}/" if path.is_dir() else name)


def find_scans(folder: Path, mapping: ColumnMap) -> Scans:
    """Find the T1w files of a BIDS folder, one a visit; no image is opened."""
    # Takes half a second to import; it knows the BIDS schema, so we need not.
    from bids2table import index_dataset

    logging.getLogger("bids2table").setLevel(logging.ERROR)
    scans = Scans(folder)
    found: dict[str, dict[str, list[Path]]] = {}
    for entry in index_dataset(folder).to_pylist():
        if entry["suffix"] != "T1w" or entry["ext"] not in (".nii", ".nii.gz"):
            continue
        path = folder / entry["path"]
        if scans.ignores(path):
            scans.ignored.add(entry["sub"])
        elif fault := _misplaced(path, folder):
            scans.faults.append(fault)
            scans.explained |= {
                entry["sub"],
                *(part.removeprefix("sub-") for part in path.relative_to(folder).parts[:1]),
            }
        else:
            found.setdefault(entry["sub"], {}).setdefault(entry["ses"] or "", []).append(path)
    scans.ignored -= set(found)
    scans.faults += _bad_labels(scans)
    for subject, sessions in found.items():
        _choose(scans, subject, sessions, mapping)
    return scans


def _bad_labels(scans: Scans) -> Iterator[str]:
    """Visits that nobody sees, since their folder's label is none. People are seen in the table."""
    for path in sorted(scans.folder.glob("sub-*/ses-*")):
        label = path.name.removeprefix("ses-")
        if path.is_dir() and not LABEL.fullmatch(label) and not scans.ignores(path):
            yield f"{path}: a BIDS label has letters and digits only: call folder and files ses-{_plain(label)}"


def _plain(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", label) or "LABEL"


def entities(name: str) -> dict[str, str]:
    """Entities of a BIDS file name.

    >>> entities("sub-01_run-1_T1w.nii.gz")
    {'sub': '01', 'run': '1'}
    """
    pairs = (piece.partition("-") for piece in name.split(".")[0].split("_"))
    return {key: value for key, dash, value in pairs if dash}


def _misplaced(path: Path, folder: Path) -> str:
    """What is wrong with a file whose name and folders contradict each other."""
    named = entities(path.name)
    for part in path.relative_to(folder).parts[:-1]:
        key, dash, label = part.partition("-")
        if dash and key in ("sub", "ses") and LABEL.fullmatch(label) and named.get(key) != label:
            said = f"{key}-{named[key]}" if key in named else f"no {key}-"
            return f"{path}: its name says {said}, its folder {part}: rename one"
    return ""


def _choose(scans: Scans, subject: str, sessions: Mapping[str, Sequence[Path]], mapping: ColumnMap) -> None:
    wanted = dict(mapping.entities_of(subject))
    visit = wanted.pop("ses", None)
    # Who has no sessions has but one visit.
    kept = {session: paths for session, paths in sessions.items() if visit in (None, session) or not any(sessions)}
    if not kept:
        seen = ", ".join(f"ses-{session}" for session in sorted(sessions))
        scans.faults.append(f"sub-{subject}: --map scan= asks for ses-{visit}, there is {seen}: {_own(subject, 'ses')}")
        scans.explained.add(subject)
    elif left := sorted(set(sessions) - set(kept)):
        names = ", ".join(f"ses-{session}" for session in left)
        scans.notes.append(f"sub-{subject}: {names} left out, as --map scan= asks for ses-{visit}")
    if "" in kept and len(kept) > 1:
        others = ", ".join(f"ses-{session}" for session in sorted(kept) if session)
        scans.faults.append(
            f"sub-{subject}: a scan without a session beside {others}: give it a session, or name it in {IGNORE}"
        )
    for session, paths in kept.items():
        left_over, why = _matching(sorted(paths), wanted)
        if len(left_over) == 1:
            scans.chosen.setdefault(subject, {})[session] = left_over[0]
            continue
        scans.explained.add(subject)
        names = ", ".join(path.name for path in sorted(paths))
        if left_over:
            hint = _hint(left_over, subject, mapping)
            scans.faults.append(f"sub-{subject}: {len(left_over)} T1w files of one visit ({names}): {hint}")
            scans.chosen.setdefault(subject, {})[session] = left_over[0]
        else:
            scans.faults.append(f"sub-{subject}: {why} ({names}): {_own(subject, next(iter(wanted)))}")


def _matching(paths: Sequence[Path], wanted: Mapping[str, str]) -> tuple[list[Path], str]:
    """The files that have the entities asked for; and why there is none."""
    asked = " and ".join(f"{key}-{value}" for key, value in wanted.items())
    if len(paths) == 1:
        named = entities(paths[0].name)
        lacks = [key for key, value in wanted.items() if not _equal(key, named.get(key), value)]
        # One scan of a person who has no second needs no number.
        if all(key in MAY_LACK and key not in named for key in lacks):
            return list(paths), ""
        return [], f"its only T1w file of the visit is not {asked}"
    exact = [path for path in paths if wanted.items() <= entities(path.name).items()]
    found = exact or [
        path for path in paths if all(_equal(key, entities(path.name).get(key), value) for key, value in wanted.items())
    ]
    return found, f"none of {len(paths)} T1w files of one visit is {asked}"


def _equal(key: str, label: str | None, wanted: str) -> bool:
    """Labels are equal as texts; a run is a number, which may have zeros in front."""
    if label is not None and key == "run" and label.isdecimal() and wanted.isdecimal():
        return int(label) == int(wanted)
    return label == wanted


def _hint(paths: Sequence[Path], subject: str, mapping: ColumnMap) -> str:
    """The option that chooses the first file that can be told by an entity."""
    for path in paths:
        others = [entities(other.name) for other in paths if other is not path]
        for key, label in entities(path.name).items():
            if not any(_equal(key, other.get(key), label) for other in others):
                whose = f"sub-{subject}:" if mapping.entities_of(subject) else ""
                return f"choose with {option(f'scan={whose}{key}-{label}')}"
    return f"name all but one in {IGNORE}"


def _own(subject: str, key: str) -> str:
    return f"say what this person has with --map scan=sub-{subject}:{key}-LABEL"


def unusable(scans: Scans, subject: str) -> Iterator[str]:
    """Why a person of the table has no scan, as far as the folder tells; the first is the likeliest."""
    where = scans.folder / f"sub-{subject}"
    if not LABEL.fullmatch(subject):
        yield f"{where}: a BIDS label has letters and digits only: call folder, files and row sub-{_plain(subject)}"
    files = sorted(path for path in where.rglob("*") if path.is_file() or path.is_symlink()) if where.is_dir() else []
    near = [path for path in files if "t1" in path.name.lower() and path.suffix.lower() != ".json"]
    for path in near:
        if path.suffix.lower() in (".mgz", ".mgh"):
            yield f"{path}: not NIfTI: convert it (mri_convert) to sub-{subject}_T1w.nii.gz"
        yield f"{path}: not called sub-{subject}_..._T1w.nii.gz: rename it"
