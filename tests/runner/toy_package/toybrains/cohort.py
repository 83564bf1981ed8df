"""Twelve people on a 6 x 6 x 6 grid; patients are 10 % darker, and the oracle knows it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import CohortSource
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import Scan

SHAPE = (6, 6, 6)
DARKER = 0.9


class People(Cohort):
    """See the module."""

    name = "toy-people"
    is_phantom = True
    has_truth = True

    def __init__(self, seed: int, subjects: Sequence[str]) -> None:
        self.seed, self.subjects = seed, tuple(subjects)

    @property
    def table(self) -> pd.DataFrame:
        """One visit each, half of them patients."""
        rows = [[s, "", 30.0 + int(s), "FM"[int(s) % 2], self.group(s), float("nan")] for s in self.subjects]
        return pd.DataFrame(rows, columns=["subject", "session", "age", "sex", "diagnosis", "head_size"])

    @staticmethod
    def group(subject: str) -> str:
        """Whether somebody is a patient."""
        return "patient" if int(subject) % 2 else "control"

    @property
    def content_hash(self) -> str:
        """Of nothing but the seed and who they are."""
        return f"{self.seed}-{DARKER}-{'-'.join(self.subjects)}"

    def __getitem__(self, index: int) -> Scan:
        """A constant plus noise."""
        subject = self.subjects[index]
        level = DARKER if self.group(subject) == "patient" else 1.0
        noise = np.random.default_rng([self.seed, int(subject)]).normal(0, 0.02, SHAPE)
        image = (level + noise).astype(np.float32)
        affine = np.diag([3.0, 3.0, 3.0, 1.0])
        person = self.table.iloc[index]
        return Scan(subject, "", image, affine, person["age"], person["sex"], person["diagnosis"])

    def subset(self, subjects: Sequence[str]) -> "People":
        """These people only."""
        return People(self.seed, [subject for subject in self.subjects if subject in set(subjects)])

    def oracle(self, scan: Scan, do: Intervention, seed: int | None) -> np.ndarray:
        """The same noise on the other level."""
        level = {"patient": DARKER, "control": 1.0}
        return scan.image * np.float32(level[do.get("diagnosis", scan.diagnosis)] / level[scan.diagnosis])


class ToyPeople(CohortSource):
    """Opens `People`."""

    name = "toy-people"
    title = "toy people"

    def open(self, request: CohortRequest, home: Path, seed: int, quick: bool, progress: Progress) -> Cohort:
        """Four people if it must be quick."""
        return People(seed, [f"{number:03d}" for number in range(4 if quick else 20)])

    def open_training(self, request: CohortRequest, home: Path, progress: Progress) -> Cohort:
        """Others."""
        return People(1000, [f"{number:03d}" for number in range(6)])
