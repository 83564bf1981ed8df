"""Protocols: who is compared with whom, what is asked of a generator, and what the measurements say."""

from __future__ import annotations

from abc import ABC
from abc import abstractmethod
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts.cohort import Cohort
from pcgm_bench.contracts.conclusion import Conclusion
from pcgm_bench.contracts.generator import Job
from pcgm_bench.contracts.metric import Estimate
from pcgm_bench.contracts.metric import Metric
from pcgm_bench.contracts.metric import MetricRecord
from pcgm_bench.contracts.plot import Plot
from pcgm_bench.contracts.reading import ReaderCase
from pcgm_bench.contracts.reading import ReaderExport
from pcgm_bench.contracts.reading import ReaderRequest
from pcgm_bench.contracts.record import Record
from pcgm_bench.contracts.record import Row
from pcgm_bench.contracts.scan import Intervention
from pcgm_bench.contracts.scan import Progress
from pcgm_bench.contracts.scan import silent

if TYPE_CHECKING:
    import pandas as pd

    from pcgm_bench.tables import Table

Fold = tuple[Sequence[str], Sequence[str]]
"""Subjects to learn from, and subjects to be asked about."""

Refitter = Callable[["pd.DataFrame", np.random.Generator], "pd.DataFrame"]
"""Fits the method's causal model anew, within the study's folds, and asks it for everybody's intervention.

Gets people (subject, age, sex, diagnosis, head_size, lobes in mL), one row each; in a bootstrap replicate a subject
stands several times, and its copies belong to one fold. Returns the counterfactual lobes (mL), row for row.
"""


@dataclass(frozen=True)
class Measurement:
    """One segmented image: whose it is, under which intervention, made by what.

    Attributes:
        row: ``real`` for the factual scan, else the name of the row.
        subject: BIDS label; of a new brain, its number.
        session: BIDS label, or empty.
        age: that the image shows (years): the counterfactual one for a counterfactual; NaN for a new brain.
        sex: likewise; empty for a new brain.
        diagnosis: likewise.
        factual_diagnosis: of the person as they are.
        head_size: mL, always the factual scan's; a new brain's own.
        volumes: mL by region.
        qc: as in `Segmentation`; NaN where no image was made.
        do: factors of regions that were asked for.
        qc_parts: as in `Segmentation`.
    """

    row: str
    subject: str
    session: str
    age: float
    sex: str
    diagnosis: str
    factual_diagnosis: str
    head_size: float
    volumes: Mapping[str, float] = field(default_factory=dict)
    qc: float = float("nan")
    do: Mapping[str, float] = field(default_factory=dict)
    qc_parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class MetricUse:
    """A metric as a run uses it.

    Attributes:
        name: in the results: ``fid (uncnn)``, ``ms-ssim``.
        record: of the metric.
        identity: what must be equal for two values to be compared: name, version, feature space, QC score.
    """

    name: str
    record: MetricRecord
    identity: str


@dataclass(frozen=True)
class ChainEstimate:
    """What a metric says of interventions in a row.

    Attributes:
        row: whose images.
        metric: its name.
        cycles: after how many null interventions; 0 for a round trip.
        estimate: what it says.
    """

    row: str
    metric: str
    cycles: int
    estimate: Estimate


@dataclass(frozen=True)
class Evidence:
    """Everything that a study is scored from.

    Attributes:
        measurements: of the factual scans (row ``real``) and of every row that was made.
        table: the cohort's table, head sizes as segmented.
        rows: the study's rows, in their order; those that could not be made are in ``missing``.
        missing: row -> why there is nothing of it.
        planted: region -> true loss in per cent, see `Cohort.planted`; empty where it is not known.
        is_phantom: whether the people are simulated.
        seed: of the run.
        quick: whether this is the small version.
        images: row -> name of a `MetricUse` -> what it says of the row's images.
        chains: metrics of interventions in a row.
        uses: the metrics of the run, by their name in ``images`` and ``chains``.
        metrics: the metrics that the study names in `Study.metrics`, to be called by the study itself.
        refitter: fits the method's causal model anew; None where it cannot be.
        replicates: most bootstrap replicates that the refitter can afford.
        progress: told (what, done, total).
        expect: the pattern of results that the user wants held against (`Study.expectations`); empty: the study's own
            choice.
    """

    measurements: Sequence[Measurement]
    table: pd.DataFrame
    rows: Sequence[Row]
    missing: Mapping[str, str] = field(default_factory=dict)
    planted: Mapping[str, float] = field(default_factory=dict)
    is_phantom: bool = False
    seed: int = 0
    quick: bool = False
    images: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    chains: Sequence[ChainEstimate] = ()
    uses: Mapping[str, MetricUse] = field(default_factory=dict)
    metrics: Mapping[str, Metric[Any]] = field(default_factory=dict)
    refitter: Refitter | None = None
    replicates: int = 0
    progress: Progress = silent
    expect: str = ""

    def row(self, name: str) -> Row:
        """A row by its name; raises KeyError."""
        return {row.name: row for row in self.rows}[name]


