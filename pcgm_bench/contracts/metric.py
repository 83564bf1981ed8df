"""Metrics: what they are given, what they answer, and the record that is printed beside every value."""

from __future__ import annotations

from abc import ABC
from abc import abstractmethod
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar
from typing import Generic
from typing import TypeVar

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

NAN = float("nan")


@dataclass(frozen=True)
class Estimate:
    """What a metric says.

    Attributes:
        value: the estimate; NaN where there is none.
        low: lower end of the 95 % interval; NaN where there is none.
        high: upper end.
        n: how many people or images.
        reason: why there is no value; empty where there is one.
        note: what a reader must know beside the value: ``adjusted for head_size, age, sex``.
        details: further numbers by name; the metric's docstring says what they are.
        parts: further estimates by name: of a region, of a column, of another statistic (``bias``).
        by_unit: value of every person or image, by name, for paired comparisons.
    """

    value: float = NAN
    low: float = NAN
    high: float = NAN
    n: int = 0
    reason: str = ""
    note: str = ""
    details: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, Estimate] = field(default_factory=dict)
    by_unit: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class MetricRecord:
    """What a metric is: printed in tables, stored with every value.

    Attributes:
        name: as registered: ``fid``.
        version: raised whenever the same input would give another value.
        direction: ``higher``, ``lower``, or ``perfect`` (the nearer to ``perfect``, the better).
        range: least and greatest value.
        unit: ``share``, ``mL``, ``1`` for a pure number.
        reference: formula's source.
        perfect: value of a perfect generator, in expectation; NaN where it depends on the data: read the floor.
        useless: value of a useless one; infinity where there is no bound, NaN where it depends on the data.
        rule: ``sound``, or ``paper``: as published, mistakes included. The two never share a column.

    Raises:
        ValueError: no such direction.
    """

    name: str
    version: str
    direction: str
    range: tuple[float, float]
    unit: str
    reference: str
    perfect: float
    useless: float
    rule: str = "sound"

    def __post_init__(self) -> None:
        if self.direction not in ("higher", "lower", "perfect"):
            raise ValueError(f"{self.name}: direction {self.direction!r} is not higher, lower or perfect")


@dataclass(frozen=True)
class FeatureSets:
    """Features of real and made images, ``(n, d)`` and ``(m, d)``, and the feature space's name."""

    real: np.ndarray
    made: np.ndarray
    space: str = ""


@dataclass(frozen=True)
class ImageSets:
    """Real and made images: sequences of ``(X, Y, Z)`` that load an image when asked, and the person of each image.

    ``made_people`` holds, for a counterfactual, the person it was made from; for a new brain its own number.
    """

    real: Sequence[np.ndarray]
    made: Sequence[np.ndarray]
    real_people: Sequence[str] = ()
    made_people: Sequence[str] = ()


@dataclass(frozen=True)
class VolumeTables:
    """Measured volumes of real and made images: regions (mL), age, sex, head_size and ``qc``, one row an image.

    ``qc_score`` names the score in ``qc`` (`Segmenter.qc_score`); empty where nobody says which it is.
    ``qc_threshold`` is what the user wants an image to reach; None: the score's own threshold.
    """

    real: pd.DataFrame
    made: pd.DataFrame
    qc_score: str = ""
    qc_threshold: float | None = None


@dataclass(frozen=True)
class TrainingSets:
    """Features of training scans, of made images, of held-out scans like the training ones, and of repeated scans.

    ``retest``: features of first and second scans of the same people, row by row; None where nobody was scanned twice.
    """

    training: np.ndarray
    made: np.ndarray
    held_out: np.ndarray
    retest: tuple[np.ndarray, np.ndarray] | None = None
    space: str = ""


@dataclass(frozen=True)
class Visits:
    """One row a follow-up visit: what the later scan shows, and what the made image shows.

    Columns: ``subject``, ``years`` since the baseline, and the ventricles' volumes (mL) in the baseline scan
    (``baseline``), in the real later scan (``real``) and in the made image (``made``). Optional: ``age``, ``group`` and
    ``expected``: the volume (mL) if the person aged at the mean rate of training people; NaN where it is not known.
    """

    table: pd.DataFrame


