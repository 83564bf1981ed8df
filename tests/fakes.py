"""A benchmark small enough to run in a test: 12 people on a 6 x 6 x 6 grid, and plugins that count what they do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import ClassVar

import numpy as np
import pandas as pd

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Do
from pcgm_bench.contracts import FeatureExtractor
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import ImageMetric
from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import PeopleMetric
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import Segmenter
from pcgm_bench.contracts import TrainingMetric
from pcgm_bench.contracts import UserError
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table

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


class ToyCohort:
    """People whose image is a constant plus noise; AUD is 10 % darker. Its oracle knows that."""

    is_phantom = True

    def __init__(self, seed: int, people: int = 12) -> None:
        self.name = "toy"
        self.seed = seed
        self.table = person_table(people)

    @staticmethod
    def ensure_default(home: Path, seed: int, quick: bool) -> ToyCohort:
        return ToyCohort(seed, 6 if quick else 12)

    @staticmethod
    def training_scans(grid: str, home: Path) -> ToyCohort:
        CALLS.append(f"training scans, {grid}")
        return ToyCohort(1000, 30)

    @property
    def content_hash(self) -> str:
        return f"toy-{self.seed}-{len(self.table)}"

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[Scan]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Scan:
        CALLS.append("load")
        row = self.table.iloc[index]
        rng = np.random.default_rng([self.seed, index])
        level = 0.9 if row.diagnosis == "AUD" else 1.0
        image = (level + rng.normal(0, 0.02, SHAPE)).astype(np.float32)
        return Scan(row.subject, row.session, image, AFFINE, row.age, row.sex, row.diagnosis)

    def subset(self, subjects: Sequence[str]) -> Cohort:
        raise AssertionError("the runner takes subsets of what it has read")

    def oracle(self, scan: Scan, do: Do, seed: int) -> np.ndarray:
        if not do:
            return (scan.image + np.random.default_rng(seed).normal(0, 0.001, SHAPE)).astype(np.float32)
        level = {"AUD": 0.9, "control": 1.0}
        return scan.image * (level[do["diagnosis"]] / level[scan.diagnosis])


class LabelledToyCohort(ToyCohort):
    """The same without a truth."""

    oracle = property()  # type: ignore[assignment]

    @staticmethod
    def ensure_default(home: Path, seed: int, quick: bool) -> ToyCohort:
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


class Shifter(Generator):
    """Learns the two groups' means in `adapt`, and scales the image by their ratio, with noise of its own seed."""

    card = Card(
        "shifter", "Shifter", "1", "none", "Apache-2.0", frozenset({"counterfactual", "volumes"}), trained_on="nothing"
    )
    refit_replicates = 3

    def adapt(self, cohort: Cohort, context: Context) -> None:
        CALLS.append(f"adapt {len(cohort)}")
        table = cohort.table
        self.held = set(table["subject"])
        volumes = np.array([[scan.segmentation.volumes[lobe] for lobe in LOBE_NAMES] for scan in cohort])
        self.means = {level: volumes[(table["diagnosis"] == level).to_numpy()].mean() for level in ("AUD", "control")}

    def _factor(self, scan: Scan, do: Do) -> float:
        assert scan.subject not in self.held
        return self.means[do.get("diagnosis", scan.diagnosis)] / self.means[scan.diagnosis]

    def counterfactual(self, scan: Scan, do: Do, seed: int) -> np.ndarray:
        CALLS.append(f"counterfactual {scan.key}")
        assert scan.segmentation is not None
        assert scan.segmentation.fractions.shape == (12, *SHAPE)
        noise = np.random.default_rng(seed).normal(0, 0.001, SHAPE)
        return (scan.image * self._factor(scan, do) + noise).astype(np.float32)

    def counterfactual_volumes(self, scan: Scan, do: Do, seed: int) -> dict[str, float]:
        assert scan.segmentation is not None
        return {lobe: scan.segmentation.volumes[lobe] * self._factor(scan, do) for lobe in LOBE_NAMES}


class Planner(Shifter):
    """Says which volumes it means; draws nothing. Refits on tables."""

    card = Card("planner", "Planner", "1", "none", "Apache-2.0", frozenset({"volumes"}))

    def refit_volumes(self, train: pd.DataFrame, asked: pd.DataFrame, dos: Sequence[Do], seed: int) -> pd.DataFrame:
        assert train["subject"].is_unique
        assert not set(train["subject"].str.split("-").str[0]) & set(asked["subject"].str.split("-").str[0])
        return asked[list(LOBE_NAMES)] * 2


