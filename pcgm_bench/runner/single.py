"""Outside a study: train a generator, draw new brains, change one scan."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pcgm_bench import registry
from pcgm_bench.cohort import bids
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Do
from pcgm_bench.contracts import Segmenter
from pcgm_bench.contracts import UserError
from pcgm_bench.runner import build
from pcgm_bench.runner.generate import act
from pcgm_bench.runner.generate import checked
from pcgm_bench.runner.readings import Progress
from pcgm_bench.runner.readings import in_native_ml
from pcgm_bench.runner.readings import read_cohort
from pcgm_bench.runner.request import silent
from pcgm_bench.runner.threads import pinned_threads
from pcgm_bench.store import atomic
from pcgm_bench.store.run_folder import locked


@dataclasses.dataclass(frozen=True)
class Settings:
    """What every single use needs.

    Attributes:
        method: registered generator.
        home: see `pcgm_bench.store.home`.
        seed: of everything random.
        weights: folder of weights instead of those found.
        segmenter: registered segmenter.
        device: ``cpu`` or ``cuda``.
        threads: of a tensor operation.
        progress: told (what, done, total).
    """

    method: str
    home: Path
    seed: int = 0
    weights: Path | None = None
    segmenter: str = "unet"
    device: str = "cpu"
    threads: int = 2
    progress: Progress = silent

    def context(self) -> Context:
        """For the generator."""
        return Context(self.seed, self.device, self.threads, self.progress)

    def open_segmenter(self, cohort: Cohort | None) -> Segmenter:
        """The segmenter by its name."""
        return build.open_segmenter(
            self.segmenter, cohort=cohort, folder=None, home=self.home, device=self.device, threads=self.threads
        )


def fit(settings: Settings, cohort: build.CohortRequest, out: Path | None = None) -> Path:
    """Train a generator on a cohort and save its weights; the same command goes on where a killed one stopped.

    Checkpoints and loss logs stay beside the weights, in ``.<method>-training``.

    Args:
        settings: which generator, and where.
        cohort: the training people; an embedded cohort gives its training population.
        out: folder for the weights; ``<home>/weights/<method>`` without.

    Returns:
        The folder of weights, used by later runs if it is in the home folder.

    Raises:
        UserError: the folder cannot be written to, or the method has nothing to train.
    """
    folder = out or settings.home / "weights" / settings.method
    with pinned_threads(settings.threads), locked(folder.parent / f".{folder.name}.lock"):
        generator = registry.get("methods", settings.method)()
        if not build.needs_weights(generator):
            raise UserError(f"{settings.method} has nothing to train: it runs as it is")
        people = build.open_training_cohort(cohort, settings.home, settings.progress)
        read = read_cohort(settings.home, people, settings.open_segmenter(people), settings.progress)
        work = folder.parent / f".{folder.name}-training"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise atomic.cannot_write(folder, error) from error
        generator.fit(read, dataclasses.replace(settings.context(), work=work))
        generator.save(folder)
        build.note_training(folder, cohort.name)
    return folder


def sample(settings: Settings, n: int, grid: str, out: Path) -> list[Path]:
    """Draw new brains and write ``sample-001_T1w.nii.gz`` and so on, one at a time; those that are there stay.

    Raises:
        UserError: the method does not draw brains, ``n`` is not positive, or the folder cannot be written to.
    """
    from pcgm_bench.cohort.grid import grid as named_grid

    if n < 1:
        raise UserError(f"-n {n}: ask for at least one brain")
    affine = named_grid(grid).affine
    with pinned_threads(settings.threads):
        weights = build.find_weights(settings.method, settings.home, settings.weights)
        generator = build.open_generator(settings.method, weights)
        if "sample" not in generator.card.jobs:
            raise UserError(f"{settings.method} does not draw new brains; `pcgm-bench list methods` says who does")
        paths = []
        for index, image in enumerate(generator.sample(n, settings.seed)):
            paths.append(out / f"sample-{index + 1:03d}_T1w.nii.gz")
            atomic.write_nifti(paths[-1], np.asarray(image, np.float32), affine)
            settings.progress("sample", index + 1, n)
    return paths


def counterfactual(
    settings: Settings, path: Path, do: Do, person: Mapping[str, Any], out: Path, cohort: build.CohortRequest
) -> Path:
    """One scan in, one scan out: this person, had ``do`` been true.

    The generator adapts to a cohort first (PCGM learns there what a diagnosis does to volumes), by default to the
    embedded one.

    Args:
        settings: which generator, and where.
        path: a T1w NIfTI file.
        do: ``{"diagnosis": "AUD"}``.
        person: age (years), sex (F or M) and diagnosis of the person as they are.
        out: a NIfTI file to write; it lies where the scan lies.
        cohort: whom to adapt to.

    Raises:
        UserError: the scan cannot be read, or the method does not make counterfactuals.
    """
    with pinned_threads(settings.threads):
        weights = build.find_weights(settings.method, settings.home, settings.weights)
        generator = build.open_generator(settings.method, weights)
        if "counterfactual" not in generator.card.jobs or generator.card.needs_truth:
            raise UserError(f"{settings.method} cannot change a scan; `pcgm-bench list methods` says who can")
        if str(out).removesuffix(".gz").removesuffix(".nii") == str(out):
            raise UserError(f"{out}: name a NIfTI file, such as {out}.nii.gz")
        scan, back = bids.load_scan(path, **person, home=settings.home, grid=cohort.grid)
        act(scan, do)
        people = build.open_cohort(cohort, settings.home, settings.seed, False, settings.progress)
        levels = set(people.table["diagnosis"].astype(str))
        for asked in (scan.diagnosis, do.get("diagnosis", scan.diagnosis)):
            if asked not in levels:
                raise UserError(f"unknown diagnosis {asked!r}{registry.suggestion(str(asked), levels)}")
        segmenter = settings.open_segmenter(people)
        generator.adapt(read_cohort(settings.home, people, segmenter, settings.progress), settings.context())
        settings.progress("segment the scan", 0, 1)
        reading = in_native_ml(segmenter.segment(scan), scan)
        settings.progress("segment the scan", 1, 1)
        scan = dataclasses.replace(scan, segmentation=reading, head_size=reading.head_size)
        image = checked(generator.counterfactual(scan, do, settings.seed), scan, f"{settings.method}, {path.name}")
        native = back(image)
        atomic.write_nifti(out, native.get_fdata(dtype=np.float32), native.affine)
    return out
