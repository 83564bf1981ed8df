"""The segmenter's training material: every training control in two states of cortex, and strongly warped strangers."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.cohort.phantom.anatomy import Anatomy
from pcgm_bench.cohort.phantom.anatomy import placed
from pcgm_bench.cohort.phantom.anatomy import shape
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.roster import TRAINING_SEED
from pcgm_bench.cohort.phantom.roster import training_controls
from pcgm_bench.cohort.phantom.surfaces import Surfaces
from pcgm_bench.cohort.phantom.template import load_template
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import UserError
from pcgm_bench.process import WatchedContext

THINNING = (-0.13, 0.08)
"""Range of the log-change of each lobe between a person's two states."""
STRANGE = (-0.15, 0.12)
VENTRICLE_RANGE_ML = (3.5, 110.0)


@dataclass
class Pair:
    """Two brains: fractions ``(2, 12, X, Y, Z)`` uint8 (255 is 1), labels and texture ``(2, X, Y, Z)``.

    ``place`` ``(3, X, Y, Z)``: where in the template (mm) each voxel of the head lies, the same in both; NaN elsewhere.
    """

    fractions: np.ndarray
    labels: np.ndarray
    texture: np.ndarray
    place: np.ndarray
    strange: bool = False
    """Warped more strongly than people are."""


def _stack(states: list[Anatomy]) -> dict[str, np.ndarray]:
    return {
        "fractions": np.stack([np.round(a.fractions * 255).astype(np.uint8) for a in states]),
        "labels": np.stack([a.labels for a in states]),
        "texture": np.stack([a.texture.astype(np.float16) for a in states]),
    }


def _place(surfaces: Surfaces, shape: tuple[int, ...]) -> np.ndarray:
    """Mean template position (mm) of every voxel's points: ``(3, X, Y, Z)`` float16, NaN away from the head."""
    points = surfaces.points
    size = int(np.prod(shape))
    count = np.bincount(points.voxel, minlength=size)
    with np.errstate(invalid="ignore"):
        axes = [np.bincount(points.voxel, points.where[:, axis], size) / count for axis in range(3)]
    return np.stack(axes).reshape(3, *shape).astype(np.float16)


def _states(home: Path, index: int, *, strange: bool) -> tuple[list[Anatomy], np.ndarray]:
    """Two states of training scan ``index``: as planned, and rethinned; ``strange`` warps and resizes both."""
    visit = training_controls()[index]
    planned = planned_volumes(visit.person, visit.number, visit.years, "null")
    rng = np.random.default_rng([TRAINING_SEED, 99, index, strange])
    grid = grid_called("3mm")
    size, strength, seed = (
        (rng.uniform(0.88, 1.0), 1.5, visit.person.seed + 17) if strange else (1, 1, visit.person.seed)
    )
    ventricles = planned["ventricles"] * (np.exp(rng.normal(0.2, 0.35)) if strange else 1.0)
    ventricles = float(np.clip(ventricles, *VENTRICLE_RANGE_ML))
    surfaces = placed(load_template(home), grid, seed, visit.person.icv * size, ventricles, strength)
    ranges = [STRANGE if strange else (0.0, 0.0), THINNING]
    # Lobes scale with a smaller head, so that cortex keeps a possible thickness.
    base = {lobe: volume * size**0.85 for lobe, volume in planned.items()}
    states = [shape(surfaces, grid, {k: v * np.exp(rng.uniform(*r)) for k, v in base.items()}) for r in ranges]
    return states, _place(surfaces, grid.shape)


def _write(job: tuple[Path, Path, int, bool]) -> str:
    import torch

    torch.set_num_threads(1)
    folder, home, index, strange = job
    path = folder / f"{index:03d}{'s' if strange else ''}.npz"
    if not path.exists():
        try:
            states, place_ = _states(home, index, strange=strange)
            arrays = {**_stack(states), "place": place_}
        except UserError as error:  # a thinning that this head cannot have: the material does without it
            return f"{path.stem}: {error}"
        part = path.with_suffix(".part.npz")
        np.savez(part, allow_pickle=False, **arrays)
        part.replace(path)
    return ""


def make_pairs(folder: Path, home: Path, progress: Progress) -> list[Pair]:
    """The training pairs, made in two processes where they are not there yet (6 minutes with AVX-512, 4 GB).

    Args:
        folder: where to keep them; interrupted work goes on.
        home: keeps the phantom's template.
        progress: told (what, done, total).
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = len(training_controls())
    jobs = [(folder, home, i, False) for i in range(count)] + [(folder, home, i, True) for i in range(0, count, 4)]
    load_template(home)
    with ProcessPoolExecutor(2, WatchedContext()) as pool:
        for done, _ in enumerate(pool.map(_write, jobs, chunksize=4)):
            progress("make training pairs", done + 1, len(jobs))
    pairs = []
    for path in sorted(path for path in folder.glob("*.npz") if ".part" not in path.name):
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in ("fractions", "labels", "texture", "place")}
        pairs.append(Pair(**arrays, strange=path.stem.endswith("s")))
    return pairs
