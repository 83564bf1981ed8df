"""Outside a study: train a generator, draw new brains, change one scan, segment one image."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import nibabel as nib
import numpy as np

from pcgm_bench import registry
from pcgm_bench.cohort import bids
from pcgm_bench.cohort.grid import grid as named_grid
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import SegmenterOptions
from pcgm_bench.contracts import UserError
from pcgm_bench.contracts import silent
from pcgm_bench.contracts.settings import changed_settings
from pcgm_bench.contracts.settings import read_settings
from pcgm_bench.nifti.writing import check_name
from pcgm_bench.plugin_guard import guarded
from pcgm_bench.runner.generators import configured
from pcgm_bench.runner.generators import find_generator
from pcgm_bench.runner.generators import weights_label
from pcgm_bench.runner.generators import who_can
from pcgm_bench.runner.grid_check import check_grid_of_method
from pcgm_bench.runner.grid_check import check_grid_of_segmenter
from pcgm_bench.runner.plugin_code import plugin_code
from pcgm_bench.runner.request import MethodRequest
from pcgm_bench.runner.resolve import open_cohort
from pcgm_bench.runner.resolve import open_ruler
from pcgm_bench.runner.resolve import open_training
from pcgm_bench.runner.row_work import act
from pcgm_bench.runner.row_work import checked
from pcgm_bench.runner.row_work import draw
from pcgm_bench.runner.segmentation import Ruler
from pcgm_bench.runner.segmentation import segment_cohort
from pcgm_bench.runner.threads import pinned_threads
from pcgm_bench.store import atomic
from pcgm_bench.store import digest
from pcgm_bench.store.environment import Environment
from pcgm_bench.store.locks import locked
from pcgm_bench.store.weights import WeightsNote
from pcgm_bench.store.weights import saved_at
from pcgm_bench.store.weights import write_weights


@dataclasses.dataclass(frozen=True)
class Person:
    """Somebody as they are: age in years, sex (``F`` or ``M``), and diagnosis."""

    age: float
    sex: str
    diagnosis: str


def ruler_of(request: MethodRequest, cohort: Cohort | None = None) -> Ruler:
    """The segmenter of a request."""
    options = SegmenterOptions(request.home, cohort, request.segmentations, request.device, request.threads)
    return open_ruler(request.segmenter, options)


def fit(request: MethodRequest, out: Path | None = None, progress: Progress = silent, processes: int = 1) -> Path:
    """Train a generator on the training people of a cohort, and keep its weights.

    Args:
        request: the method and the people: an embedded cohort's training population, or a folder of scans.
        out: folder for the weights; ``<home>/weights/<method>`` without, ``<method>-paper`` for another configuration.
        progress: told (what, done, total).
        processes: side by side, one a GPU, for a method that can share its batch.

    Returns:
        The folder of weights. Training keeps checkpoints beside it: the same call goes on from there.

    Raises:
        UserError: the method has nothing to train, a setting is unknown or training does not depend on it, or the
            folder cannot be written to.
        PluginError: the method fails.
    """
    plugin = registry.find("methods", request.method)
    cls = plugin.load()
    if not cls.card.needs_weights:
        raise UserError(f"{request.method} has nothing to train: it runs as it is")
    settings = read_settings(cls.settings_type, request.settings, request.method)
    changed = changed_settings(settings)
    if idle := sorted(set(changed) - cls.training_settings):
        depends = ", ".join(sorted(cls.training_settings)) or "none"
        what = f"training {request.method} does not depend on it (it depends on: {depends})"
        raise UserError(f"--set {idle[0]}={changed[idle[0]]}: {what}; give it where images are made")
    folder = out or request.home / "weights" / f"{plugin.name}{weights_label(cls, changed)}"
    work = folder.parent / f".{folder.name}-training"
    lock, before = folder.parent / f".{folder.name}.lock", saved_at(folder)
    with pinned_threads(request.threads), locked(lock, work=digest(repr(request)), progress=progress) as waited:
        if waited and saved_at(folder) != before:
            return folder  # another process has trained the same meanwhile
        with guarded(plugin, "making it"):
            generator = configured(cls, settings)
            generator.to(request.device)
        check_grid_of_segmenter(request.cohort.grid, request.segmenter)
        check_grid_of_method(request.cohort.grid, generator)
        people = open_training(request.cohort, request.home, progress)
        segmented = segment_cohort(people, ruler_of(request, people), progress)
        try:
            work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise atomic.cannot_write(work, error) from error
        context = Context(request.seed, request.device, request.threads, progress, work=work, processes=processes)
        with guarded(plugin, "training"):
            generator.fit(segmented, context)
        note = WeightsNote(
            method=request.method,
            trained_on=request.cohort.name,
            grid=request.cohort.grid,
            code=plugin_code(plugin, cls),
            environment=Environment.current(request.device),
        )

        def save(into: Path) -> None:
            with guarded(plugin, "saving its weights"):
                generator.save(into)

        write_weights(folder, save, note)
    return folder


def sample(request: MethodRequest, n: int, out: Path, progress: Progress = silent) -> list[Path]:
    """Draw new brains and write ``sample-001_T1w.nii.gz`` and so on, one at a time.

    Raises:
        UserError: the method does not draw brains, ``n`` is not positive, or the folder cannot be written to.
        PluginError: the method fails, or draws something that is no image.
    """
    if n < 1:
        raise UserError(f"-n {n}: ask for at least one brain")
    frame = named_grid(request.cohort.grid)
    pattern = Scan("sample", "", np.zeros(frame.shape, np.float32), frame.affine, float("nan"), "", "")
    with pinned_threads(request.threads):
        spec = find_generator(request.method, request.home, request.weights, settings=request.settings)
        if Job.SAMPLE not in spec.card.jobs:
            raise UserError(f"{request.method} does not draw new brains; {who_can(Job.SAMPLE)}")
        if spec.card.is_control:
            raise UserError(f"{request.method} is a control: it needs the people of a study to draw from")
        generator = spec.open(request.device)
        check_grid_of_method(request.cohort.grid, generator)
        paths = []
        for index in range(n):
            with spec.guarded(f"drawing brain {index + 1}"):
                image = draw(generator, request.seed, index, pattern)
            paths.append(out / f"sample-{index + 1:03d}_T1w.nii.gz")
            atomic.write_nifti(paths[-1], image, frame.affine)
            progress("sample", index + 1, n)
    return paths


def counterfactual(
    request: MethodRequest,
    path: Path,
    do: Intervention,
    person: Person,
    out: Path,
    progress: Progress = silent,
) -> Path:
    """One scan in, one scan out: `changed_image`, written to a NIfTI file.

    Raises:
        UserError: as `changed_image`, or ``out`` is no NIfTI file's name, or cannot be written.
        PluginError: the method fails.
    """
    check_name(out)
    image = changed_image(request, path, do, person, progress)
    atomic.write_image(out, image)
    return out


def changed_image(
    request: MethodRequest, path: Path, do: Intervention, person: Person, progress: Progress = silent
) -> nib.Nifti1Image:
    """This person, had ``do`` been true.

    The generator adapts to a cohort first (PCGM learns there what a diagnosis does to volumes), by default to the
    embedded one.

    Args:
        request: which generator, and whom it adapts to.
        path: a T1w NIfTI file.
        do: ``{"diagnosis": "AUD"}``.
        person: as they are.
        progress: told (what, done, total).

    Returns:
        The image, on the scan's own grid, with its affine and codes.

    Raises:
        UserError: the scan cannot be read, or the method does not make counterfactuals.
        PluginError: the method fails.
    """
    with pinned_threads(request.threads):
        spec = find_generator(request.method, request.home, request.weights, settings=request.settings)
        if Job.COUNTERFACTUAL not in spec.card.jobs or spec.card.needs_truth:
            raise UserError(f"{request.method} cannot change a scan; {who_can(Job.COUNTERFACTUAL)}")
        check_grid_of_segmenter(request.cohort.grid, request.segmenter)
        generator = spec.open(request.device)
        check_grid_of_method(request.cohort.grid, generator)
        scan, back = bids.load_scan(
            path, person.age, person.sex, person.diagnosis, home=request.home, grid=request.cohort.grid
        )
        act(scan, do)
        people = open_cohort(request.cohort, request.home, request.seed, False, progress)
        levels = set(people.table["diagnosis"].astype(str))
        for asked in (scan.diagnosis, do.get("diagnosis", scan.diagnosis)):
            if asked not in levels:
                raise UserError(f"unknown diagnosis {asked!r}{registry.suggestion(str(asked), levels)}")
        ruler = ruler_of(request, people)
        segmented = segment_cohort(people, ruler, progress)
        with spec.guarded(f"adapting to {people.name}"):
            generator.adapt(segmented, Context(request.seed, request.device, request.threads, progress))
        progress("segment the scan", 0, 1)
        segmentation = ruler.measure(scan, voxels=True)
        progress("segment the scan", 1, 1)
        scan = dataclasses.replace(scan, segmentation=segmentation, head_size=segmentation.head_size)
        with spec.guarded(f"changing {path.name}"):
            image = checked(generator.counterfactual(scan, do, request.seed), scan)
        return back(image)
