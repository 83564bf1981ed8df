"""A BIDS folder of four people, to be damaged by tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pcgm_bench.cohort.layout import Layout
from pcgm_bench.cohort.layout import read_layout
from pcgm_bench.cohort.mapping import parse_maps

HEADER = "participant_id\tage\tsex\tdiagnosis\n"
ROWS = ("sub-01\t45.5\tF\tAUD", "sub-02\t50\tM\tcontrol", "sub-03\t61\tF\tAUD", "sub-04\t33\tM\tcontrol")
GOOD = {"01": 45.5, "02": 50.0, "03": 61.0, "04": 33.0}


class Folder:
    """A BIDS folder of four people whose scans are empty files: reading tables opens no image."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for number in range(1, 5):
            self.touch(f"sub-0{number}/anat/sub-0{number}_T1w.nii.gz")
        self.write("participants.tsv", HEADER + "\n".join(ROWS) + "\n")
        self.write("dataset_description.json", '{"Name": "x", "BIDSVersion": "1.8.0"}')

    def touch(self, name: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).touch()

    def write(self, name: str, text: str, encoding: str = "utf-8") -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_bytes(text.encode(encoding))

    def move(self, old: str, new: str) -> None:
        (self.root / new).parent.mkdir(parents=True, exist_ok=True)
        (self.root / old).rename(self.root / new)

    @property
    def people(self) -> str:
        return (self.root / "participants.tsv").read_text()

    def edit(self, old: str, new: str) -> None:
        assert old in self.people
        self.write("participants.tsv", self.people.replace(old, new))

    def column(self, name: str, cells: Sequence[str]) -> None:
        lines = self.people.splitlines()
        self.write("participants.tsv", "\n".join(f"{a}\t{b}" for a, b in zip(lines, [name, *cells], strict=True)))

    def sidecar(self, **columns: object) -> None:
        self.write("participants.json", json.dumps(columns))

    def visits(self, subject: str, table: str | None = None, header: str = "session_id\tage", n: int = 2) -> None:
        """Give a person ``n`` visits in place of the one scan, and a sessions file."""
        (self.root / f"sub-{subject}/anat/sub-{subject}_T1w.nii.gz").unlink()
        for visit in range(1, n + 1):
            self.touch(f"sub-{subject}/ses-0{visit}/anat/sub-{subject}_ses-0{visit}_T1w.nii.gz")
        if table is not None:
            self.write(f"sub-{subject}/sub-{subject}_sessions.tsv", f"{header}\n{table}\n")


def layout(folder: Folder, *maps: str) -> Layout:
    return read_layout(folder.root, parse_maps(maps))


def ages(folder: Folder, *maps: str) -> dict[str, float]:
    out = layout(folder, *maps)
    assert out.faults == []
    return {f"{v.subject} {v.session}".strip(): v.age for v in out.visits}


def refused(folder: Folder, *maps: str) -> str:
    """The first fault of a folder."""
    faults = layout(folder, *maps).faults
    assert faults
    assert not any("\n" in fault for fault in faults)
    return faults[0].replace(f"{folder.root}/", "")
