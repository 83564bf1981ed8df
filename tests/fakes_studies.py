"""Studies, metrics and a feature space for the toys of `fakes`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pandas as pd
from fakes import CALLS

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import FeatureExtractor
from pcgm_bench.contracts import ImageMetric
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import PeopleMetric
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import Study
from pcgm_bench.contracts import TrainingMetric
from pcgm_bench.results.pivot import pivot
from pcgm_bench.tables import Table


def mean(images: Sequence[np.ndarray]) -> float:
    """Of all voxels of all images, read by index as metrics do."""
    return float(np.mean([images[i] for i in range(len(images))]))


class Brightness(PeopleMetric):
    """By how much counterfactual images are brighter than factual ones."""

    record = MetricRecord("brightness", "1", "perfect", (-1.0, 1.0), "1", "none", 0.0, 1.0)

    def __call__(
        self,
        real: Sequence[np.ndarray],
        made: Sequence[np.ndarray],
        real_people: Sequence[str],
        made_people: Sequence[str],
        seed: int = 0,
    ) -> Estimate:
        CALLS.append("brightness")
        assert (len(real), len(made)) == (len(real_people), len(made_people))
        return Estimate(mean(made) - mean(real), n=len(made))


class Contrast(ImageMetric):
    """By how much made images are brighter, and how many there are on both sides."""

    record = MetricRecord("contrast", "1", "lower", (0.0, 1.0), "1", "none", 0.0, 1.0)

    def __call__(self, real: Sequence[np.ndarray], made: Sequence[np.ndarray], seed: int = 0) -> Estimate:
        CALLS.append("contrast")
        return Estimate(mean(made) - mean(real), n=len(made), details={"n_real": len(real)})


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

    record = MetricRecord("sets", "1", "perfect", (0.0, 1.0), "1", "none", 0.5, 1.0)

    def __call__(
        self,
        training: np.ndarray,
        made: np.ndarray,
        held_out: np.ndarray,
        retest: tuple[np.ndarray, np.ndarray] | None = None,
        seed: int = 0,
    ) -> Estimate:
        nearest = np.linalg.norm(made[:, None] - training, axis=2).min(axis=1)
        twice = float("nan") if retest is None else float(np.abs(retest[0] - retest[1]).max())
        details = {"retest": twice, "held_out": float(held_out.sum())}
        return Estimate(float(nearest.max()), n=len(made), details=details)


def image_records(evidence: Evidence) -> list[Record]:
    """What the study's own metrics say of every row, details as values by unit."""
    return [
        Record(
            row,
            evidence.row(row).kind,
            name,
            estimate.value,
            n=estimate.n,
            reason=estimate.reason,
            by_unit=estimate.details,
        )
        for row, by_metric in evidence.images.items()
        for name, estimate in by_metric.items()
        if name.split(" (")[0] in evidence_metrics(evidence)
    ]


def evidence_metrics(evidence: Evidence) -> set[str]:
    """Metrics of the toy studies; others were added by the user."""
    return {"brightness", "contrast", "sets"}


