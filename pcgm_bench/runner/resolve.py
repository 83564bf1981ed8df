"""The request's names as things that can be used: before minutes are spent, is all of it there?"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pcgm_bench import registry
from pcgm_bench.cohort.bids_source import BidsSource
from pcgm_bench.cohort.options import FLAGS
from pcgm_bench.cohort.options import given_options
from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import CohortSource
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import PluginError
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import SegmenterOptions
from pcgm_bench.contracts import Study
from pcgm_bench.contracts import UserError
from pcgm_bench.runner import segmentation
from pcgm_bench.runner.calling import calling
from pcgm_bench.runner.generators import GeneratorSpec
from pcgm_bench.runner.generators import find_generator
from pcgm_bench.runner.grid_check import check_grid_of_method
from pcgm_bench.runner.grid_check import check_grid_of_segmenter
from pcgm_bench.runner.harness_code import harness_digest
from pcgm_bench.runner.image_folder import image_folder_spec
from pcgm_bench.runner.metric_uses import OpenMetrics
from pcgm_bench.runner.metric_uses import open_metrics
from pcgm_bench.runner.plugin_code import plugin_code
from pcgm_bench.runner.plugin_code import plugin_dependencies
from pcgm_bench.runner.request import RunRequest
from pcgm_bench.runner.segmentation import Ruler
from pcgm_bench.runner.wrapped_cohort import coded
from pcgm_bench.store import digest
from pcgm_bench.store.closure import code_digest
from pcgm_bench.store.environment import Environment

if TYPE_CHECKING:
    import pandas as pd

CANNOT = {
    Job.COUNTERFACTUAL: "does not make counterfactual images",
    Job.SAMPLE: "does not draw new brains",
    Job.REGIONS: "cannot change the volume of a region on request",
}


@dataclass(frozen=True)
class Setup:
    """A request whose names have been looked up.

    Attributes:
        request: the user's.
        study: the protocol.
        study_plugin: where it comes from.
        rows: of the study, in the order of its tables.
        specs: row -> its generator, of the rows that can run; real scans have none.
        skipped: row -> why it does not run.
        metrics: what is measured on images.
        environment: libraries and processor of this process, with what the method imports besides.
    """

    request: RunRequest
    study: Study
    study_plugin: registry.Plugin
    rows: tuple[Row, ...]
    specs: Mapping[str, GeneratorSpec]
    skipped: Mapping[str, str]
    metrics: OpenMetrics
    environment: Environment
    code: str

    @property
    def method(self) -> GeneratorSpec:
        """The method's generator, whichever of its rows can run."""
        return next(spec for spec in self.specs.values() if spec.name == self.request.method)

    @property
    def image_rows(self) -> list[Row]:
        """Rows whose images this run makes: the method first, since its errors matter first."""
        runnable = [row for row in self.rows if row.makes_images and row.name in self.specs]
        return sorted(runnable, key=lambda row: row.name != self.request.method)

    @property
    def volume_rows(self) -> list[Row]:
        """Rows without images that can run."""
        return [row for row in self.rows if not row.makes_images and row.name in self.specs]


def find_study(name: str) -> tuple[Study, registry.Plugin]:
    """A study that generators run through.

    Raises:
        UserError: unknown name, or a study that people carry out.
        PluginError: it cannot be made.
    """
    plugin = registry.find("studies", name)
    cls = plugin.load()
    if not issubclass(cls, Study):
        raise UserError(f"{name} is a study that people carry out; see `pcgm-bench reader export --help`")
    with calling(plugin, "making it"):
        study: Study = cls()
    return study, plugin


