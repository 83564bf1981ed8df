"""The contracts of pcgm-bench: what a scan, a generator, a segmenter, a metric and a study are.

A plugin author reads this file and nothing else. All arrays are NumPy; a volume is ``(X, Y, Z)`` float32 on the
cohort's grid, voxel axes in RAS+ order, affine in millimetres; volumes of anatomy are in millilitres (mL), ages in
years. Raise `UserError` for anything the user can mend: the command line prints its message and exits with code 2.
"""

from __future__ import annotations

from abc import ABC
from abc import abstractmethod
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar
from typing import Protocol

import numpy as np

from pcgm_bench.anatomy import CHANNELS

if TYPE_CHECKING:
    import pandas as pd

Do = Mapping[str, Any]
"""An intervention on a person's metadata: ``{"diagnosis": "AUD"}``, ``{"age": 71.5}``. Empty: the null intervention.

A region's name stands for a factor of its factual volume: ``{"frontal": 0.95}`` is 5 % less frontal lobe.
"""


class UserError(Exception):
    """The user's mistake: one line that names the file or subject, what is wrong, and what to do. Exit code 2."""


@dataclass(frozen=True)
class Segmentation:
    """What a segmenter reads from one image.

    Attributes:
        fractions: ``(12, X, Y, Z)`` float32 in [0, 1]: the share of every voxel that each of
            `pcgm_bench.anatomy.CHANNELS` fills; adds up to one. No voxels (size 0) from a table of volumes.
        labels: ``(X, Y, Z)`` int16 FreeSurfer label map (``aparc+aseg`` numbers); no voxels likewise.
        volumes: mL by name: the six lobes, ``ventricles``, ``white_matter``, ``deep_grey``, ``csf``,
            ``cerebellum_brainstem``, and the 68 parcels (``lh-insula``).
        head_size: mL, ICV-like: all tissue and supratentorial CSF.
        qc: what `Segmenter.qc_score` names; ours from 0 (unusable) to 1 (as good as the training scans). NaN where
            nobody says.
        qc_parts: the same score part by part (structure group, hemisphere), where it has parts: ``qc`` is the least.
    """

    fractions: np.ndarray
    labels: np.ndarray
    volumes: Mapping[str, float]
    head_size: float
    qc: float
    qc_parts: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of_volumes(
        cls, volumes: Mapping[str, float], head_size: float, qc: float, qc_parts: Mapping[str, float] | None = None
    ) -> Segmentation:
        """Volumes alone: no voxels."""
        nothing = np.empty((len(CHANNELS), 0, 0, 0), np.float32)
        return cls(nothing, nothing[0].astype(np.int16), volumes, head_size, qc, qc_parts or {})


@dataclass(frozen=True)
class Scan:
    """One image of one person at one visit, with what is known about the person.

    ``image`` is intensity-normalised T1w, float32, background 0 and about 1 at the bright end of white matter.
    ``segmentation`` comes from the run's segmenter, never from a phantom's truth; None before segmentation.
    ``description`` is empty for a factual scan, ``cfAUD`` for an image under ``do``, ``sample`` for a new brain.
    """

    subject: str
    session: str
    image: np.ndarray
    affine: np.ndarray
    age: float
    sex: str
    diagnosis: str
    head_size: float = float("nan")
    segmentation: Segmentation | None = None
    description: str = ""

    @property
    def key(self) -> str:
        """BIDS name of the visit: ``sub-001_ses-01``, or ``sub-001`` without a session."""
        return f"sub-{self.subject}" + (f"_ses-{self.session}" if self.session else "")


