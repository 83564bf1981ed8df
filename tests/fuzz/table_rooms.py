"""Places where a table comes in: people, visits, sidecars, BIDS folders, volumes, QC scores, manifests, sheets."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from outcomes import Damage
from outcomes import Trial
from outcomes import trial_of
from table_damages import Form
from table_damages import table_damages
from table_twins import CASES
from table_twins import PEOPLE
from table_twins import STUDY
from table_twins import VISITS
from table_twins import manifest_rows
from table_twins import people_rows
from table_twins import qc_of
from table_twins import qc_rows
from table_twins import sheet_rows
from table_twins import visit_rows
from table_twins import volume_rows
from table_twins import volumes_of

from pcgm_bench.cohort.layout import first_fault
from pcgm_bench.cohort.layout import read_layout
from pcgm_bench.cohort.mapping import parse_maps
from pcgm_bench.contracts import UserError
from pcgm_bench.runner.image_manifest import read_manifest
from pcgm_bench.segmenters.external.qc_scores import read_scores
from pcgm_bench.segmenters.external.table import read_table
from pcgm_bench.studies.reader.key import FORMAT
from pcgm_bench.studies.reader.key import Key
from pcgm_bench.studies.reader.key import KeyContent
from pcgm_bench.studies.reader.sheets import read_sheets

PEOPLE_FORM = Form(people_rows, "\t", 0, [1])
VISIT_FORM = Form(visit_rows, "\t", 0, [1])


@dataclass(frozen=True)
class TableRoom:
    """A place where tables come in.

    Attributes:
        name: in the table of outcomes.
        damages: of its file.
        file: what the damaged one is called, below the folder.
        read: takes the folder; whether its numbers are the twin's. Raises UserError.
        prepare: writes what is beside it.
    """

    name: str
    damages: tuple[Damage, ...]
    file: str
    read: Callable[[Path], bool]
    prepare: Callable[[Path], object]

    def attempt(self, damage: Damage, seed: int, folder: Path) -> Trial:
        """Damage a file of a new folder and read it."""
        self.prepare(folder)
        damage.make(np.random.default_rng(seed), folder / self.file)
        return trial_of(lambda: self.read(folder))


def write_folder(folder: Path) -> None:
    """A BIDS folder whose scans are empty files: no image is opened where tables are read."""
    for subject in PEOPLE:
        for session in VISITS if subject == "01" else ("",):
            stem = f"sub-{subject}" + (f"_ses-{session}" if session else "")
            path = folder / f"sub-{subject}" / (f"ses-{session}" if session else "") / "anat" / f"{stem}_T1w.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    (folder / "participants.tsv").write_text(PEOPLE_FORM.text(people_rows()))
    (folder / "sub-01" / "sub-01_sessions.tsv").write_text(VISIT_FORM.text(visit_rows()))


def _expected() -> dict[tuple[str, str], tuple[float, str, str]]:
    visits = {("01", session): (age, *PEOPLE["01"][1:]) for session, age in VISITS.items()}
    return {**visits, **{(subject, ""): person for subject, person in PEOPLE.items() if subject != "01"}}


def _reads_people(folder: Path) -> bool:
    layout = read_layout(folder, parse_maps(()))
    if any("\n" in fault for fault in layout.faults):
        return False
    if layout.faults:
        raise first_fault(layout.faults, folder)
    found = {(v.subject, v.session): (v.age, v.sex, v.diagnosis) for v in layout.visits}
    paths_fit = all(f"sub-{v.subject}" in v.path.parts and v.path.exists() for v in layout.visits)
    return paths_fit and (found == _expected() or _is_said(layout.notes, set(found)))


def _is_said(notes: list[str], found: set[tuple[str, str]]) -> bool:
    """A difference that is said is not silent: people who are left out, visits without ages of their own."""
    if any("several visits at one age (sub-01)" in note for note in notes):
        return True
    lost = {subject for subject, _session in set(_expected()) - found}
    return bool(lost) and all(any(f"sub-{subject}: left out" in note for note in notes) for subject in lost)


def _reads_volumes(folder: Path) -> bool:
    """As a run looks them up: people without a row end it."""
    rows, _score = read_table(folder / "volumes.csv")
    for subject in PEOPLE:
        if f"sub-{subject}" not in rows:
            raise UserError(f"no row for sub-{subject}")
    return all(rows[f"sub-{subject}"] == volumes_of(subject) for subject in PEOPLE)


def _reads_scores(folder: Path) -> bool:
    score, rows = read_scores(folder / "qc.csv")
    for subject in PEOPLE:
        if f"sub-{subject}" not in rows:
            raise UserError(f"no row for sub-{subject}")
    return score.name == "SynthSeg QC" and all(
        rows[f"sub-{subject}"] == {"qc_synthseg": qc_of(subject)} for subject in PEOPLE
    )


def _reads_manifest(folder: Path) -> bool:
    files = read_manifest(folder / "manifest.csv")
    wanted = {f"sub-{subject}_desc-cfAUD": f"made{subject}.nii.gz" for subject in PEOPLE}
    if lost := sorted(set(wanted) - set(files)):
        raise UserError(f"no image {lost[0]}")
    return all(files[stem].name == name for stem, name in wanted.items())


@cache
def _key() -> Key:
    image = {"kind": "case", "truth": "real", "source": "x", "fake": "", "repeats": ""}
    content = {"format": FORMAT, "origin": {}, "images": {f"image-{case}": image for case in CASES},
               "readers": {"1": {case: f"image-{case}" for case in CASES}}}  # fmt: skip
    return Key(Path("key.json"), STUDY * 4, KeyContent.model_validate(content))


def _reads_sheet(folder: Path) -> bool:
    frame = read_sheets([folder / "answers.csv"], _key())
    said = {f"image-{case}": answer == "synthetic" for case, answer in CASES.items()}
    same = dict(zip(frame["case"], frame["synthetic"], strict=True)) == said
    return same and list(frame["confidence"]) == [3.0] * len(CASES) and list(frame["seconds"]) == [12.5] * len(CASES)


def _write_images(folder: Path) -> None:
    for subject in PEOPLE:
        (folder / f"made{subject}.nii.gz").touch()


def _sidecars() -> tuple[Damage, ...]:
    """What ``participants.json`` may say beside ages in years."""

    def says(content: object) -> Callable[[np.random.Generator, Path], Path]:
        def make(_rng: np.random.Generator, path: Path) -> Path:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
            return path

        return make

    good = {
        "years": {"age": {"Units": "years"}}, "yr": {"age": {"Units": "yr"}}, "no unit": {"age": {"Units": ""}},
        "in words": {"age": {"Description": "Age in years"}}, "other columns": {"x": {"Units": "months"}}, "{}": {},
    }  # fmt: skip
    bad = {
        "another unit": {"age": {"Units": "decades"}}, "two units": {"age": {"Units": "years or months"}},
        "a number": {"age": {"Units": 12}}, "not JSON": "{", "a list": "[]", "deep": "[" * 100_000, "nothing": "",
    }  # fmt: skip
    return (
        *(Damage(f"sidecar: {name}", "units", says(content), is_good=True) for name, content in good.items()),
        *(Damage(f"sidecar: {name}", "units", says(content)) for name, content in bad.items()),
    )


def _moves() -> tuple[Damage, ...]:
    """What can be wrong with the names of scans: of sub-05, and of the third visit of sub-01."""

    def move(old: str, new: str, *, copies: bool = False) -> Callable[[np.random.Generator, Path], Path]:
        def make(_rng: np.random.Generator, path: Path) -> Path:
            target = path.parent / new
            target.parent.mkdir(parents=True, exist_ok=True)
            if copies:
                target.touch()
            else:
                (path.parent / old).rename(target)
            return path

        return make

    def write(name: str, text: str, extra: str = "") -> Callable[[np.random.Generator, Path], Path]:
        def make(_rng: np.random.Generator, path: Path) -> Path:
            (path.parent / name).write_text(text)
            if extra:
                (path.parent / extra).touch()
            return path

        return make

    five, third = "sub-05/anat/sub-05_T1w.nii.gz", "sub-01/ses-10/anat/sub-01_ses-10_T1w.nii.gz"
    bad = {
        "a scan gone": move(five, "away.nii.gz"),
        "another person's name": move(five, "sub-05/anat/sub-06_T1w.nii.gz"),
        "another visit's name": move(third, "sub-01/ses-10/anat/sub-01_ses-02_T1w.nii.gz"),
        "a label with a dash": move("sub-05", "sub-0-5"),
        "a second run": move(five, "sub-05/anat/sub-05_run-2_T1w.nii.gz", copies=True),
        "a person without a row": move(five, "sub-13/anat/sub-13_T1w.nii.gz", copies=True),
        "a visit without a row": move(five, "sub-01/ses-11/anat/sub-01_ses-11_T1w.nii.gz", copies=True),
        "a scan without a session": move(five, "sub-01/anat/sub-01_T1w.nii.gz", copies=True),
        "not called T1w": move(five, "sub-05/anat/sub-05_T1.nii.gz"),
    }
    good = {
        "derivatives inside": move(five, f"derivatives/x/{five}", copies=True),
        "a second run that is ignored": write(".bidsignore", "*_run-2_*\n", "sub-05/anat/sub-05_run-2_T1w.nii.gz"),
        "other files": write("README", "x", "sub-05/anat/sub-05_T2w.nii.gz"),
    }
    return (
        *(Damage(name, "scans", make) for name, make in bad.items()),
        *(Damage(name, "scans", make, is_good=True) for name, make in good.items()),
    )


@cache
def table_rooms() -> tuple[TableRoom, ...]:
    """All places."""
    volumes, qc = Form(volume_rows, ",", 0, range(1, 9)), Form(qc_rows, ",", 0, [1])
    manifest, sheet = Form(manifest_rows, ",", 1, [0]), Form(sheet_rows, ",", 2, [5], may_be_empty=True)
    return (
        TableRoom("participants.tsv", table_damages(PEOPLE_FORM), "participants.tsv", _reads_people, write_folder),
        TableRoom("sessions.tsv", table_damages(VISIT_FORM), "sub-01/sub-01_sessions.tsv", _reads_people, write_folder),
        TableRoom("participants.json", _sidecars(), "participants.json", _reads_people, write_folder),
        TableRoom("BIDS folder", _moves(), "participants.tsv", _reads_people, write_folder),
        TableRoom("table of volumes", table_damages(volumes), "volumes.csv", _reads_volumes, lambda _f: None),
        TableRoom("QC scores", table_damages(qc), "qc.csv", _reads_scores, lambda _f: None),
        TableRoom("manifest", _manifest_damages(manifest), "manifest.csv", _reads_manifest, _write_images),
        TableRoom("answer sheet", table_damages(sheet), "answers.csv", _reads_sheet, lambda _f: None),
    )


def _manifest_damages(form: Form) -> tuple[Damage, ...]:
    """A path is no number; all the rest is tried."""
    return tuple(damage for damage in table_damages(form) if damage.kind != "numbers")
