"""The phantom as a registered cohort: simulated people, made when they are asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from pcgm_bench.cohort.options import refuse_others
from pcgm_bench.cohort.phantom.anatomy_import import import_anatomies
from pcgm_bench.cohort.phantom.cohort import PhantomCohort
from pcgm_bench.cohort.phantom.make import ensure
from pcgm_bench.cohort.phantom.make import make
from pcgm_bench.cohort.phantom.recipe import FIXED_SIZE
from pcgm_bench.cohort.phantom.recipe import QUICK
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.cohort.phantom.scanners import DEFAULT
from pcgm_bench.cohort.phantom.training import DrawnTrainingScans
from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import CohortSource
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import UserError


class PhantomSource(CohortSource):
    """Simulated people with known truth. Defaults: population ``aud``, effect ``demo``, mechanism ``pial``."""

    name: ClassVar[str] = "phantom"
    title: ClassVar[str] = "simulated people with known truth"
    options: ClassVar[frozenset[str]] = frozenset(
        {"effect", "mechanism", "population", "grid", "scanner", "per_group", "anatomies"}
    )

    def open(self, request: CohortRequest, home: Path, seed: int, quick: bool, progress: Progress) -> PhantomCohort:
        """A study's cohort, made under ``home/cohorts`` if it is not there yet.

        ``aud``: 100 controls and 100 people with AUD, one visit each. ``aging``: `roster.aging_study`. ``synthesis``:
        200 controls. When quick: 20 + 20, 20, and 40 people. With ``per_group`` that many in each group, quick or not.

        Raises:
            UserError: an unknown population, effect, mechanism, grid or scanner, ``maps``, or anatomies that are none.
        """
        recipe = _recipe(request, seed, quick=quick)
        # Last: a wrong word is told before minutes of work.
        return ensure(replace(recipe, anatomies=_anatomies(request, home, progress)), home, progress)

    def planned(self, request: CohortRequest, seed: int, quick: bool) -> pd.DataFrame:
        """The people of `open`: who they are does not depend on the anatomies that they are made from."""
        scans = [visit.scan(np.empty(0), np.eye(4)) for visit in _recipe(request, seed, quick=quick).visits()]
        return pd.DataFrame(
            [(scan.subject, scan.session, scan.age, scan.sex, scan.diagnosis, scan.head_size) for scan in scans],
            columns=["subject", "session", "age", "sex", "diagnosis", "head_size"],
        )

    def open_training(self, request: CohortRequest, home: Path, progress: Progress) -> PhantomCohort:
        """The 400 scans of training controls. They have no disease, so ``effect`` does not change them."""
        return ensure(_training(request, _anatomies(request, home, progress)), home, progress)

    def training_scans(self, grid: str, home: Path) -> DrawnTrainingScans:
        """The same 400 scans, each drawn when it is asked for."""
        return DrawnTrainingScans(grid, home)

    def write(
        self,
        request: CohortRequest,
        out: Path,
        seed: int,
        longitudinal: bool,
        progress: Progress,
        home: Path | None = None,
    ) -> PhantomCohort:
        """Write a cohort into a new folder.

        Args:
            request: population, effect, mechanism, grid, scanner, people in each group, anatomies.
            out: a new or empty folder.
            seed: of the people; the training population has its own.
            longitudinal: further visits for half of the people of ``aud``.
            progress: told (what, done, total).
            home: keeps the phantom's template; None: it is built anew, and one process draws everybody.

        Raises:
            UserError: as `open`, or the folder is not empty or cannot be written.
        """
        recipe = replace(_recipe(request, seed), longitudinal=longitudinal)
        return make(out, replace(recipe, anatomies=_anatomies(request, home, progress)), home, progress)


def _anatomies(request: CohortRequest, home: Path | None, progress: Progress) -> tuple[str, ...]:
    """Keys of the anatomies that are asked for, read into the home folder."""
    if request.anatomies is None:
        return ()
    if home is None:
        raise UserError("--anatomies: their templates need a home folder: give one with --home")
    return import_anatomies(Path(request.anatomies).expanduser(), home, progress)


def _training(request: CohortRequest, anatomies: tuple[str, ...]) -> Recipe:
    return Recipe.training(request.grid, request.scanner or DEFAULT, anatomies)


def _recipe(request: CohortRequest, seed: int, *, quick: bool = False) -> Recipe:
    """What is asked for, but for the anatomies, which take minutes to read."""
    refuse_others(request, PhantomSource.options)
    if request.per_group is not None and request.population in FIXED_SIZE:
        msg = (
            f"--per-group {request.per_group}: the population {request.population} has a size of its own; leave it out"
        )
        raise UserError(msg)
    if request.population == "training":
        return _training(request, ())
    default = Recipe()
    size = QUICK if quick else default.per_group
    return replace(
        default,
        population=request.population or default.population,
        effect=request.effect or default.effect,
        mechanism=request.mechanism or default.mechanism,
        seed=seed,
        grid=request.grid,
        scanner=request.scanner or default.scanner,
        per_group=size if request.per_group is None else request.per_group,
    )