def resolve(request: RunRequest) -> Setup:
    """Look up every name of a request.

    Raises:
        UserError: unknown names, a method that cannot do the study's job or has no weights, options that mean nothing.
        PluginError: a plugin that cannot be used.
    """
    study, plugin = find_study(request.study)
    if request.expect and request.expect not in study.expectations:
        known = f"use {' or '.join(study.expectations)}" if study.expectations else f"study {request.study} has none"
        raise UserError(f"--expect {request.expect}: no such pattern; {known}")
    if request.image_folder is not None:
        registry.check_name(request.method, "--name")
    else:
        registry.get("methods", request.method)  # before its rows are listed: its name may be reserved
    rows = tuple(_rows(study, plugin, request.method))
    if request.image_folder is not None:
        registry.check_name(request.method, "--name", [row.name for row in rows if row.name != request.method])
    specs: dict[str, GeneratorSpec] = {}
    skipped: dict[str, str] = {}
    for row in rows:
        if not row.generator:
            continue
        is_method = row.generator == request.method
        try:
            spec = _spec(row, request, plugin, specs)
            reason = _cannot(spec.card, study, row)
        except (UserError, PluginError) as error:
            if is_method:
                raise
            reason = str(error)
        if reason:
            skipped[row.name] = reason
        else:
            specs[row.name] = spec
    if not any(row.generator == request.method for row in rows if row.name in specs):
        raise UserError(f"{skipped.get(request.method, request.method)}: it cannot run {request.study}")
    find_cohort(request.cohort)
    spec = next(spec for spec in specs.values() if spec.name == request.method)
    _check_grid(request, spec)
    metrics = open_metrics(study, plugin, request)
    ruler = registry.find("segmenters", request.segmenter)
    depends = {**spec.dependencies, **metrics.dependencies, **plugin_dependencies(plugin, type(study))}
    environment = Environment.current(request.device, {**depends, **plugin_dependencies(ruler, ruler.load())})
    digests = {row: spec.digest for row, spec in specs.items()}
    codes = [plugin_code(plugin, type(study)), plugin_code(ruler, ruler.load())]
    code = digest([digests, codes, harness_digest()])[:16]
    return Setup(request, study, plugin, rows, specs, skipped, metrics, environment, code)


def _rows(study: Study, plugin: registry.Plugin, method: str) -> list[Row]:
    with calling(plugin, "listing its rows"):
        rows = list(study.rows(method))
        names = [row.name for row in rows]
        if len(set(names)) < len(names) or method not in names:
            raise ValueError(f"rows {names}: each name once, and the method's among them")
        registry.check_rows(names)
    return rows


def _spec(row: Row, request: RunRequest, study: registry.Plugin, known: Mapping[str, GeneratorSpec]) -> GeneratorSpec:
    if (same := next((spec for spec in known.values() if spec.name == row.generator), None)) is not None:
        return same
    if row.generator != request.method:
        return find_generator(row.generator, request.home, of=study.distribution)
    if request.image_folder is not None:
        return image_folder_spec(request.image_folder, request.method)
    return find_generator(request.method, request.home, request.weights, settings=request.settings)


def _check_grid(request: RunRequest, spec: GeneratorSpec) -> None:
    """Refuse a grid that the segmenter or the method cannot work on, before people are made on it."""
    check_grid_of_segmenter(request.cohort.grid, request.segmenter)
    with spec.guarded("making it"):
        generator = spec.build()
    check_grid_of_method(request.cohort.grid, generator)


def _cannot(card: Card, study: Study, row: Row) -> str:
    """Why a generator cannot fill a row; empty if it can."""
    if not row.makes_images:
        return "" if Job.VOLUMES in card.jobs else f"{card.name} does not say which volumes it aims at"
    for job in (study.job, *sorted(study.needs)):
        if job not in card.jobs:
            does = ", ".join(sorted(card.jobs))
            return f"{card.name} {CANNOT.get(job, f'does not do the job {job!r}')} (it does: {does})"
    return ""


def find_cohort(request: CohortRequest) -> tuple[CohortSource, registry.Plugin | None]:
    """Where a cohort comes from: a registered source, or a BIDS folder.

    Raises:
        UserError: neither a registered cohort nor a folder, or an option that the cohort does not have.
    """
    names = {plugin.name for plugin in registry.plugins("cohorts")}
    if request.name in names:
        plugin = registry.find("cohorts", request.name)
        cls = plugin.load()
        with calling(plugin, "making it"):
            source: CohortSource = cls()
    elif Path(request.name).expanduser().is_dir():
        source, plugin = BidsSource(), None
    else:
        raise UserError(f"no cohort and no folder is called {request.name!r}{registry.suggestion(request.name, names)}")
    for option in given_options(request):
        if option not in source.options:
            raise UserError(f"{FLAGS[option]}: the cohort {request.name!r} has no such option; leave it out")
    return source, plugin


