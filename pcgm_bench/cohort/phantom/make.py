"""Make phantom cohorts, and answer what a phantom person's scan would have been: the oracle."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.bids import PHANTOM
from pcgm_bench.cohort.bids import BidsCohort
from pcgm_bench.cohort.bids import read
from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.cohort.phantom.anatomy import Anatomy
from pcgm_bench.cohort.phantom.anatomy import build
from pcgm_bench.cohort.phantom.population import CASE
from pcgm_bench.cohort.phantom.population import CONTROL
from pcgm_bench.cohort.phantom.population import EFFECTS
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.render import render
from pcgm_bench.cohort.phantom.roster import TRAINING_SEED
from pcgm_bench.cohort.phantom.roster import Visit
from pcgm_bench.cohort.phantom.roster import ageing_study
from pcgm_bench.cohort.phantom.roster import aud_study
from pcgm_bench.cohort.phantom.roster import synthesis_study
from pcgm_bench.cohort.phantom.roster import training_controls
from pcgm_bench.cohort.phantom.template import load_template
from pcgm_bench.cohort.write import DatasetWriter
from pcgm_bench.cohort.write import bytes_needed
from pcgm_bench.contracts import Do
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.orphans import exit_with_parent

if TYPE_CHECKING:
    from pcgm_bench.cohort.phantom.training import TrainingScans

Progress = Callable[[str, int, int], None]
MECHANISMS = ("pial", "mixed")
POPULATIONS = ("aud", "ageing", "synthesis", "training")
VERSION = 1
"""Raised whenever the same recipe would give other voxels."""
WORKERS = 2
QUICK = 20
"""People a group in a small cohort."""
SETTABLE = (*LOBE_NAMES, "ventricles")
"""Regions whose volume a ``do`` can set, as a factor of the factual one."""
AGEING_QUICK = (4, 6, 10)
"""Adolescents, old adults and people with HIV in a small ageing study."""


@dataclass(frozen=True)
class Recipe:
    """Everything a phantom cohort follows from."""

    population: str = "aud"
    effect: str = "demo"
    mechanism: str = "pial"
    seed: int = 0
    grid: str = "3mm"
    per_group: int = 100
    longitudinal: bool = False
    version: int = VERSION

    def __post_init__(self) -> None:
        for value, known, what in (
            (self.population, POPULATIONS, "population"),
            (self.effect, tuple(EFFECTS), "effect"),
            (self.mechanism, MECHANISMS, "mechanism"),
        ):
            if value not in known:
                msg = f"unknown {what} {value!r}: use one of {', '.join(known)}"
                raise UserError(msg)
        grid_called(self.grid)
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
        if self.population == "ageing":
            return ageing_study(self.seed, *AGEING_QUICK if self.per_group == QUICK else ())
        if self.population == "synthesis":
            return synthesis_study(self.seed, 2 * self.per_group)
        return aud_study(self.seed, self.per_group, longitudinal=self.longitudinal)

    @property
    def name(self) -> str:
        """Folder name that tells what it is."""
        if self.population == "training":
            return f"phantom-training-{self.grid}"
        size = "" if self.population == "ageing" and self.per_group != QUICK else f"-n{self.per_group}"
        visits = "-long" if self.longitudinal else ""
        return f"phantom-{self.population}-{self.effect}-{self.mechanism}-seed{self.seed}-{self.grid}{size}{visits}"


def anatomy_of(recipe: Recipe, visit: Visit, do: Do, home: Path | None) -> Anatomy:
    """The anatomy of a person at a visit, under ``do``: same exogenous terms, other parents.

    A region named in ``do`` (a lobe, or ``ventricles``) is set to that factor of its factual volume, whatever the
    parents say; nothing else answers to it. In ``mixed`` cohorts the white surface moves for its share of such a change
    too.

    Raises:
        UserError: a factor that is not a positive number, an unknown name or level, or a volume out of reach.
    """
    asked = {name: _factor(name, do[name]) for name in SETTABLE if name in do}
    do = {name: value for name, value in do.items() if name not in asked}
    who = visit.person.under(do)
    years = who.years(do, visit.years)
    planned = planned_volumes(who, visit.number, years, recipe.effect)
    if asked:
        factual = planned_volumes(visit.person, visit.number, visit.years, recipe.effect)
        planned |= {name: factor * factual[name] for name, factor in asked.items()}
    healthy = None
    if recipe.mechanism == "mixed" and (who.diagnosis == CASE or asked):
        healthy = planned_volumes(who.under({"diagnosis": CONTROL}), visit.number, years, recipe.effect)
    return build(load_template(home), grid_called(recipe.grid), who.seed, who.icv, planned, before_loss=healthy)


def _factor(name: str, value: object) -> float:
    try:
        factor = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        factor = float("nan")
    if not 0 < factor < float("inf"):
        msg = f"do {name} = {value!r}: a region is set to a factor of its volume, such as 0.95"
        raise UserError(msg)
    return factor


def noise_seed(visit: Visit, do: Do, seed: int | None) -> int:
    """Seed of a scan's noise: the visit's own, or fresh for (visit, do, seed) when ``seed`` is given."""
    parts = [visit.person.seed, visit.number]
    if seed is not None:
        text = json.dumps(dict(do), sort_keys=True, default=float)
        parts += [seed, int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "little")]
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def draw(recipe: Recipe, visit: Visit, home: Path | None) -> tuple[np.ndarray, Anatomy]:
    """The factual image ``(X, Y, Z)`` of a visit, and the anatomy that is on it."""
    anatomy = anatomy_of(recipe, visit, {}, home)
    return render(anatomy, visit.person.seed, noise_seed(visit, {}, None)), anatomy


def _one(job: tuple[Recipe, Visit, Path | None]) -> tuple[np.ndarray, Anatomy]:
    import torch

    torch.set_num_threads(1)
    return draw(*job)


def _all(recipe: Recipe, visits: Sequence[Visit], home: Path | None) -> Iterator[tuple[np.ndarray, Anatomy]]:
    jobs = [(recipe, visit, home) for visit in visits]
    if home is None or len(visits) < 8:
        yield from map(_one, jobs)
        return
    load_template(home)
    # Spawned, not forked: a forked child inherits the state of PyTorch's thread pool and may hang.
    with ProcessPoolExecutor(WORKERS, get_context("spawn"), exit_with_parent) as pool:
        yield from pool.map(_one, jobs)


def make(
    out: Path,
    effect: str = "demo",
    mechanism: str = "pial",
    seed: int = 0,
    grid: str = "3mm",
    population: str = "aud",
    per_group: int = 100,
    longitudinal: bool = False,
    home: Path | None = None,
    progress: Progress = lambda _what, _done, _total: None,
) -> PhantomCohort:
    """Write a phantom cohort as a BIDS derivative: T1w, label maps, tables, and ``truth.tsv``.

    Args:
        out: a new or empty folder.
        effect: ``demo``, ``literature`` or ``null``.
        mechanism: ``pial`` (only the CSF side of cortex moves) or ``mixed`` (30 % of a loss moves the white surface).
        seed: of the people. 1000 is the training population's alone.
        grid: ``3mm``, ``2mm`` or ``1mm``.
        population: ``aud``, ``ageing`` or ``training``.
        per_group: controls, and people with AUD.
        longitudinal: half of the people get further visits.
        home: keeps the template between calls and lets two processes share it.
        progress: called with (what, done, total).

    Raises:
        UserError: an unknown request, or the folder is not empty, cannot be written, or does not fit the disk.
    """
    seed = TRAINING_SEED if population == "training" else seed
    recipe = Recipe(population, effect, mechanism, seed, grid, per_group, longitudinal)
    visits = recipe.visits()
    frame = grid_called(grid)
    voxels = int(np.prod(frame.shape))
    settings = dict(vars(recipe))
    note = (
        "A phantom: simulated brains with known truth, not people. Anatomy from the ICBM 2009a template and the "
        "Desikan-Killiany atlas. truth.tsv holds the planned volumes and those of the soft fractions (mL)."
    )
    truth = []
    with DatasetWriter(
        out, recipe.name, PHANTOM, settings=settings, readme=note, needed_bytes=bytes_needed(len(visits), voxels)
    ) as writer:
        for index, (visit, (image, anatomy)) in enumerate(zip(visits, _all(recipe, visits, home), strict=True)):
            writer.add(visit.scan(image, frame.affine), labels=anatomy.labels)
            truth.append(_truth_row(recipe, visit, anatomy))
            progress("make phantom", index + 1, len(visits))
        writer.table("truth.tsv", pd.DataFrame(truth))
        writer.text("phantom.json", json.dumps(settings, indent=2, sort_keys=True) + "\n")
    return PhantomCohort.open(out, home)


def _truth_row(recipe: Recipe, visit: Visit, anatomy: Anatomy) -> dict[str, object]:
    who = visit.person
    planned = planned_volumes(who, visit.number, visit.years, recipe.effect)
    row: dict[str, object] = {"participant_id": f"sub-{who.subject}", "session_id": f"ses-{visit.session}"}
    row |= {"icv": who.icv, "shared": who.shared}
    row |= {f"planned_{name}": value for name, value in planned.items()}
    row |= {f"soft_{name}": value for name, value in anatomy.volumes.items()}
    row |= {f"shift_{name}_mm": value for name, value in anatomy.shifts.items()}
    return row


class PhantomCohort(BidsCohort):
    """A phantom cohort on disk, with its oracle."""

    recipe: Recipe
    _template_home: Path | None

    @classmethod
    def open(cls, folder: Path, home: Path | None = None) -> PhantomCohort:
        """Read a folder that `make` wrote.

        Raises:
            UserError: not a phantom, or of another version.
        """
        try:
            settings = json.loads((folder / "phantom.json").read_text())
            recipe = Recipe(**settings)
        except (OSError, ValueError, TypeError) as error:
            msg = f"{folder}: not a phantom cohort ({error}): make one with `pcgm-bench cohort make phantom`"
            raise UserError(msg) from error
        plain = read(folder, home=home, grid=recipe.grid)
        cohort = cls(plain._layout, recipe.grid, home)
        cohort.recipe, cohort._template_home = recipe, home
        return cohort

    def subset(self, subjects: Sequence[str]) -> PhantomCohort:
        """The same cohort, these people only."""
        plain = super().subset(subjects)
        cohort = type(self)(plain._layout, self.grid, self._home)
        cohort.recipe, cohort._template_home = self.recipe, self._template_home
        return cohort

    @cached_property
    def table(self) -> pd.DataFrame:
        """As of any cohort; ``attrs["planted"]`` is the true loss in per cent by lobe."""
        table = BidsCohort.table.func(self)  # type: ignore[attr-defined]
        table.attrs["planted"] = {lobe: -100 * EFFECTS[self.recipe.effect][lobe] for lobe in LOBE_NAMES}
        return table

    @cached_property
    def _visits_by_key(self) -> dict[tuple[str, str], Visit]:
        return {(visit.person.subject, visit.session): visit for visit in self.recipe.visits()}

    @staticmethod
    def training_scans(grid: str, home: Path) -> TrainingScans:
        """The training people's scans, drawn when asked for."""
        from pcgm_bench.cohort.phantom.training import TrainingScans

        return TrainingScans(grid, home)

    def visit(self, scan: Scan) -> Visit:
        """The planned visit behind a scan.

        Raises:
            UserError: a scan of another cohort.
        """
        try:
            return self._visits_by_key[scan.subject, scan.session]
        except KeyError:
            msg = f"{scan.key} is not in {self.name}: the oracle knows only its own people"
            raise UserError(msg) from None

    def truth(self, scan: Scan, do: Do) -> Anatomy:
        """The true anatomy of a scan's person under ``do`` (empty: the factual anatomy)."""
        return anatomy_of(self.recipe, self.visit(scan), do, self._template_home)

    def oracle(self, scan: Scan, do: Do, seed: int | None) -> np.ndarray:
        """The true counterfactual image: same exogenous anatomy and contrast, fresh noise.

        Args:
            scan: one of this cohort's.
            do: the intervention.
            seed: of the noise; None keeps the factual scan's own noise.
        """
        visit = self.visit(scan)
        return render(self.truth(scan, do), visit.person.seed, noise_seed(visit, do, seed))