@dataclass(frozen=True)
class Changes:
    """One row a counterfactual: ``subject``, and volumes in mL by region.

    ``before_<region>``: in the factual scan. ``asked_<region>``: as requested; NaN where nothing was asked of it.
    ``after_<region>``: in the last image. ``there_<region>``: in the image before the change was undone. Each metric
    says which of them it needs.
    """

    table: pd.DataFrame


@dataclass(frozen=True)
class RoundTrips:
    """Factual images, their counterfactuals, and the images after the change was undone; one of each a person."""

    factual: Sequence[np.ndarray]
    there: Sequence[np.ndarray]
    back: Sequence[np.ndarray]


@dataclass(frozen=True)
class ImagesAndBands:
    """Factual and made images, and for each person the voxels ``(X, Y, Z)`` bool in which change was asked for."""

    real: Sequence[np.ndarray]
    made: Sequence[np.ndarray]
    bands: Sequence[np.ndarray]


@dataclass(frozen=True)
class MaskChanges:
    """Factual, requested and measured fractions of regions, one of each a person.

    Each is ``(regions, X, Y, Z)`` in [0, 1], or one region's mask ``(X, Y, Z)``. ``voxel_ml``: mL of a voxel.
    """

    before: Sequence[np.ndarray]
    asked: Sequence[np.ndarray]
    after: Sequence[np.ndarray]
    voxel_ml: float = 0.027


Input = TypeVar("Input")


class Metric(ABC, Generic[Input]):
    """A pure function with a record. Write one by subclassing the base class of its input, below.

    A metric is made without arguments. One instance may be used for several rows, and may keep what it knows of the
    real images. It raises ValueError for data that it cannot use; where data are right but have no value, it returns
    ``Estimate(reason="...")``.

    Attributes:
        record: what it is.
        inputs: the class of its input; set by the base classes below.
    """

    record: ClassVar[MetricRecord]
    inputs: ClassVar[type[Any]]

    @abstractmethod
    def measure(self, data: Input, seed: int = 0) -> Estimate:
        """The metric of an input. The base classes of this module call the metric itself with the parts of it.

        Args:
            data: of the class ``inputs``.
            seed: of resampling; the same data and seed give the same bits.
        """

    def settings(self, data: Input) -> str:
        """What else, beside name, version and feature space, must be equal for two values to be compared.

        Printed with the metric's identity, and a part of it: ``SynthSeg QC >= 0.65``. Empty for most metrics. It must
        be the same for all rows of a run.
        """
        return ""


class FeatureMetric(Metric[FeatureSets]):
    """A metric of two sets of features."""

    inputs = FeatureSets

    @abstractmethod
    def __call__(self, real: np.ndarray, made: np.ndarray, seed: int = 0) -> Estimate:
        """Features ``(n, d)`` and ``(m, d)``."""

    def measure(self, data: FeatureSets, seed: int = 0) -> Estimate:
        """See `Metric.measure`."""
        return self(data.real, data.made, seed)


class ImageMetric(Metric[ImageSets]):
    """A metric of two sets of images."""

    inputs = ImageSets

    @abstractmethod
    def __call__(self, real: Sequence[np.ndarray], made: Sequence[np.ndarray], seed: int = 0) -> Estimate:
        """Sequences of images ``(X, Y, Z)``."""

    def measure(self, data: ImageSets, seed: int = 0) -> Estimate:
        """See `Metric.measure`."""
        return self(data.real, data.made, seed)


class PeopleMetric(Metric[ImageSets]):
    """A metric of two sets of images that has to know whose each one is."""

    inputs = ImageSets

    @abstractmethod
    def __call__(
        self,
        real: Sequence[np.ndarray],
        made: Sequence[np.ndarray],
        real_people: Sequence[str],
        made_people: Sequence[str],
        seed: int = 0,
    ) -> Estimate:
        """Images ``(X, Y, Z)`` and the person of each."""

    def measure(self, data: ImageSets, seed: int = 0) -> Estimate:
        """See `Metric.measure`."""
        return self(data.real, data.made, data.real_people, data.made_people, seed)