def open_cohort(request: CohortRequest, home: Path, seed: int, quick: bool, progress: Progress) -> Cohort:
    """A registered cohort (made if it is not there yet) or a folder of scans; raises as `find_cohort`."""
    source, plugin = find_cohort(request)
    with contextlib.nullcontext() if plugin is None else calling(plugin, "opening it"):
        cohort = source.open(request, home, seed, quick, progress)
    return coded(cohort, source, plugin)


def open_training(request: CohortRequest, home: Path, progress: Progress) -> Cohort:
    """The people to train on; raises as `find_cohort`, or UserError where there are none."""
    source, plugin = find_cohort(request)
    with contextlib.nullcontext() if plugin is None else calling(plugin, "opening its training people"):
        cohort = source.open_training(request, home, progress)
    return coded(cohort, source, plugin)


def planned_people(setup: Setup) -> pd.DataFrame | None:
    """The table of the cohort that `open_people` will make; None where nobody knows it before; raises likewise."""
    request = setup.request
    people = study_request(setup.study, request.cohort)
    source, plugin = find_cohort(people)
    with contextlib.nullcontext() if plugin is None else calling(plugin, "planning its people"):
        return source.planned(people, request.seed, request.quick)


def open_people(setup: Setup, progress: Progress) -> Cohort:
    """The cohort of a run: of the population that the study is about, if the cohort has populations."""
    request = setup.request
    people = study_request(setup.study, request.cohort)
    return open_cohort(people, request.home, request.seed, request.quick, progress)


def study_request(study: Study, request: CohortRequest) -> CohortRequest:
    """The request with the population that a study is about."""
    return replace(request, population=study.population or request.population)


def open_ruler(name: str, options: SegmenterOptions) -> Ruler:
    """The segmenter of a run.

    Raises:
        UserError: unknown name, or something that it needs is missing or damaged.
        PluginError: it cannot be made.
    """
    plugin = registry.find("segmenters", name)
    cls = plugin.load()
    with calling(plugin, "opening it"):
        segmenter = cls.open(options)
        identity = segmenter.identity
    now = Environment.current(options.device, plugin_dependencies(plugin, cls))
    environment = digest(now.model_dump(mode="json"))[:8]
    # The harness's own code too: it brings volumes into native mL, and says what is stored.
    code = digest([plugin_code(plugin, cls), code_digest(segmentation)])[:12]
    return Ruler(segmenter, plugin, f"{identity}-{code}", environment, options.home)


def usable_rows(setup: Setup, cohort: Cohort, ruler: Ruler) -> Setup:
    """The same without rows that this cohort or this segmenter rules out.

    Raises:
        UserError: the method's own row is among them.
    """
    specs, skipped = dict(setup.specs), dict(setup.skipped)
    asks_regions = Job.REGIONS in setup.study.needs
    knows_truth = cohort.has_region_truth if asks_regions else cohort.has_truth
    for row in setup.rows:
        if row.name not in specs:
            continue
        spec, reason = specs[row.name], ""
        if spec.card.needs_truth and not knows_truth:
            reason = f"{row.name} needs the truth, which {cohort.name} does not have"
        elif row.makes_images and not can_measure(setup, row, ruler) and setup.study.job is Job.COUNTERFACTUAL:
            reason = (
                f"this run makes the images of {row.name}; {ruler.segmenter.name!r} knows only images measured before"
            )
        if reason:
            specs.pop(row.name)
            skipped[row.name] = reason
    if not any(spec.name == setup.request.method for spec in specs.values()):
        reasons = [skipped[row.name] for row in setup.rows if row.generator == setup.request.method]
        raise UserError(f"{'; '.join(dict.fromkeys(reasons))}: it cannot run {setup.request.study}")
    return replace(setup, specs=specs, skipped=skipped)


def can_measure(setup: Setup, row: Row, ruler: Ruler) -> bool:
    """Whether the segmenter can measure a row's images; what was measured elsewhere is of an image folder only."""
    is_folder = setup.request.image_folder is not None and row.name == setup.request.method
    return is_folder or ruler.segmenter.reads_new_images