class Truth(Generator):
    """The cohort's oracle."""

    card = Card("truth", "Truth", "1", "none", "Apache-2.0", frozenset({"counterfactual"}), needs_truth=True)

    def adapt(self, cohort: Cohort, context: Context) -> None:
        assert context.oracle is not None
        self.oracle = context.oracle

    def counterfactual(self, scan: Scan, do: Do, seed: int) -> np.ndarray:
        CALLS.append(f"oracle {scan.key}")
        return self.oracle(scan, do, seed)


class Sampler(Generator):
    """Draws new brains, changes none."""

    card = Card("sampler", "Sampler", "1", "none", "Apache-2.0", frozenset({"sample"}), trained_on="toys")

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

    card = Card("copier", "Copier", "1", "none", "Apache-2.0", frozenset({"sample"}))

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

    card = Card("spoiler", "Spoiler", "1", "none", "Apache-2.0", frozenset({"counterfactual"}))

    def counterfactual(self, scan: Scan, do: Do, seed: int) -> np.ndarray:
        return scan.image * np.float32("nan")


class Brightness(PeopleMetric):
    """Mean factual and mean counterfactual intensity."""

    record = MetricRecord("brightness", "1", "higher", (0.0, 1.0), "", "", 1.0, 0.0)

    def __call__(
        self, factual: Sequence[np.ndarray], made: Sequence[np.ndarray], whose: Sequence[str], made_for: Sequence[str]
    ) -> list[float]:
        CALLS.append("brightness")
        assert (len(factual), len(made)) == (len(whose), len(made_for))
        return [float(np.mean([images[i] for i in range(len(images))])) for images in (factual, made)]


class Contrast(ImageMetric):
    """How many images there are on both sides, and by how much the made ones are brighter."""

    record = MetricRecord("contrast", "1", "lower", (0.0, 1.0), "", "", 0.0, 1.0)

    def __call__(self, real: Sequence[np.ndarray], made: Sequence[np.ndarray]) -> dict[str, Any]:
        CALLS.append("contrast")
        means = [float(np.mean([images[i] for i in range(len(images))])) for images in (real, made)]
        return {"value": means[1] - means[0], "low": None, "high": None, "n": [len(real), len(made)]}


class Corner(FeatureExtractor):
    """The first voxels of an image."""

    name = "corner"
    title = "corner"
    identity = "corner-1"

    def extract(self, image: np.ndarray) -> np.ndarray:
        CALLS.append("extract")
        return image[:2].ravel()


class Sets(TrainingMetric):
    """Which sets it was given: sizes, and the distance of the made images to the training scans."""

    record = MetricRecord("sets", "1", "perfect", (0.0, 1.0), "", "", 0.5, 1.0)

    def __call__(
        self, training: np.ndarray, made: np.ndarray, held_out: np.ndarray, retest: tuple[np.ndarray, np.ndarray] | None
    ) -> dict[str, Any]:
        nearest = np.linalg.norm(made[:, None] - training, axis=2).min(axis=1)
        twice = None if retest is None else float(np.abs(retest[0] - retest[1]).max())
        return {"value": float(nearest.max()), "n": len(made), "retest": twice, "held_out": held_out.tolist()}


