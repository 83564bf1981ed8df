"""A benchmark small enough to run in a test: 12 people on a 6 x 6 x 6 grid, and plugins that count what they do.

Cohorts, segmenters and generators are here; studies, metrics and feature spaces in `fakes_studies`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import CohortSource
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import Segmenter

SHAPE = (6, 6, 6)
READ = (*LOBE_NAMES, "white_matter", "ventricles")
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
CALLS: list[str] = []
"""What the plugins did, in order; a test clears it."""


def person_table(people: int) -> pd.DataFrame:
    """Half controls, half AUD, with two visits of the first person."""
    rows = []
    for i in range(people):
        visits = ["01", "02"] if i == 0 else ["01"]
        for visit in visits:
            diagnosis = "AUD" if i % 2 else "control"
            rows.append([f"{i:03d}", visit, 30.0 + i, "FM"[i % 2], diagnosis, float("nan")])
    return pd.DataFrame(rows, columns=["subject", "session", "age", "sex", "diagnosis", "head_size"])


class LabelledToyCohort(Cohort):
    """People whose image is a constant plus noise; AUD is 10 % darker."""

    is_phantom = True

    def __init__(self, seed: int, people: int = 12) -> None:
        self.name = "toy"
        self.seed = seed
        self.people = people

    @property
    def table(self) -> pd.DataFrame:
        return person_table(self.people)

    @property
    def content_hash(self) -> str:
        return f"toy-{self.seed}-{self.people}"

    def __getitem__(self, index: int) -> Scan:
        CALLS.append("load")
        row = self.table.iloc[index]
        rng = np.random.default_rng([self.seed, index])
        level = 0.9 if row.diagnosis == "AUD" else 1.0
        image = (level + rng.normal(0, 0.02, SHAPE)).astype(np.float32)
        return Scan(row.subject, row.session, image, AFFINE, row.age, row.sex, row.diagnosis)

    def subset(self, subjects: Sequence[str]) -> Cohort:
        raise AssertionError("the runner takes subsets of what it has segmented")


class ToyCohort(LabelledToyCohort):
    """The same with a truth: its oracle knows that AUD is 10 % darker."""

    has_truth = True

    def oracle(self, scan: Scan, do: Intervention, seed: int | None) -> np.ndarray:
        if not do:
            return (scan.image + np.random.default_rng(seed).normal(0, 0.001, SHAPE)).astype(np.float32)
        level = {"AUD": 0.9, "control": 1.0}
        return scan.image * np.float32(level[do["diagnosis"]] / level[scan.diagnosis])


class ToySource(CohortSource):
    """Toy people, and as many as one likes to train on."""

    name = "toy"
    title = "toy people"

    def open(self, request: CohortRequest, home: Path, seed: int, quick: bool, progress: Progress) -> Cohort:
        return ToyCohort(seed, 6 if quick else 12)

    def open_training(self, request: CohortRequest, home: Path, progress: Progress) -> Cohort:
        return ToyCohort(1000)

    def training_scans(self, grid: str, home: Path) -> ToyCohort:
        CALLS.append(f"training scans, {grid}")
        return ToyCohort(1000, 30)


class LabelledToySource(CohortSource):
    """Toy people without a truth."""

    name = "labelled"
    title = "toy people without a truth"

    def open(self, request: CohortRequest, home: Path, seed: int, quick: bool, progress: Progress) -> Cohort:
        return LabelledToyCohort(seed)


class ToySegmenter(Segmenter):
    """Mean intensity in slabs, as if it were mL."""

    name = "toy"
    title = "toy"

    @property
    def identity(self) -> str:
        return "toy-1"

    def segment(self, scan: Scan) -> Segmentation:
        CALLS.append(f"segment {scan.key}")
        fractions = np.full((len(CHANNELS), *SHAPE), 1 / len(CHANNELS), np.float32)
        volumes = {lobe: 100.0 * float(scan.image[i].mean()) for i, lobe in enumerate(LOBE_NAMES)}
        labels = (scan.image > 0.95).astype(np.int16)
        return Segmentation(fractions, labels, volumes, 1000.0 + float(scan.image.sum()), 0.9)


class ContentSegmenter(ToySegmenter):
    """The same, which says that equal images give equal volumes."""

    name = "content"
    depends_on_image_alone = True


class Shifter(Generator):
    """Learns the two groups' means in `adapt`, and scales the image by their ratio, with noise of its own seed."""

    card = Card("shifter", "Shifter", "1", "none", "Apache-2.0", frozenset({Job.COUNTERFACTUAL, Job.VOLUMES}))
    refit_replicates = 3

    def adapt(self, cohort: Cohort, context: Context) -> None:
        CALLS.append(f"adapt {len(cohort)}")
        table = cohort.table
        self.held = set(table["subject"])
        scans = [scan.segmentation for scan in cohort]
        volumes = np.array([[s.volumes[lobe] for lobe in LOBE_NAMES] for s in scans if s is not None])
        self.means = {level: volumes[(table["diagnosis"] == level).to_numpy()].mean() for level in ("AUD", "control")}

    def _factor(self, scan: Scan, do: Intervention) -> float:
        assert scan.subject not in self.held
        return float(self.means[do.get("diagnosis", scan.diagnosis)] / self.means[scan.diagnosis])

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        CALLS.append(f"counterfactual {scan.key}")
        assert scan.segmentation is not None
        assert scan.segmentation.fractions.shape == (12, *SHAPE)
        noise = np.random.default_rng(seed).normal(0, 0.001, SHAPE)
        return (scan.image * self._factor(scan, do) + noise).astype(np.float32)

    def counterfactual_volumes(self, scan: Scan, do: Intervention, seed: int) -> dict[str, float]:
        assert scan.segmentation is not None
        return {lobe: scan.segmentation.volumes[lobe] * self._factor(scan, do) for lobe in LOBE_NAMES}