class ToyStudy(Study):
    """Everybody under the other diagnosis, in three folds; the score is the mean of every row."""

    name: ClassVar[str] = "toy"
    title: ClassVar[str] = "toy"
    version: ClassVar[str] = "1"
    reference: ClassVar[str] = "none"
    metrics: ClassVar[tuple[str, ...]] = ("brightness",)

    def rows(self, method: str) -> list[Row]:
        return [
            Row("real", RowKind.REAL),
            Row(method, RowKind.METHOD, method),
            Row("truth", RowKind.CEILING, "truth"),
            Row("sampler", RowKind.CONTROL, "sampler"),
            Row(f"{method} (volumes)", RowKind.VOLUMES, method, makes_images=False),
            Row(
                f"{method} (volumes, labels permuted)", RowKind.PERMUTED, method, makes_images=False, fits_permuted=True
            ),
            Row(
                "labels permuted", RowKind.PERMUTED, method, makes_images=False, fits_permuted=True, asks_permuted=True
            ),
        ]

    def folds(self, table: pd.DataFrame, seed: int) -> list[tuple[list[str], list[str]]]:
        people = sorted(set(table["subject"]))
        tests = [people[i::3] for i in range(3)]
        return [([p for p in people if p not in test], test) for test in tests]

    def interventions(self, table: pd.DataFrame) -> list[tuple[int, Intervention]]:
        other = {"AUD": "control", "control": "AUD"}
        return [(i, {"diagnosis": other[diagnosis]}) for i, diagnosis in enumerate(table["diagnosis"])]

    def permuted(self, table: pd.DataFrame, seed: int) -> pd.DataFrame:
        people = sorted(set(table["subject"]))
        labels = dict(zip(people, ["AUD", "AUD", "control", "control"] * 3, strict=False))
        return table.assign(diagnosis=[labels[subject] for subject in table["subject"]])

    def score(self, evidence: Evidence) -> list[Record]:
        CALLS.append("score")
        records = []
        for row in evidence.rows:
            volumes = [m.volumes["frontal"] for m in evidence.measurements if m.row == row.name]
            if volumes:
                mean_volume = float(np.mean(volumes))
                records.append(Record(row.name, row.kind, "frontal", mean_volume, n=len(volumes), unit="mL"))
        records += image_records(evidence)
        if evidence.refitter is not None:
            records.append(Record("", RowKind.REAL, "replicates", evidence.replicates))
            people = evidence.table.drop_duplicates("subject")[["subject", "age", "sex", "diagnosis", "head_size"]]
            lobes = pd.DataFrame({lobe: np.linspace(80, 100, len(people)) for lobe in LOBE_NAMES})
            twice = pd.concat([people.reset_index(drop=True), lobes], axis=1).iloc[[0, 0, *range(len(people))]]
            refitted = evidence.refitter(twice, np.random.default_rng(evidence.seed))["insula"]
            by_unit = {f"{place:02d}": float(value) for place, value in enumerate(refitted)}
            records.append(Record("", RowKind.REAL, "refitted", n=len(refitted), by_unit=by_unit))
        return records

    def tables(self, records: Sequence[Record]) -> list[Table]:
        frontal = [record for record in records if record.metric == "frontal"]
        return [pivot(frontal, name="means", title="Means")]

    def warnings(self, table: pd.DataFrame, cohort: Cohort) -> list[str]:
        return [f"only {table['subject'].nunique()} people"]


class CopyStudy(ToyStudy):
    """The same with a control that gives the scan back, and without rows of volumes."""

    name: ClassVar[str] = "toy-copy"

    def rows(self, method: str) -> list[Row]:
        return [
            Row("real", RowKind.REAL),
            Row(method, RowKind.METHOD, method),
            Row("truth", RowKind.CEILING, "truth"),
            Row("copy", RowKind.CONTROL, "copy"),
        ]


class ToySampleStudy(Study):
    """As many new brains as there are people in the second half."""

    name: ClassVar[str] = "toy-samples"
    title: ClassVar[str] = "toy new brains"
    version: ClassVar[str] = "1"
    reference: ClassVar[str] = "none"
    job: ClassVar[Job] = Job.SAMPLE
    metrics: ClassVar[tuple[str, ...]] = ("contrast",)

    def rows(self, method: str) -> list[Row]:
        return [
            Row("real", RowKind.REAL),
            Row(method, RowKind.METHOD, method),
            Row("shifter", RowKind.CONTROL, "shifter"),
        ]

    def folds(self, table: pd.DataFrame, seed: int) -> list[tuple[list[str], list[str]]]:
        people = sorted(set(table["subject"]))
        return [(people[0::2], people[1::2])]

    def real_rows(self, table: pd.DataFrame, seed: int) -> list[int]:
        ((_, held_out),) = self.folds(table, seed)
        return [int(i) for i in np.flatnonzero(table["subject"].isin(held_out))]

    def score(self, evidence: Evidence) -> list[Record]:
        CALLS.append("score")
        counted = [(row, sum(m.row == row.name for m in evidence.measurements)) for row in evidence.rows]
        counts = [Record(row.name, row.kind, "images", n, n=n) for row, n in counted if n]
        return counts + image_records(evidence)

    def tables(self, records: Sequence[Record]) -> list[Table]:
        return [pivot([r for r in records if r.metric == "images"], name="counts", title="Counts")]


class ToyPrivacyStudy(ToySampleStudy):
    """New brains against whom the rows have learnt from."""

    name: ClassVar[str] = "toy-privacy"
    metrics: ClassVar[tuple[str, ...]] = ("sets",)
    feature_spaces: ClassVar[tuple[str, ...]] = ("corner",)

    def rows(self, method: str) -> list[Row]:
        control = [] if method == "copier" else [Row("copier", RowKind.CONTROL, "copier")]
        return [Row("real", RowKind.REAL), Row(method, RowKind.METHOD, method), *control]
