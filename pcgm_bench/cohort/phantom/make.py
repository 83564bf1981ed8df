"""Write phantom cohorts as BIDS folders, and keep the default ones in the home folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from hashlib import blake2b
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

from pcgm_bench.cohort.bids import PHANTOM
from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.cohort.phantom.anatomy import Anatomy
from pcgm_bench.cohort.phantom.cohort import PhantomCohort
from pcgm_bench.cohort.phantom.draw import draw
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.recipe import QUICK
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.cohort.phantom.roster import TRAINING_SEED
from pcgm_bench.cohort.phantom.roster import Visit
from pcgm_bench.cohort.phantom.template import load_template
from pcgm_bench.cohort.write import DatasetWriter
from pcgm_bench.cohort.write import bytes_needed
from pcgm_bench.process import exit_with_parent

Progress = Callable[[str, int, int], None]
WORKERS = 2


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