class SecondShifter(Shifter):
    """Another method on the same people."""

    card = Card("second", "Second", "1", "none", "Apache-2.0", frozenset({Job.COUNTERFACTUAL, Job.VOLUMES}))

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        return super().counterfactual(scan, do, seed + 1)


class Planner(Shifter):
    """Says which volumes it means; draws nothing. Refits on tables."""

    card = Card("planner", "Planner", "1", "none", "Apache-2.0", frozenset({Job.VOLUMES}))

    def refit_volumes(
        self, train: pd.DataFrame, asked: pd.DataFrame, interventions: Sequence[Intervention], seed: int
    ) -> pd.DataFrame:
        assert train["subject"].is_unique
        assert not set(train["subject"].str.split("-").str[0]) & set(asked["subject"].str.split("-").str[0])
        return asked[list(LOBE_NAMES)] * 2


class Truth(Generator):
    """The cohort's oracle."""

    card = Card(
        "truth", "Truth", "1", "none", "Apache-2.0", frozenset({Job.COUNTERFACTUAL}), needs_truth=True, is_control=True
    )

    def adapt(self, cohort: Cohort, context: Context) -> None:
        assert context.oracle is not None
        self.oracle = context.oracle

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        CALLS.append(f"oracle {scan.key}")
        return self.oracle(scan, do, seed)


class Repeater(Generator):
    """Gives the scan back as it is."""

    card = Card("copy", "Copy", "1", "none", "Apache-2.0", frozenset({Job.COUNTERFACTUAL}), is_control=True)

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        CALLS.append(f"copy {scan.key}")
        return scan.image


class Sampler(Generator):
    """Draws new brains, changes none."""

    card = Card(
        "sampler", "Sampler", "1", "none", "Apache-2.0", frozenset({Job.SAMPLE}), trained_on="toys", needs_weights=True
    )

    def fit(self, cohort: Cohort, context: Context) -> None:
        self.level = float(np.mean([scan.image.mean() for scan in cohort]))

    def sample(self, n: int, seed: int, first: int = 0) -> Iterator[np.ndarray]:
        for i in range(first, first + n):
            yield np.random.default_rng([seed, i]).normal(self.level, 0.1, SHAPE).astype(np.float32)

    def save(self, folder: Path) -> None:
        (folder / "level.txt").write_text(repr(self.level))

    def load(self, folder: Path) -> None:
        self.level = float((folder / "level.txt").read_text())


class Copier(Generator):
    """Draws the scans of its fold, one after the other, a little brighter."""

    card = Card("copier", "Copier", "1", "none", "Apache-2.0", frozenset({Job.SAMPLE}))

    def adapt(self, cohort: Cohort, context: Context) -> None:
        CALLS.append(f"adapt {len(cohort)}")
        self.cohort = cohort

    def sample(self, n: int, seed: int, first: int = 0) -> Iterator[np.ndarray]:
        for i in range(first, first + n):
            CALLS.append(f"sample {i}")
            noise = np.random.default_rng([seed, i]).normal(0.1, 0.01, SHAPE)
            yield (self.cohort[i % len(self.cohort)].image + noise).astype(np.float32)


class Spoiler(Shifter):
    """Makes an image that is not a number."""

    card = Card("spoiler", "Spoiler", "1", "none", "Apache-2.0", frozenset({Job.COUNTERFACTUAL}))

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        return scan.image * np.float32("nan")


def tree_digest(folder: Path, *, but: Sequence[str] = ()) -> dict[str, str]:
    """Relative path -> hash of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in but
    }