def ensure(recipe: Recipe, home: Path, progress: Progress) -> PhantomCohort:
    """The cohort of a recipe under ``home/cohorts``, made if it is not there yet."""
    digest = blake2b(json.dumps(vars(recipe), sort_keys=True).encode(), digest_size=4).hexdigest()
    folder = home / "cohorts" / f"{recipe.name}-{digest}"
    if not folder.is_dir():
        make(
            folder, recipe.effect, recipe.mechanism, recipe.seed, recipe.grid, recipe.population, recipe.per_group,
            recipe.longitudinal, home=home, progress=progress,
        )  # fmt: skip
    return PhantomCohort.open(folder, home)


def ensure_default(
    home: Path,
    seed: int,
    quick: bool,
    effect: str,
    grid: str,
    progress: Progress,
    mechanism: str = "pial",
    population: str = "aud",
) -> PhantomCohort:
    """A study's default cohort.

    ``aud``: 100 controls and 100 people with AUD, one visit each. ``ageing``: `ageing_study`. ``synthesis``: 200
    controls. When quick: 20 + 20, 20, and 40 people.
    """
    return ensure(Recipe(population, effect, mechanism, seed, grid, QUICK if quick else 100), home, progress)


def ensure_training(home: Path, grid: str, progress: Progress) -> PhantomCohort:
    """The 400 scans of training controls."""
    return ensure(Recipe("training", "null", "pial", TRAINING_SEED, grid), home, progress)
