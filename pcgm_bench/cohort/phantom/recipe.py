"""What a phantom cohort follows from: everything that its people and images depend on, and its folder's name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.cohort.phantom.population import EFFECTS
from pcgm_bench.cohort.phantom.roster import TRAINING_SEED
from pcgm_bench.cohort.phantom.roster import Visit
from pcgm_bench.cohort.phantom.roster import aging_study
from pcgm_bench.cohort.phantom.roster import aud_study
from pcgm_bench.cohort.phantom.roster import synthesis_study
from pcgm_bench.cohort.phantom.roster import training_controls
from pcgm_bench.cohort.phantom.scanners import CHOICES
from pcgm_bench.cohort.phantom.scanners import DEFAULT
from pcgm_bench.cohort.phantom.scanners import MIX
from pcgm_bench.cohort.phantom.scanners import SCANNERS
from pcgm_bench.cohort.phantom.scanners import Scanner
from pcgm_bench.cohort.phantom.scanners import deal
from pcgm_bench.contracts import UserError

MECHANISMS = ("pial", "mixed")
POPULATIONS = ("aud", "aging", "synthesis", "training")
FIXED_SIZE = ("aging", "training")
"""Populations whose groups have sizes of their own."""
VERSION = 2
"""Raised whenever the same recipe would give other voxels."""
QUICK = 20
"""People a group in a small cohort."""
AGING_QUICK = (4, 6, 10)
"""Adolescents, old adults and people with HIV in a small aging study."""


@dataclass(frozen=True)
class Recipe:
    """Everything a phantom cohort follows from.

    Attributes:
        population: ``aud``: controls and people with AUD, one visit each; ``aging``: people with follow-up visits
            (`roster.aging_study`); ``synthesis``: controls; ``training``: the 400 scans of training controls.
        effect: ``demo``, ``literature`` or ``null``.
        mechanism: ``pial`` (only the CSF side of cortex moves) or ``mixed`` (30 % of a loss moves the white surface).
        seed: of the people. 1000 belongs to the training population alone.
        grid: ``3mm``, ``2mm`` or ``1mm``.
        per_group: controls, and people with AUD.
        longitudinal: half of the people of ``aud`` get further visits.
        version: `VERSION` of the code that made it.
        anatomies: keys of the label maps that people are made from (`anatomy_import.import_anatomies`), in place of the
            built-in template; people are dealt to them by their seed.
        scanner: what people were scanned by (`scanners.SCANNERS`); ``mix``: half of them by one, half by another.
    """

    population: str = "aud"
    effect: str = "demo"
    mechanism: str = "pial"
    seed: int = 0
    grid: str = "3mm"
    per_group: int = 100
    longitudinal: bool = False
    version: int = VERSION
    scanner: str = DEFAULT
    anatomies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for value, known, what in (
            (self.population, POPULATIONS, "population"),
            (self.effect, tuple(EFFECTS), "effect"),
            (self.mechanism, MECHANISMS, "mechanism"),
            (self.scanner, CHOICES, "scanner"),
        ):
            if value not in known:
                msg = f"unknown {what} {value!r}: use one of {', '.join(known)}"
                raise UserError(msg)
        object.__setattr__(self, "anatomies", tuple(self.anatomies))  # JSON knows lists alone
        grid_called(self.grid)  # raises for an unknown grid
        if self.per_group < 2 or self.seed < 0:
            msg = "a phantom cohort needs at least 2 people a group and a seed of 0 or more"
            raise UserError(msg)
        if self.version != VERSION:
            msg = f"this phantom was made by recipe version {self.version}, the code makes {VERSION}: make it anew"
            raise UserError(msg)

    def visits(self) -> list[Visit]:
        """The people and visits of the cohort."""
        if self.population == "training":
            return training_controls()
        if self.population == "aging":
            return aging_study(self.seed, *AGING_QUICK if self.per_group == QUICK else ())
        if self.population == "synthesis":
            return synthesis_study(self.seed, 2 * self.per_group)
        return aud_study(self.seed, self.per_group, longitudinal=self.longitudinal)

    def scanner_name(self, subject: str) -> str:
        """Which scanner a subject of the cohort was scanned by."""
        return _dealt(self)[subject] if self.scanner == MIX else self.scanner

    def scanner_of(self, subject: str) -> Scanner:
        """The same as settings."""
        return SCANNERS[self.scanner_name(subject)]

    @classmethod
    def training(cls, grid: str = "3mm", scanner: str = DEFAULT, anatomies: tuple[str, ...] = ()) -> Recipe:
        """The training controls: people of a seed of their own, without a disease."""
        return cls("training", "null", "pial", TRAINING_SEED, grid, scanner=scanner, anatomies=anatomies)

    @property
    def name(self) -> str:
        """Folder name that tells what it is."""
        look = "" if self.scanner == DEFAULT else f"-scanner{self.scanner}"
        if self.anatomies:
            look += f"-anatomies{len(self.anatomies)}"
        if self.population == "training":
            return f"phantom-training-{self.grid}{look}"
        size = "" if self.population == "aging" and self.per_group != QUICK else f"-n{self.per_group}"
        visits = "-long" if self.longitudinal else ""
        people = f"{self.population}-{self.effect}-{self.mechanism}-seed{self.seed}"
        return f"phantom-{people}-{self.grid}{size}{visits}{look}"


@cache
def _dealt(recipe: Recipe) -> dict[str, str]:
    """Subject -> scanner, of a cohort from two scanners."""
    return deal(recipe.visits())
