"""The segmenter's training material: brains in two states of cortex.

Training controls of the phantom, strongly warped strangers, phantoms of real anatomies, and real scans.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.deformation.deform import REGIONS
from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.cohort.phantom.anatomies import built_in_places
from pcgm_bench.cohort.phantom.anatomy import Anatomy
from pcgm_bench.cohort.phantom.anatomy import placed
from pcgm_bench.cohort.phantom.anatomy import shape
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.population import wanted_shape
from pcgm_bench.cohort.phantom.roster import TRAINING_SEED
from pcgm_bench.cohort.phantom.roster import training_controls
from pcgm_bench.cohort.phantom.template import kept_template
from pcgm_bench.cohort.phantom.template import load_template
from pcgm_bench.cohort.phantom.warp import Shape
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import UserError
from pcgm_bench.process import WatchedContext
from pcgm_bench.segmenters.unet.fitting.anatomy_templates import VELOCITY
from pcgm_bench.segmenters.unet.fitting.labelled_scans import LabelledScan
from pcgm_bench.segmenters.unet.fitting.labelled_scans import read_labelled
from pcgm_bench.segmenters.unet.fitting.labelled_scans import states

THINNING = (-0.13, 0.08)
"""Range of the log-change of each lobe between a person's two states."""
STRANGE = (-0.15, 0.12)
VENTRICLE_RANGE_ML = (3.5, 110.0)
PERSON, STRANGER, REAL, SCAN = "person", "stranger", "real", "scan"
PAIRS_EACH = 30
"""Pairs of every real anatomy."""


@dataclass
class Pair:
    """Two brains: fractions ``(2, 12, X, Y, Z)`` uint8 (255 is 1), labels and texture ``(2, X, Y, Z)``.

    ``place`` ``(3, X, Y, Z)``: where in the template (mm) each voxel of the head lies, the same in both; NaN elsewhere.
    """

    fractions: np.ndarray
    labels: np.ndarray
    texture: np.ndarray
    place: np.ndarray
    kind: str = "person"
    """`PERSON`: a training control of the phantom; `STRANGER`: the same, warped more; `REAL`: from a label map; `SCAN`:
    a real scan, and itself with a region deformed."""
    image: np.ndarray | None = None
    """``(2, X, Y, Z)`` float16 of a real scan, with its skull where that is known; None: drawn from the fractions."""
    outside: bool = False
    """Whether ``image`` shows what lies around the brain."""

    def anatomy(self, state: int) -> Anatomy:
        """One of the two brains, to be drawn; its volumes are left out."""
        fractions = self.fractions[state].astype(np.float32) / 255
        return Anatomy(fractions, self.labels[state], {}, self.texture[state].astype(np.float32), {}, {})


@dataclass(frozen=True)
class Job:
    """A piece of the material to be made.

    Attributes:
        kind: as `Pair.kind`.
        index: of its first pair.
        source: folder of an anatomy, or a scan's file.
    """

    kind: str
    index: int
    source: Path | None = None


def _stack(states: list[Anatomy]) -> dict[str, np.ndarray]:
    return {
        "fractions": np.stack([np.round(a.fractions * 255).astype(np.uint8) for a in states]),
        "labels": np.stack([a.labels for a in states]),
        "texture": np.stack([a.texture.astype(np.float16) for a in states]),
    }


