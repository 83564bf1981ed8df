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
from pcgm_bench.cohort.phantom.cohort import PhantomCohort
from pcgm_bench.cohort.phantom.draw import draw
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.cohort.phantom.roster import Visit
from pcgm_bench.cohort.phantom.scanners import DEFAULT
from pcgm_bench.cohort.phantom.template import load_template
from pcgm_bench.cohort.write import DatasetWriter
from pcgm_bench.cohort.write import bytes_needed
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import silent
from pcgm_bench.process import WatchedContext
from pcgm_bench.store.closure import code_digest
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
    load_template(home)
    with ProcessPoolExecutor(WORKERS, WatchedContext()) as pool:
        yield from pool.map(_draw_job, jobs)


def make(out: Path, recipe: Recipe, home: Path | None = None, progress: Progress = silent) -> PhantomCohort:
    """Write a phantom cohort as a BIDS derivative: T1w, label maps, tables, and ``truth.tsv``.

    Args:
        out: a new or empty folder.
        recipe: what the people and images follow from.
        home: keeps the template between calls and lets two processes share it.
        progress: told (what, done, total).

    Raises:
        UserError: the folder is not empty, cannot be written, or does not fit the disk.
    """
    visits = recipe.visits()
    frame = grid_called(recipe.grid)
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
        for index, (visit, (image, anatomy)) in enumerate(zip(visits, _draw_all(recipe, visits, home), strict=True)):
            columns = {} if recipe.scanner == DEFAULT else {"scanner": recipe.scanner_name(visit.person.subject)}
            writer.add(visit.scan(image, frame.affine), labels=anatomy.labels, columns=columns)
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


def ensure(recipe: Recipe, home: Path, progress: Progress = silent) -> PhantomCohort:
    """The cohort of a recipe under ``home/cohorts``, made if it is not there yet."""
    # The code that draws people is in the name: an edit never meets an older cohort's images.
    name = digest([vars(recipe), code_digest(draw)])[:8]
    folder = home / "cohorts" / f"{recipe.name}-{name}"
    if not folder.is_dir():
        with locked(folder.parent / f".{folder.name}.lock", wait=True, progress=progress):
            if not folder.is_dir():  # another process may have made it meanwhile
                make(folder, recipe, home, progress)
    return PhantomCohort.open(folder, home)
