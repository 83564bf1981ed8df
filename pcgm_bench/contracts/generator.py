"""Systems that draw brains, or change one."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts.cohort import Cohort
from pcgm_bench.contracts.errors import UserError
from pcgm_bench.contracts.scan import Intervention
from pcgm_bench.contracts.scan import Progress
from pcgm_bench.contracts.scan import Scan
from pcgm_bench.contracts.scan import silent
from pcgm_bench.contracts.settings import NoSettings

if TYPE_CHECKING:
    import pandas as pd


class Job(StrEnum):
    """What a generator can be asked to do."""

    SAMPLE = "sample"
    """Draw new brains: `Generator.sample`."""
    COUNTERFACTUAL = "counterfactual"
    """Change a scan under age, sex or diagnosis: `Generator.counterfactual`."""
    VOLUMES = "volumes"
    """Say which volumes a counterfactual should have: `Generator.counterfactual_volumes`."""
    REGIONS = "regions"
    """Set a lobe's volume by a factor: ``{"frontal": 0.95}``."""
    VENTRICLES = "ventricles"
    """Set the ventricles' volume by a factor."""
    READING = "reading"
    """Nothing a generator does: the job of a study that people carry out."""


@dataclass(frozen=True)
class Context:
    """What the harness lends to a generator besides data.

    Attributes:
        seed: of everything random.
        device: ``cpu`` or ``cuda``: where networks run.
        threads: of a tensor operation.
        progress: told (what, done, total).
        oracle: ``oracle(scan, do, seed)`` gives the true counterfactual image of a phantom person; handed only to
            controls whose card says ``needs_truth``.
        work: a folder of the generator's own, in which `Generator.fit` keeps checkpoints: the same training called
            again goes on from there.
        processes: that `Generator.fit` may train in, side by side: one a GPU. The batch is shared among them.
    """

    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    progress: Progress = silent
    oracle: Callable[[Scan, Intervention, int], np.ndarray] | None = None
    work: Path | None = None
    processes: int = 1


@dataclass(frozen=True)
class Card:
    """Identity of a generator.

    Attributes:
        name: as registered.
        title: in tables.
        version: raised when its images change for a reason that its code does not show.
        reference: paper.
        licence: of code and weights.
        jobs: what it can do; what is not listed is skipped with the reason.
        trained_on: whom the shipped weights were trained on, in words.
        needs_weights: whether it must be trained (`Generator.fit`) before it can do anything.
        needs_truth: whether it needs `Context.oracle`: a control.
        is_control: never ranked on the board.
        notes: what a reader should know.

    Raises:
        ValueError: ``jobs`` is no set of `Job`.
    """

    name: str
    title: str
    version: str
    reference: str
    licence: str
    jobs: frozenset[Job]
    trained_on: str = "nothing"
    needs_weights: bool = False
    needs_truth: bool = False
    is_control: bool = False
    notes: str = ""

    def __post_init__(self) -> None:
        known = ", ".join(Job)
        if isinstance(self.jobs, str) or not set(self.jobs) <= set(Job):
            raise ValueError(f"card of {self.name!r}: jobs is a set of {known}; it is {self.jobs!r}")
        object.__setattr__(self, "jobs", frozenset(Job(job) for job in self.jobs))


class Generator(ABC):
    """A system that draws brains, or changes one. Same inputs and seed, same output, to the bit.

    The harness makes one without arguments, then calls `configure`, `load` (where it has weights) and `to`. What a
    method does not override it cannot do; the card must say the same.

    Attributes:
        card: identity.
        weights_folder: weights that ship with the code: ``Path(__file__).parent / "weights"``; None: none ship.
        weights_of: a registered method whose weights it takes where it has none of its own; empty: none.
        adapts_slowly: `adapt`, or the first intervention after it, takes minutes: then one process makes a whole fold.
        refit_replicates: how many bootstrap replicates can afford to fit it anew; 0: it is not fitted anew.
        settings_type: frozen dataclass of what a user may set; see `pcgm_bench.contracts.settings`.
        training_settings: names of the settings that training depends on: other values need other weights.
    """

    card: ClassVar[Card]
    weights_folder: ClassVar[Path | None] = None
    weights_of: ClassVar[str] = ""
    adapts_slowly: ClassVar[bool] = False
    refit_replicates: ClassVar[int] = 0
    settings_type: ClassVar[type[Any]] = NoSettings
    training_settings: ClassVar[frozenset[str]] = frozenset()

    def configure(self, settings: Any) -> None:  # noqa: B027 (most have nothing to set)
        """Take an instance of ``settings_type``; called once, before anything else."""

    def grids(self) -> tuple[str, ...] | None:
        """Names of the standard grids (``3mm``, ``2mm``, ``1mm``) on which it makes images, as configured; None: any.

        Asked before anything is made.
        """
        return None

    def notes(self) -> Mapping[str, str]:
        """What the last `adapt` found and a reader of the tables should know: what -> in words."""
        return {}

    def fit(self, cohort: Cohort, context: Context) -> None:  # noqa: B027 (nothing to train is a choice)
        """Train on the training cohort, once. Goes on from ``context.work``; may take hours."""

    def to(self, device: str) -> None:  # noqa: B027 (many have no network)
        """Run networks on this device (``cpu``, ``cuda``) from now on."""

    def adapt(self, cohort: Cohort, context: Context) -> None:  # noqa: B027
        """Learn what the study's training fold has to teach (PCGM fits its PGM here). Never sees a held-out subject.

        Called once a fold, on the fold's scans with their segmentations; replaces an earlier fold's adaptation.
        """

    def sample(self, n: int, seed: int, first: int = 0) -> Iterator[np.ndarray]:
        """Draw new volumes ``(X, Y, Z)``: ``n`` from number ``first`` on; volume i depends on ``(seed, i)`` alone."""
        raise UserError(f"{self.card.name} does not draw new brains")

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        """The image ``(X, Y, Z)`` of the same person had ``do`` been true. An empty ``do`` is the null intervention."""
        raise UserError(f"{self.card.name} does not make counterfactual images")

    def counterfactual_volumes(self, scan: Scan, do: Intervention, seed: int) -> dict[str, float]:
        """The volumes (mL) this generator means the counterfactual to have; lobes at least."""
        raise UserError(f"{self.card.name} does not predict volumes")

    def refit(self, cohort: Cohort, context: Context) -> None:
        """`adapt` in a bootstrap replicate; override it where a quicker fit will do."""
        self.adapt(cohort, context)

    def refit_volumes(
        self, train: pd.DataFrame, asked: pd.DataFrame, interventions: Sequence[Intervention], seed: int
    ) -> pd.DataFrame | None:
        """Fit on one table of people and say the volumes of another's counterfactuals, all at once.

        Args:
            train: subject, age, sex, diagnosis, head_size, lobes (mL), one row a person.
            asked: likewise.
            interventions: one a row of ``asked``.
            seed: of the fit.

        Returns:
            The lobes (mL), one row a row of ``asked``; None: there is no such way, use `refit` and
            `counterfactual_volumes`.
        """
        return None

    def save(self, folder: Path) -> None:  # noqa: B027
        """Write weights (safetensors) and settings (JSON) into an existing folder."""

    def load(self, folder: Path) -> None:  # noqa: B027
        """Read what `save` wrote. Refuses a folder whose configuration hash is not the code's (`UserError`)."""