def _place(voxel: np.ndarray, where: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Mean template position (mm) of every voxel's points: ``(3, X, Y, Z)`` float16, NaN away from the head."""
    size = int(np.prod(shape))
    count = np.bincount(voxel, minlength=size)
    with np.errstate(invalid="ignore"):
        axes = [np.bincount(voxel, where[:, axis], size) / count for axis in range(3)]
    return np.stack(axes).reshape(3, *shape).astype(np.float16)


def _states(home: Path, index: int, *, strange: bool) -> tuple[list[Anatomy], np.ndarray]:
    """Two states of training scan ``index``: as planned, and rethinned; ``strange`` warps and resizes both."""
    visit = training_controls()[index]
    planned = planned_volumes(visit.person, visit.number, visit.years, "null")
    rng = np.random.default_rng([TRAINING_SEED, 99, index, strange])
    grid = grid_called("3mm")
    wanted = wanted_shape(visit.person)
    form, size = Shape(visit.person.seed, wanted), 1.0
    if strange:
        form, size = Shape(visit.person.seed + 17, None, 1.5), rng.uniform(0.88, 1.0)
    ventricles = planned["ventricles"] * (np.exp(rng.normal(0.2, 0.35)) if strange else 1.0)
    ventricles = float(np.clip(ventricles, *VENTRICLE_RANGE_ML))
    surfaces = placed(load_template(home), grid, form, visit.person.icv * size, ventricles)
    ranges = [STRANGE if strange else (0.0, 0.0), THINNING]
    # Lobes scale with a smaller head, so that cortex keeps a possible thickness.
    base = {lobe: volume * size**0.85 for lobe, volume in planned.items()}
    states = [shape(surfaces, grid, {k: v * np.exp(rng.uniform(*r)) for k, v in base.items()}) for r in ranges]
    return states, _place(surfaces.points.voxel, surfaces.points.where, grid.shape)


def states_of_anatomy(folder: Path, index: int) -> tuple[list[Anatomy], np.ndarray]:
    """Two states of a real anatomy, bent and resized: its own cortex, thinned or thickened at random.

    Args:
        folder: of `anatomy_templates.keep_anatomies`.
        index: says how it is bent, resized and thinned.

    Returns:
        The states, and `Pair.place`.

    Raises:
        UserError: this head does not fit the grid, or its cortex cannot be brought to the drawn volumes.
    """
    template, velocity = kept_template(folder, is_average=False), np.load(folder / VELOCITY)
    rng = np.random.default_rng([TRAINING_SEED, 98, index])
    grid = grid_called("3mm")
    icv = float(np.exp(rng.normal(np.log(1380), 0.1)))
    natural = (template.ventricle > 0).sum() / 1000 / template.volume * icv
    ventricles = float(np.clip(natural * np.exp(rng.normal(0, 0.35)), *VENTRICLE_RANGE_ML))
    surfaces = placed(template, grid, Shape(int(rng.integers(2**31))), icv, ventricles)
    lobes = surfaces.lobe_volumes(*surfaces.edges(np.zeros(6), np.zeros(6)))
    states = []
    for _ in range(2):
        planned = {lobe: v * np.exp(rng.uniform(*STRANGE)) for lobe, v in zip(LOBE_NAMES, lobes, strict=True)}
        states.append(shape(surfaces, grid, planned))
    there = built_in_places(surfaces.points.where, velocity)
    return states, _place(surfaces.points.voxel, there, grid.shape)


def _arrays(home: Path, job: Job) -> dict[str, np.ndarray]:
    """One pair of phantoms."""
    if job.source is None:
        made, place_ = _states(home, job.index, strange=job.kind == STRANGER)
    else:
        made, place_ = states_of_anatomy(job.source, job.index)
    return {**_stack(made), "place": place_}


def _arrays_of_scan(scan: LabelledScan, index: int) -> dict[str, np.ndarray]:
    fractions, images = states(scan, index)
    return {
        "fractions": np.round(fractions * 255).astype(np.uint8),
        "labels": np.zeros(images.shape, np.int16),
        "texture": np.zeros(images.shape, np.float16),
        "place": scan.place.astype(np.float16),
        "image": images.astype(np.float16),
        "outside": np.array(scan.with_skull),
    }


def _write(task: tuple[Path, Path, Job]) -> list[str]:
    """Make what a job says where it is not there yet; what cannot be made, and why."""
    torch.set_num_threads(1)
    folder, home, job = task
    count = len(REGIONS) if job.kind == SCAN else 1
    missing = [k for k in range(job.index, job.index + count) if not (folder / f"{job.kind}{k:03d}.npz").exists()]
    if not missing:
        return []
    faults = []
    try:
        scan = read_labelled(job.source, home) if job.kind == SCAN and job.source is not None else None
    except UserError as error:
        return [str(error)]
    for index in missing:
        path = folder / f"{job.kind}{index:03d}.npz"
        try:
            arrays = _arrays(home, job) if scan is None else _arrays_of_scan(scan, index)
        except UserError as error:  # a change that this head cannot have: the material does without it
            faults.append(f"{path.stem}: {error}")
            continue
        part = path.with_suffix(".part.npz")
        np.savez(part, allow_pickle=False, **arrays)
        part.replace(path)
    return faults


def make_pairs(
    folder: Path, home: Path, anatomies: Sequence[Path], scans: Sequence[Path], progress: Progress
) -> list[Pair]:
    """The training pairs, made in two processes where they are not there yet (10 minutes with AVX-512, 6 GB).

    Args:
        folder: where to keep them; interrupted work goes on.
        home: keeps the phantom's template.
        anatomies: folders of `anatomy_templates.keep_anatomies`.
        scans: from `labelled_scans.scans_in`.
        progress: told (what, done, total).
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = len(training_controls())
    jobs = [Job(PERSON, i) for i in range(count)] + [Job(STRANGER, i) for i in range(0, count, 4)]
    for number, anatomy in enumerate(anatomies):
        jobs += [Job(REAL, PAIRS_EACH * number + i, anatomy) for i in range(PAIRS_EACH)]
    jobs += [Job(SCAN, len(REGIONS) * number, scan) for number, scan in enumerate(scans)]
    load_template(home)
    with ProcessPoolExecutor(2, WatchedContext()) as pool:
        for done, faults in enumerate(pool.map(_write, [(folder, home, job) for job in jobs], chunksize=1)):
            for fault in faults:
                print(fault, flush=True)
            progress("make training pairs", done + 1, len(jobs))
    return [read_pair(path) for path in sorted(folder.glob("*.npz")) if ".part" not in path.name]


def read_pair(path: Path) -> Pair:
    """The pair in a file of `make_pairs`."""
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in ("fractions", "labels", "texture", "place")}
        image = stored["image"] if "image" in stored.files else None
        outside = "outside" in stored.files and bool(stored["outside"])
    return Pair(**arrays, kind=path.stem[:-3], image=image, outside=outside)
