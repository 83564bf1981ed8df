"""Time and memory of all synthesis metrics over stored volumes: ``python tools/scale_benchmark.py N [FOLDER]``.

N real against N made volumes of 56 x 64 x 56 voxels, each a NIfTI file of its own: phantom people of seed 10 with fresh
noise and another contrast. Reading, features in both spaces of the study, and every metric of images and features with
its interval, two images at a time, nothing kept from before. Prints one row of a Markdown table.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from pcgm_bench import registry
from pcgm_bench.allocator import keep_freed_memory
from pcgm_bench.cohort.phantom.make import ensure
from pcgm_bench.cohort.phantom.recipe import QUICK
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.contracts import FeatureSets
from pcgm_bench.contracts import ImageSets
from pcgm_bench.features.cache import features_of
from pcgm_bench.runner.lazy_images import Images
from pcgm_bench.store import atomic
from pcgm_bench.store.home import default_home

POOL = 40


def read(path: Path) -> np.ndarray:
    """One stored volume."""
    return atomic.read_nifti(path, np.float32, "remove it and run again")[0]


def stored(folder: Path, n: int, seed: int) -> Images:
    """Write ``n`` volumes that were not there, and say where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    people = ensure(Recipe(seed=10, per_group=QUICK), default_home())
    paths = [folder / f"{i:04d}.nii.gz" for i in range(n)]
    for i, path in enumerate(paths):
        if not path.exists():
            rng = np.random.default_rng([seed, i])
            scan = people[int(rng.integers(min(POOL, len(people))))]
            image = scan.image ** rng.uniform(0.9, 1.1) + rng.normal(0, 0.02, scan.image.shape) * (scan.image > 0)
            atomic.write_nifti(path, np.maximum(image, 0).astype(np.float32), scan.affine)
    return Images([partial(read, path) for path in paths], scratch=folder.parent)


def main() -> None:
    """Measure and print."""
    keep_freed_memory()
    n = int(sys.argv[1])
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(tempfile.mkdtemp())
    real, made = stored(folder / "real", n, 1), stored(folder / "made", n, 2)
    study = registry.get("studies", "synthesis")
    spent: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as home:
        sets = {}
        for space in study.feature_spaces:
            begin = time.perf_counter()
            extractor = registry.get("features", space).open()
            sets[space] = FeatureSets(*(features_of(each, extractor, Path(home), workers=2) for each in (real, made)))
            spent[space] = time.perf_counter() - begin
    begin = time.perf_counter()
    for metric in (registry.get("metrics", name)() for name in study.metrics):
        if metric.inputs is FeatureSets:
            for features in sets.values():
                metric.measure(features)
        if metric.inputs is ImageSets:
            metric.measure(ImageSets(real, made))
    spent["metrics"] = time.perf_counter() - begin
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    steps = " | ".join(f"{seconds:.0f}" for seconds in spent.values())
    print(f"| {n} + {n} | {steps} | {sum(spent.values()):.0f} | {memory:.2f} |")


if __name__ == "__main__":
    main()