class Cohort(Protocol):
    """People with scans. Iterating or indexing loads one `Scan` at a time; ``table`` costs nothing."""

    name: str
    is_phantom: bool

    @property
    def table(self) -> pd.DataFrame:
        """One row a visit, in order: subject, session, age, sex (F/M), diagnosis, head_size (mL; NaN if unknown)."""

    @property
    def content_hash(self) -> str:
        """Changes when any image or metadatum does."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Scan: ...
    def __iter__(self) -> Iterator[Scan]: ...
    def subset(self, subjects: Sequence[str]) -> Cohort:
        """The same cohort, these people only."""


@dataclass(frozen=True)
class Context:
    """What the harness lends to a generator besides data.

    ``oracle(scan, do, seed)`` gives the true counterfactual image of a phantom person; it is handed only to
    controls whose card says ``needs_truth``. ``work`` is a folder of the generator's own, in which `Generator.fit`
    keeps checkpoints: the same training called again goes on from there.
    """

    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None
    oracle: Callable[[Scan, Do, int], np.ndarray] | None = None
    work: Path | None = None


@dataclass(frozen=True)
class Card:
    """Identity of a generator.

    ``jobs``: of ``"sample"`` (new brains), ``"counterfactual"`` (images under ``do``), ``"volumes"``
    (`Generator.counterfactual_volumes`); what is not listed is skipped with the reason.
    """

    name: str
    title: str
    version: str
    reference: str
    licence: str
    jobs: frozenset[str]
    trained_on: str = "nothing"
    needs_truth: bool = False
    is_control: bool = False
    notes: str = ""


class Generator(ABC):
    """A system that draws brains, or changes one. Same inputs and seed, same output, to the bit."""

    card: ClassVar[Card]

    def fit(self, cohort: Cohort, context: Context) -> None:
        """Train on the training cohort, once. Resumable; may take hours."""

    def adapt(self, cohort: Cohort, context: Context) -> None:
        """Learn what the study's training fold has to teach (PCGM fits its PGM here). Never sees a held-out subject.

        Called once a fold, on the fold's scans with their segmentations; replaces an earlier fold's adaptation.
        """

    def sample(self, n: int, seed: int, first: int = 0) -> Iterator[np.ndarray]:
        """Draw new volumes ``(X, Y, Z)``: ``n`` from number ``first`` on; volume i depends on ``(seed, i)`` alone."""
        raise UserError(f"{self.card.name} does not draw new brains")

    def counterfactual(self, scan: Scan, do: Do, seed: int) -> np.ndarray:
        """The image ``(X, Y, Z)`` of the same person had ``do`` been true. An empty ``do`` is the null intervention."""
        raise UserError(f"{self.card.name} does not make counterfactual images")

    def counterfactual_volumes(self, scan: Scan, do: Do, seed: int) -> dict[str, float]:
        """The volumes (mL) this generator means the counterfactual to have; lobes at least."""
        raise UserError(f"{self.card.name} does not predict volumes")

    def save(self, folder: Path) -> None:
        """Write weights (safetensors) and settings (JSON) into an existing folder."""

    def load(self, folder: Path) -> None:
        """Read what `save` wrote. Refuses a folder whose config hash is not the code's (`UserError`)."""


class Segmenter(ABC):
    """Image to anatomy. The same one reads real and synthetic images in a run."""

    name: ClassVar[str]
    title: ClassVar[str]
    reads_new_images: ClassVar[bool] = True
    """False: what it says was measured elsewhere, so it knows the factual scans and images given as files alone."""
    qc_score: str = "pcgm-bench segmenter score"
    """Whose score `Segmentation.qc` is: ``SynthSeg QC``, ``Euler number``; empty where nobody says."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """Name and content hash: part of every run's key."""

    @abstractmethod
    def segment(self, scan: Scan) -> Segmentation:
        """Read one scan."""