class ToyStudy:
    """Everybody under the other diagnosis, in three folds; the score is the mean of every row."""

    name: ClassVar[str] = "toy"
    version: ClassVar[str] = "1"
    image_metrics: ClassVar[tuple[str, ...]] = ("brightness",)

    def rows(self, method_name: str) -> list[str]:
        return ["truth", "sampler", *self.volume_rows(method_name)]

    def volume_rows(self, method_name: str) -> list[str]:
        return [f"{method_name} (volumes)", f"{method_name} (volumes, labels permuted)", "labels permuted"]

    def folds(self, table: pd.DataFrame, seed: int) -> list[tuple[list[str], list[str]]]:
        people = sorted(set(table["subject"]))
        tests = [people[i::3] for i in range(3)]
        return [([p for p in people if p not in test], test) for test in tests]

    def interventions(self, table: pd.DataFrame) -> list[tuple[int, dict[str, str]]]:
        other = {"AUD": "control", "control": "AUD"}
        return [(i, {"diagnosis": other[diagnosis]}) for i, diagnosis in enumerate(table["diagnosis"])]

    def permuted(self, table: pd.DataFrame, seed: int) -> pd.DataFrame:
        people = sorted(set(table["subject"]))
        labels = dict(zip(people, ["AUD", "AUD", "control", "control"] * 3, strict=False))
        return table.assign(diagnosis=[labels[subject] for subject in table["subject"]])

    def score(
        self,
        measurements: Sequence[Measurement],
        table: pd.DataFrame,
        seed: int,
        quick: bool,
        images: dict[str, Any],
        refitter: Any = None,
        replicates: int = 0,
    ) -> dict[str, Any]:
        CALLS.append("score")
        means: dict[str, list[float]] = {}
        for one in measurements:
            means.setdefault(one.row, []).append(one.volumes["frontal"])
        people = table.drop_duplicates("subject")[["subject", "age", "sex", "diagnosis", "head_size"]]
        lobes = pd.DataFrame({lobe: np.linspace(80, 100, len(people)) for lobe in LOBE_NAMES})
        twice = pd.concat([people.reset_index(drop=True), lobes], axis=1).iloc[[0, 0, *range(len(people))]]
        refitted = refitter(twice, np.random.default_rng(seed)) if refitter else None
        return {
            "rows": {row: [float(np.mean(values)), len(values)] for row, values in means.items()},
            "refitted": None if refitted is None else refitted["insula"].tolist(),
            "replicates": replicates,
            "images": images,
            "nan": float("nan"),
        }

    def tables(self, scores: dict[str, Any]) -> list[Table]:
        rows = [[row, mean, n] for row, (mean, n) in sorted(scores["rows"].items())]
        return [Table("means", "Means", [Column("row"), Column("mL"), Column("n")], rows)]

    def warnings(self, table: pd.DataFrame, cohort: Cohort) -> list[str]:
        return [f"only {table['subject'].nunique()} people"]


class ToySampleStudy:
    """As many new brains as there are people in the second half."""

    name: ClassVar[str] = "toy-samples"
    version: ClassVar[str] = "1"
    job: ClassVar[str] = "sample"
    image_metrics: ClassVar[tuple[str, ...]] = ("contrast",)

    def rows(self, method_name: str) -> list[str]:
        return ["shifter"]

    def folds(self, table: pd.DataFrame, seed: int) -> list[tuple[list[str], list[str]]]:
        people = sorted(set(table["subject"]))
        return [(people[0::2], people[1::2])]

    def real_rows(self, table: pd.DataFrame, seed: int) -> list[int]:
        ((_, held_out),) = self.folds(table, seed)
        return [int(i) for i in np.flatnonzero(table["subject"].isin(held_out))]

    def score(
        self, measurements: Sequence[Measurement], images: dict[str, Any], records: dict[str, Any]
    ) -> dict[str, Any]:
        CALLS.append("score")
        rows: dict[str, int] = {}
        for one in measurements:
            rows[one.row] = rows.get(one.row, 0) + 1
        return {"rows": rows, "images": images, "records": records}

    def tables(self, scores: dict[str, Any]) -> list[Table]:
        rows = [[row, n] for row, n in sorted(scores["rows"].items())]
        return [Table("counts", "Counts", [Column("row"), Column("n")], rows)]

    def warnings(self, table: pd.DataFrame, cohort: Cohort) -> list[str]:
        return []


class ToyPrivacyStudy(ToySampleStudy):
    """New brains against whom the rows have learnt from."""

    name: ClassVar[str] = "toy-privacy"
    image_metrics: ClassVar[tuple[str, ...]] = ("sets",)
    feature_spaces: ClassVar[tuple[str, ...]] = ("corner",)

    def rows(self, method_name: str) -> list[str]:
        return ["copier"]


class BrokenStudy(ToyStudy):
    """Refuses to be made."""

    def __init__(self) -> None:
        raise UserError("this study wants something")


def tree_digest(folder: Path, *, but: Sequence[str] = ()) -> dict[str, str]:
    """Relative path -> hash of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in but
    }
