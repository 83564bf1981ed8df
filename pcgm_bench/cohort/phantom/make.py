"""Write phantom cohorts as BIDS folders, and keep the default ones in the home folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from pcgm_bench.cohort.bids import PHANTOM
from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.cohort.phantom.anatomy import Anatomy
from pcgm_bench.cohort.phantom.cohort import SETTINGS
from pcgm_bench.cohort.phantom.cohort import STAMP
from pcgm_bench.cohort.phantom.cohort import PhantomCohort
from pcgm_bench.cohort.phantom.draw import draw
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.cohort.phantom.roster import Visit
from pcgm_bench.cohort.phantom.scanners import DEFAULT
from pcgm_bench.cohort.phantom.templates import anatomy_key
from pcgm_bench.cohort.phantom.templates import template_for
from pcgm_bench.cohort.write import DatasetWriter
from pcgm_bench.cohort.write import bytes_needed
from pcgm_bench.cohort.write import check_target
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import silent
from pcgm_bench.process import WatchedContext
from pcgm_bench.store.closure import code_digest
from pcgm_bench.store.environment import Environment
from pcgm_bench.store.identity import digest
from pcgm_bench.store.locks import locked

WORKERS = 2


def _draw_job(job: tuple[Recipe, Visit, Path | None]) -> tuple[np.ndarray, Anatomy]:
    import torch

    torch.set_num_threads(1)
    return draw(*job)


def _draw_all(recipe: Recipe, visits: Sequence[Visit], home: Path | None) -> Iterator[tuple[np.ndarray, Anatomy]]:
    jobs = [(recipe, visit, home) for visit in visits]
    if home is None or len(visits) < 8:
        yield from map(_draw_job, jobs)
        return
    template_for(recipe, visits[0].person, home)  # built once, not by every worker
    with ProcessPoolExecutor(WORKERS, WatchedContext()) as pool:
        yield from pool.map(_draw_job, jobs)


def make(out: Path, recipe: Recipe, home: Path | None = None, progress: Progress = silent) -> PhantomCohort:
    """Write a phantom cohort as a BIDS derivative: T1w, label maps, tables, and ``truth.tsv``.

    Killed, the same call goes on where it stopped. While another process writes the same folder, it waits; a folder
    that holds this cohort already, whole and by this code, is left as it is.

    Args:
        out: a new or empty folder.
        recipe: what the people and images follow from.
        home: keeps the template between calls and lets two processes share it.
        progress: told (what, done, total).

    Raises:
        UserError: the folder is not empty, cannot be written, or does not fit the disk.
    """
    visits = recipe.visits()
    stamp = _stamp(recipe)
    space = bytes_needed(len(visits), int(np.prod(grid_called(recipe.grid).shape)))
    if not _holds(out, stamp):
        check_target(out, space)
        lock = out.absolute().parent / f".{out.absolute().name}.lock"
        with locked(lock, wait=True, progress=progress):
            if not _holds(out, stamp):  # another process may have made it meanwhile
                _write(out, recipe, stamp, space, home, progress)
            # Whoever waits for this file finds the cohort whole, whichever lock they hold.
            lock.unlink(missing_ok=True)
    return PhantomCohort.open(out, home)


def _stamp(recipe: Recipe) -> str:
    """Of the recipe and the code that draws people: an edit never meets an older cohort's images."""
    return digest([vars(recipe), code_digest(draw)])


def _holds(out: Path, stamp: str) -> bool:
    """Whether a folder is the cohort of a stamp; a cohort gets its name when it is whole."""
    try:
        return bool(json.loads((out / SETTINGS).read_text())[STAMP] == stamp)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _write(out: Path, recipe: Recipe, stamp: str, space: int, home: Path | None, progress: Progress) -> None:
    """Draw whoever is not there yet, and give the whole its name."""
    visits, settings, affine = recipe.visits(), dict(vars(recipe)), grid_called(recipe.grid).affine
    source = "the ICBM 2009a template and the Desikan-Killiany atlas"
    if recipe.anatomies:
        source = f"{len(recipe.anatomies)} label maps of real people: shared only as those may be"
    note = (
        f"A phantom: simulated brains with known truth, not people. Anatomy from {source}. "
        "truth.tsv holds the planned volumes and those of the soft fractions (mL)."
    )
    # Scans of two environments differ in the eighth digit: they are not mixed.
    begun = digest([stamp, Environment.current().model_dump(mode="json")])
    truth = []
    with DatasetWriter(
        out, recipe.name, PHANTOM, settings=settings, readme=note, needed_bytes=space, stamp=begun
    ) as writer:
        keys = [visit.scan(np.empty(0), affine).key for visit in visits]
        missing = [visit for visit, key in zip(visits, keys, strict=True) if not writer.has(key)]
        drawn = _draw_all(recipe, missing, home)
        for index, (visit, key) in enumerate(zip(visits, keys, strict=True)):
            if writer.has(key):
                truth.append(writer.take(key))
            else:
                image, anatomy = next(drawn)
                truth.append(_truth_row(recipe, visit, anatomy, home))
                columns = {} if recipe.scanner == DEFAULT else {"scanner": recipe.scanner_name(visit.person.subject)}
                scan = visit.scan(image, affine)
                writer.add(scan, labels=anatomy.labels, columns=columns, note=truth[-1])
            progress("make phantom", index + 1, len(visits))
        writer.table("truth.tsv", pd.DataFrame(truth))
        writer.text(SETTINGS, json.dumps({**settings, STAMP: stamp}, indent=2, sort_keys=True) + "\n")


def _truth_row(recipe: Recipe, visit: Visit, anatomy: Anatomy, home: Path | None) -> dict[str, object]:
    who = visit.person
    planned = planned_volumes(who, visit.number, visit.years, recipe.effect)
    row: dict[str, object] = {"participant_id": f"sub-{who.subject}", "session_id": f"ses-{visit.session}"}
    row |= {"icv": who.icv, "shared": who.shared}
    row |= {"anatomy": anatomy_key(recipe, who, home)} if recipe.anatomies else {}
    row |= {f"planned_{name}": value for name, value in planned.items()}
    row |= {f"soft_{name}": value for name, value in anatomy.volumes.items()}
    row |= {f"shift_{name}_mm": value for name, value in anatomy.shifts.items()}
    return row


def ensure(recipe: Recipe, home: Path, progress: Progress = silent) -> PhantomCohort:
    """The cohort of a recipe under ``home/cohorts``, made if it is not there yet; waits for who is making it."""
    folder = home / "cohorts" / f"{recipe.name}-{_stamp(recipe)[:8]}"
    return PhantomCohort.open(folder, home) if folder.is_dir() else make(folder, recipe, home, progress)