class VolumeMetric(Metric[VolumeTables]):
    """A metric of two tables of volumes.

    Attributes:
        columns: columns that it needs in both tables; ``qc`` may be there in parts (``qc_thalamus``).
        uses_qc_threshold: whether the user's ``--qc-threshold`` means something to it.
    """

    inputs = VolumeTables
    columns: ClassVar[tuple[str, ...]] = ()
    uses_qc_threshold: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, real: pd.DataFrame, made: pd.DataFrame, seed: int = 0) -> Estimate:
        """Tables as in `VolumeTables`."""

    def measure(self, data: VolumeTables, seed: int = 0) -> Estimate:
        """See `Metric.measure`. Override it to use the QC score's name or threshold."""
        return self(data.real, data.made, seed)


class TrainingMetric(Metric[TrainingSets]):
    """A metric of what a generator gives back of the people that it was trained on."""

    inputs = TrainingSets

    @abstractmethod
    def __call__(
        self,
        training: np.ndarray,
        made: np.ndarray,
        held_out: np.ndarray,
        retest: tuple[np.ndarray, np.ndarray] | None = None,
        seed: int = 0,
    ) -> Estimate:
        """Features, as in `TrainingSets`."""

    def measure(self, data: TrainingSets, seed: int = 0) -> Estimate:
        """See `Metric.measure`."""
        return self(data.training, data.made, data.held_out, data.retest, seed)


class VisitMetric(Metric[Visits]):
    """A metric of follow-up visits."""

    inputs = Visits

    @abstractmethod
    def __call__(self, visits: pd.DataFrame, seed: int = 0, replicates: int = 1000) -> Estimate:
        """A table as in `Visits`; ``seed`` and ``replicates`` are those of the bootstrap over people."""

    def measure(self, data: Visits, seed: int = 0) -> Estimate:
        """See `Metric.measure`."""
        return self(data.table, seed)


class ChangeMetric(Metric[Changes]):
    """A metric of changes asked for and measured."""

    inputs = Changes

    @abstractmethod
    def __call__(self, changes: pd.DataFrame, seed: int = 0) -> Estimate:
        """A table as in `Changes`; bootstrap over people."""

    def measure(self, data: Changes, seed: int = 0) -> Estimate:
        """See `Metric.measure`."""
        return self(data.table, seed)


class RoundTripMetric(Metric[RoundTrips]):
    """A metric of images that were changed and changed back."""

    inputs = RoundTrips

    @abstractmethod
    def __call__(
        self, factual: Sequence[np.ndarray], there: Sequence[np.ndarray], back: Sequence[np.ndarray], seed: int = 0
    ) -> Estimate:
        """Images ``(X, Y, Z)``, three a person."""

    def measure(self, data: RoundTrips, seed: int = 0) -> Estimate:
        """See `Metric.measure`."""
        return self(data.factual, data.there, data.back, seed)


class BandMetric(Metric[ImagesAndBands]):
    """A metric of images and of the voxels in which change was asked for."""

    inputs = ImagesAndBands

    @abstractmethod
    def __call__(
        self, real: Sequence[np.ndarray], made: Sequence[np.ndarray], bands: Sequence[np.ndarray], seed: int = 0
    ) -> Estimate:
        """Images and bands ``(X, Y, Z)``, one of each a person."""

    def measure(self, data: ImagesAndBands, seed: int = 0) -> Estimate:
        """See `Metric.measure`."""
        return self(data.real, data.made, data.bands, seed)


class MaskMetric(Metric[MaskChanges]):
    """A metric of masks before, as asked for, and as measured."""

    inputs = MaskChanges

    @abstractmethod
    def __call__(
        self, before: Sequence[np.ndarray], asked: Sequence[np.ndarray], after: Sequence[np.ndarray], seed: int = 0
    ) -> Estimate:
        """Fractions as in `MaskChanges`."""

    def measure(self, data: MaskChanges, seed: int = 0) -> Estimate:
        """See `Metric.measure`."""
        return self(data.before, data.asked, data.after, seed)
