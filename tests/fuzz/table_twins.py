"""Undamaged tables: people of a BIDS folder, visits, volumes, QC scores, a manifest and an answer sheet."""

from __future__ import annotations

from pcgm_bench.anatomy import LOBES

PEOPLE = {f"{number:02d}": (30.5 + 3 * number, "FM"[number % 2], ("AUD", "control")[number % 3 > 0])
          for number in range(1, 13)}  # fmt: skip
"""Subject -> age, sex, diagnosis."""
VISITS = {"01": 34.0, "02": 36.5, "10": 41.25}
"""Session -> age of sub-01, whose person has three visits."""
LOBE_ML = dict(zip(LOBES, (160.0, 110.0, 110.0, 55.0, 20.0, 14.0), strict=True))
REGIONS = {**LOBE_ML, "ventricles": 16.5, "head_size": 1500.0}
CASES = {f"case-{number:03d}": ("real", "synthetic")[number % 2] for number in range(1, 13)}
STUDY = "a" * 16
Rows = list[list[str]]


def people_rows() -> Rows:
    """``participants.tsv``."""
    rows = [[f"sub-{subject}", f"{age:g}", sex, diagnosis] for subject, (age, sex, diagnosis) in PEOPLE.items()]
    return [["participant_id", "age", "sex", "diagnosis"], *rows]


def visit_rows() -> Rows:
    """``sub-01_sessions.tsv``."""
    return [["session_id", "age"], *([f"ses-{session}", f"{age:g}"] for session, age in VISITS.items())]


def volumes_of(subject: str) -> dict[str, float]:
    """mL by region; another number in every cell."""
    factor = 1 + int(subject) / 1000
    return {name: round(value * factor, 3) for name, value in REGIONS.items()}


def volume_rows() -> Rows:
    """A table of volumes."""
    rows = [[f"sub-{subject}", *(f"{value:g}" for value in volumes_of(subject).values())] for subject in PEOPLE]
    return [["subject", *REGIONS], *rows]


def qc_of(subject: str) -> float:
    """A QC score."""
    return round(0.6 + int(subject) / 100, 2)


def qc_rows() -> Rows:
    """A table of QC scores."""
    return [["subject", "qc_synthseg"], *([f"sub-{subject}", f"{qc_of(subject):g}"] for subject in PEOPLE)]


def manifest_rows() -> Rows:
    """A manifest."""
    rows = [[f"made{subject}.nii.gz", f"sub-{subject}", "", "cfAUD"] for subject in PEOPLE]
    return [["path", "subject", "session", "desc"], *rows]


def sheet_rows() -> Rows:
    """A filled-in answer sheet of reader 1."""
    header = ["study", "reader", "case_id", "answer", "confidence", "seconds", "comment"]
    return [header, *([STUDY, "1", case, answer, "3", "12.5", "-"] for case, answer in CASES.items())]