class Study(ABC):
    """A frozen, versioned protocol. The harness makes one without arguments.

    Attributes:
        name: as registered.
        title: one line.
        version: raised whenever the same measurements would give another result.
        reference: paper and section.
        job: what a generator must do for the rows with images: `Job.COUNTERFACTUAL` or `Job.SAMPLE`.
        needs: further jobs that a generator must list to run the study at all.
        population: the simulated people that the study is about; a wish to an embedded cohort.
        metrics: registered metrics of a row's images against the real ones, or called by the study itself: those whose
            input the harness can make (features, images, volumes, training sets) are in `Evidence.images`.
        makes_inputs: inputs of metrics that only the study can make (`Visits`, `Changes`): its own metrics of these it
            calls itself, those that a user adds are called with what `metric_input` gives.
        feature_spaces: registered spaces; a metric of features is computed in each.
        null_metrics: metrics of nothing asked, again and again (see `chains`).
        round_trip_metrics: metrics of a change that is undone.
        chain_regions: regions that are looked at under null interventions.
        expectations: patterns of results that a user may ask a row to be held against (``--expect``).
    """

    name: ClassVar[str]
    title: ClassVar[str]
    version: ClassVar[str]
    reference: ClassVar[str]
    job: ClassVar[Job] = Job.COUNTERFACTUAL
    needs: ClassVar[frozenset[Job]] = frozenset()
    population: ClassVar[str] = ""
    metrics: ClassVar[tuple[str, ...]] = ()
    makes_inputs: ClassVar[frozenset[type]] = frozenset()
    feature_spaces: ClassVar[tuple[str, ...]] = ()
    null_metrics: ClassVar[tuple[str, ...]] = ()
    round_trip_metrics: ClassVar[tuple[str, ...]] = ()
    chain_regions: ClassVar[tuple[str, ...]] = ()
    expectations: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def rows(self, method: str) -> Sequence[Row]:
        """All rows of a run of this method, in the order of the tables: real scans, the method, controls, the rest."""

    @abstractmethod
    def folds(self, table: pd.DataFrame, seed: int) -> Sequence[Fold]:
        """``(training, held-out)`` lists of subjects; a generator never learns from whom it is asked about.

        Asked before any work too, to hear of people who are too few; head sizes are then not known.

        Raises:
            UserError: the cohort is not one that the study can use.
        """

    def interventions(self, table: pd.DataFrame) -> Sequence[tuple[int, Intervention]]:
        """``(row of the table, intervention)``, one an image; none in a study of new brains."""
        return ()

    def job_for(self, do: Intervention) -> Job:
        """The job that a generator must list to be asked for ``do``; where it does not, that image is not made."""
        return self.job

    def chains(self, table: pd.DataFrame, quick: bool) -> Sequence[tuple[int, Sequence[Intervention]]]:
        """``(row of the table, interventions)``: asked one after the other, each of the image before it.

        The first of each is one of `interventions`.
        """
        return ()

    def real_rows(self, table: pd.DataFrame, seed: int) -> Sequence[int]:
        """Rows of the table that are the real images of metrics of sets: all, unless the study keeps some apart."""
        return list(range(len(table)))

    def permuted(self, table: pd.DataFrame, seed: int) -> pd.DataFrame:
        """The table with diagnoses permuted between people, for rows that ask for it."""
        raise NotImplementedError(f"study {self.name!r} has rows of permuted labels and does not permute them")

    def metric_input(self, kind: type, row: str, evidence: Evidence) -> object | None:
        """The input of a metric that a user added, for one row; None where there is none.

        ``kind`` is one of `makes_inputs`.
        """
        return None

    @abstractmethod
    def score(self, evidence: Evidence) -> Sequence[Record]:
        """What the measurements say, one record a number, in the order of the protocol.

        Raises:
            UserError: the people are too few, or not of the groups that the study compares.
        """

    @abstractmethod
    def tables(self, records: Sequence[Record]) -> Sequence[Table]:
        """The study's tables, the overview first: pivots of the records, and nothing else."""

    def plots(self, records: Sequence[Record]) -> Sequence[Plot]:
        """What to draw, from the records alone."""
        return ()

    def conclusion(self, records: Sequence[Record], method: str) -> Conclusion | None:
        """Three sentences about the run's method; None where there is nothing to conclude.

        Args:
            records: of the run, and nothing else.
            method: what the run is about. It may be a control, which is concluded about as a method is.
        """
        return None

    def warnings(self, table: pd.DataFrame, cohort: Cohort) -> Sequence[str]:
        """What a reader must know before believing a number from this cohort; one line each."""
        return ()


class ReadingStudy(ABC):
    """A study that people carry out: blinded images out, answer sheets in. Registered among the studies.

    Attributes:
        name: as registered.
        title: one line.
        version: raised whenever the same answers would give another result.
        reference: paper and section.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    version: ClassVar[str]
    reference: ClassVar[str]

    @abstractmethod
    def export(
        self,
        real: Sequence[ReaderCase],
        made: Sequence[ReaderCase],
        out: Path,
        origin: Mapping[str, str],
        request: ReaderRequest,
        progress: Progress = silent,
    ) -> ReaderExport:
        """Write blinded images, a sheet for the answers of every reader, and the sealed key.

        Args:
            real: pool of real images.
            made: pool of made images, on the same grid.
            out: new or empty folder.
            origin: where the images are from, for the key: ``run``, ``method``, ``study``, ``cohort``.
            request: how many readers and cases, and how they are drawn.
            progress: told (what, done, total).

        Raises:
            UserError: a number is out of range, a pool is too small, or ``out`` is in use.
        """

    @abstractmethod
    def score(self, key: Path, sheets: Sequence[Path], seed: int = 0) -> Sequence[Record]:
        """What the answers say; raises UserError where a sheet is incomplete or of another study."""

    @abstractmethod
    def tables(self, records: Sequence[Record]) -> Sequence[Table]:
        """Pivots of the records."""

    def warnings(self, records: Sequence[Record]) -> Sequence[str]:
        """What to know of the readers before a number is believed; one line each."""
        return ()

    def conclusion(self, records: Sequence[Record]) -> Conclusion | None:
        """Three sentences about the readers, from the records alone; None where there is nothing to conclude."""
        return None
