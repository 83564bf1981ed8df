"""People with scans, and where a cohort of a registered name comes from."""

from __future__ import annotations

from abc import ABC
from abc import abstractmethod
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import KW_ONLY
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from typing import ClassVar
from typing import Protocol

import numpy as np

from pcgm_bench.contracts.errors import UserError
from pcgm_bench.contracts.scan import Intervention
from pcgm_bench.contracts.scan import Progress
from pcgm_bench.contracts.scan import Scan
from pcgm_bench.contracts.scan import Segmentation

if TYPE_CHECKING:
    import pandas as pd


class Cohort(ABC):
    """People with scans. Iterating or indexing loads one `Scan` at a time; ``table`` costs nothing.

    Attributes:
        name: of the cohort, as it stands in tables and folder names.
        is_phantom: whether the people are simulated; never mixed with real ones in one table.
    """

    name: str
    is_phantom: bool = False

    @property
    @abstractmethod
    def table(self) -> pd.DataFrame:
        """One row a visit, in order: subject, session, age, sex (F/M), diagnosis, head_size (mL; NaN if unknown)."""

    @property
    @abstractmethod
    def content_hash(self) -> str:
        """Changes when any image or metadatum does."""

    @abstractmethod
    def __getitem__(self, index: int) -> Scan:
        """The scan of a row of the table."""

    @abstractmethod
    def subset(self, subjects: Sequence[str]) -> Cohort:
        """The same cohort, these people only, in the cohort's order."""

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[Scan]:
        return (self[index] for index in range(len(self)))

    @property
    def notes(self) -> Sequence[str]:
        """What a reader of results must know about these scans, one line each; shown as warnings."""
        return ()

    @property
    def planted(self) -> Mapping[str, float]:
        """Region -> true loss in per cent of a simulated disease, negative for a gain; empty where there is no truth.

        Regions that are not named stay.
        """
        return {}

    @property
    def has_truth(self) -> bool:
        """Whether `oracle` and `truth` answer whatever is asked: another age, another diagnosis, a region's factor."""
        return False

    @property
    def has_region_truth(self) -> bool:
        """Whether `oracle` and `truth` answer where factors of regions are asked, or nothing."""
        return self.has_truth

    def oracle(self, scan: Scan, do: Intervention, seed: int | None) -> np.ndarray:
        """The true counterfactual image ``(X, Y, Z)`` of one of the cohort's scans.

        Args:
            scan: the cohort's, with its segmentation: on real scans that says where a region is.
            do: what is asked.
            seed: of fresh noise, where the cohort can draw it. A real scan keeps its own.

        Raises:
            UnknownTruthError: that of this request on this scan is not known, but others are.
            UserError: the truth is not known.
        """
        raise UserError(f"{self.name}: nobody knows the true counterfactual of {scan.key}")

    def truth(self, scan: Scan, do: Intervention) -> Segmentation:
        """The true anatomy of a scan's person under ``do``; raises as `oracle`."""
        raise UserError(f"{self.name}: nobody knows the true anatomy of {scan.key}")


class TrainingScans(Protocol):
    """Scans of training people that are loaded or drawn one at a time."""

    @property
    def table(self) -> pd.DataFrame:
        """One row a scan: subject, session, age (years), sex (F/M), diagnosis."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Scan: ...


@dataclass(frozen=True)
class CohortRequest:
    """What the user says about the people.

    Attributes:
        name: a registered cohort, or a BIDS folder.
        maps: where a BIDS folder keeps what is needed: ``diagnosis=group:depr/control``.
        effect: planted effect of a simulated cohort; None: the cohort's default.
        mechanism: how a simulated effect moves the anatomy; None: the cohort's default.
        grid: ``3mm``, ``2mm`` or ``1mm``.
        population: of a simulated cohort; a study names the one that it is about. Empty: the cohort's default.
        scanner: what simulated people were scanned by; None: the cohort's default.
        per_group: simulated people in each group; None: the cohort's default.
        anatomies: folder of label maps that simulated people are made from; None: the cohort's own anatomy.
    """

    name: str = "phantom"
    maps: tuple[str, ...] = ()
    _: KW_ONLY
    effect: str | None = None
    mechanism: str | None = None
    grid: str = "3mm"
    population: str = ""
    scanner: str | None = None
    per_group: int | None = None
    anatomies: str | None = None

    @classmethod
    def of(
        cls,
        name: str,
        maps: Sequence[str] | None,
        *,
        effect: str | None,
        mechanism: str | None,
        grid: str,
        scanner: str | None,
        per_group: int | None,
        anatomies: str | Path | None,
        population: str = "",
    ) -> CohortRequest:
        """As a command or a script says it. Nothing that a user may choose has a default, so that none is forgotten."""
        return cls(
            name,
            tuple(maps or ()),
            effect=effect,
            mechanism=mechanism,
            grid=grid,
            population=population,
            scanner=scanner,
            per_group=per_group,
            anatomies=None if anatomies is None else str(anatomies),
        )


class CohortSource(ABC):
    """A cohort that can be opened by its registered name. The harness makes one without arguments.

    Attributes:
        name: as registered.
        title: in words.
        options: which fields of a request it honours, besides ``name``. Another one that the user gives is an error,
            never ignored. A study's ``population`` is a wish and may be ignored, and so may ``quick``.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    options: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def open(self, request: CohortRequest, home: Path, seed: int, quick: bool, progress: Progress) -> Cohort:
        """The cohort, made under ``home`` first if it is not there.

        Args:
            request: what the user says about the people.
            home: where everything is kept.
            seed: of the people, where they are simulated.
            quick: few people.
            progress: told (what, done, total).

        Raises:
            UserError: the request cannot be met.
        """

    def planned(self, request: CohortRequest, seed: int, quick: bool) -> pd.DataFrame | None:
        """The table of the cohort that `open` will make, before anything is made; None where nobody knows it yet.

        A study hears of people who are too few from it, before minutes of work. Raises as `open`.
        """
        return None

    def open_training(self, request: CohortRequest, home: Path, progress: Progress) -> Cohort:
        """The people to train on, none of whom is in a cohort of `open`; raises UserError where there are none."""
        raise UserError(f"cohort {self.name!r} has no training population; give a folder with --cohort")

    def training_scans(self, grid: str, home: Path) -> TrainingScans | None:
        """The same people's scans, loaded when asked for; None where they cannot be had without their files."""
        return None

    def write(
        self,
        request: CohortRequest,
        out: Path,
        seed: int,
        longitudinal: bool,
        progress: Progress,
        home: Path | None = None,
    ) -> Cohort:
        """Write the cohort as a BIDS folder.

        Args:
            request: as for `open`.
            out: a new or empty folder.
            seed: of the people.
            longitudinal: further visits for half of the people.
            progress: told (what, done, total).
            home: where material may be kept between calls; None: nowhere.

        Raises:
            UserError: it cannot be written as a folder, or not there.
        """
        raise UserError(f"cohort {self.name!r} cannot be written as a folder")