class FeatureExtractor(ABC):
    """Image to a vector: a space in which sets of images are compared. Its identity is part of the metric's."""

    name: ClassVar[str]
    title: ClassVar[str]

    @property
    @abstractmethod
    def identity(self) -> str:
        """Name and hash of the weights or of what they are drawn from."""

    @abstractmethod
    def extract(self, image: np.ndarray) -> np.ndarray:
        """Features ``(d,)`` float32 of one `Scan.image` ``(X, Y, Z)``; does not depend on any other image."""


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
        inputs: what it is called with. ``features``: ``(real, made)``, each ``(n, d)``. ``images``: ``(real, made)``,
            sequences of ``(X, Y, Z)`` that load one when asked. ``volumes``: ``(real, made)``, a table of regions
            (mL), age, sex and head_size each, one row an image; the metric's class attribute ``columns`` names those
            it cannot do without, and one that asks for ``score`` or ``threshold`` by name is told
            `Segmenter.qc_score` and what the user gave. ``people``: ``(real, made, people of real, people of
            made)``. ``visits``: a table, one row a follow-up visit. ``changes``: a table, one row a counterfactual.
            ``training``: features ``(training scans, made, held-out scans, retest)``, ``retest`` a pair of first and
            second scans of the same people or None; the runner says who was trained on.
            Anything else is said where the metric is called, and no study can name it in ``image_metrics``.
        rule: ``sound``, or ``paper``: as published, mistakes included. The two never share a column.
    """

    name: str
    version: str
    direction: str
    range: tuple[float, float]
    unit: str
    reference: str
    perfect: float
    useless: float
    inputs: str = ""
    rule: str = "sound"


class Metric(Protocol):
    """A pure function with a record.

    Returns ``{"value", "low", "high", "n"}`` and whatever else belongs to it: a JSON-able mapping. ``low`` and
    ``high`` are the ends of a 95 % interval, NaN where there is none; ``n`` says how many people or images.
    """

    record: MetricRecord

    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...


@dataclass(frozen=True)
class BoardEntry:
    """One cell of a leaderboard, as a study takes it from its own scores (`Study.board`).

    Attributes:
        row: method or control.
        column: heading, with the unit: ``FID (uncnn)``.
        metric: name and version, and the feature space's identity if there is one: part of what must be equal for
            two cells to stand in one column.
        direction: ``higher``, ``lower``, or ``nearest``: the nearer to ``target`` the better.
        value: the estimate; None if missing.
        low: lower end of the 95 % interval, or None.
        high: upper end.
        n: people or images.
        floor: the same metric between two halves of the real data at the same n, where that makes sense.
        target: see ``direction``.
        rule: ``sound`` or ``paper``.
        is_control: whether the row is a control, which is never ranked.
        by_unit: value of every person or image, by name, for paired comparisons; None where there is none.
    """

    row: str
    column: str
    metric: str
    direction: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    floor: float | None = None
    target: float | None = None
    rule: str = "sound"
    is_control: bool = False
    by_unit: Mapping[str, float] | None = None

    @property
    def loss(self) -> float:
        """The smaller the better, in the column's unit: the value, minus the value, or its distance to the target.

        NaN where the value is missing.

        Raises:
            ValueError: no such direction, or ``nearest`` to nothing.

        >>> BoardEntry("a", "c", "m", "nearest", 0.75, target=1.0).loss
        0.25
        """
        if self.direction not in ("higher", "lower", "nearest"):
            raise ValueError(f"column {self.column}: direction {self.direction!r} is not higher, lower or nearest")
        if self.value is None:
            return float("nan")
        if self.direction == "nearest":
            if self.target is None:
                raise ValueError(f"column {self.column}: 'nearest' to what? The entry has no target")
            return abs(self.value - self.target)
        return -self.value if self.direction == "higher" else self.value


@dataclass(frozen=True)
class Plot:
    """Numbers that a study wants drawn after a run (its optional ``plots(scores) -> list[Plot]``).

    Attributes:
        name: of the file, without its ending.
        kind: ``effects`` (row -> region -> ln|d|), ``trajectories`` (group -> person -> ages and volumes), ``doses``.
        title: over everything; the report adds whether the people are simulated.
        data: what the kind says.
    """

    name: str
    kind: str
    title: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Measurement:
    """One read image: whose it is, under which intervention, made by what.

    ``row`` is ``"real"`` for the factual scan, else the generator's or control's name. ``diagnosis`` is the
    diagnosis the image shows (the counterfactual one for a counterfactual), ``age`` likewise; ``head_size`` is
    always the factual scan's. A new brain has no age (NaN), sex or diagnosis (empty), and its own head size. ``do``
    holds the factors of regions that were asked for; ``qc`` is NaN where no image was made, and it and ``qc_parts``
    are as in `Segmentation`.
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
