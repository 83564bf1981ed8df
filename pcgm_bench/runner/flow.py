"""A run from end to end: cohort -> weights -> readings -> counterfactuals, fold by fold -> scores and tables."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import time
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pcgm_bench import __version__
from pcgm_bench import registry
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import Segmenter
from pcgm_bench.contracts import UserError
from pcgm_bench.runner import build
from pcgm_bench.runner import scoring
from pcgm_bench.runner.axioms import axioms_of
from pcgm_bench.runner.axioms import write_chains
from pcgm_bench.runner.generate import Fold
from pcgm_bench.runner.generate import plan
from pcgm_bench.runner.given import generator_of
from pcgm_bench.runner.given import present
from pcgm_bench.runner.helpers import EVERYTHING
from pcgm_bench.runner.helpers import Share
from pcgm_bench.runner.helpers import helpers
from pcgm_bench.runner.images import TRAINING
from pcgm_bench.runner.images import Features
from pcgm_bench.runner.images import image_metrics
from pcgm_bench.runner.images import image_scores
from pcgm_bench.runner.images import not_possible
from pcgm_bench.runner.images import real_rows
from pcgm_bench.runner.readings import Progress
from pcgm_bench.runner.readings import ReadCohort
from pcgm_bench.runner.readings import Unread
from pcgm_bench.runner.readings import read_cohort
from pcgm_bench.runner.readings import read_share
from pcgm_bench.runner.readings import segmenter_digest
from pcgm_bench.runner.request import Request
from pcgm_bench.runner.request import silent
from pcgm_bench.runner.threads import pinned_threads
from pcgm_bench.runner.training import TrainingSets
from pcgm_bench.runner.training import learnt_from
from pcgm_bench.runner.volumes import refitter
from pcgm_bench.runner.volumes import volume_row
from pcgm_bench.runner.work import cannot
from pcgm_bench.runner.work import check_takes_images
from pcgm_bench.runner.work import job_of
from pcgm_bench.runner.work import open_work
from pcgm_bench.runner.work import possible
from pcgm_bench.store import Identity
from pcgm_bench.store import RunFolder
from pcgm_bench.store import Stage
from pcgm_bench.store.manifest import Session
from pcgm_bench.store.manifest import peak_rss_mib
from pcgm_bench.store.manifest import start_session


def run(request: Request, progress: Progress = silent) -> scoring.Scored:
    """Do, or finish, or just look up, one run.

    Raises:
        UserError: anything the user can mend; what was made stays, and the same command goes on from there.
    """
    started = time.monotonic()
    study = registry.get("studies", request.study)
    if request.given is not None:
        check_takes_images(study)
    _take_given(request)
    # Before minutes go into a cohort: is there such a method, can it do anything here, is it trained?
    card = build.method(request.method).card
    if (reason := cannot(card, study)) and not ("volumes" in card.jobs and hasattr(study, "volume_rows")):
        raise UserError(f"{reason}: it cannot run {request.study}")
    build.open_generator(request.method, build.find_weights(request.method, request.home, request.weights))
    with pinned_threads(request.threads):
        job = _Job(request, progress)
        with job.folder.working():
            session = start_session(request.device)
            try:
                scored, worked = job.execute()
                session = session.model_copy(update={"complete": True, "made": job.made})
            except BaseException:
                job.note_session(session.model_copy(update={"made": job.made}), started)
                raise
            if worked:
                job.note_session(session, started)
    return scored


def _read(request: Request, share: Share) -> None:
    """A helper's share of the readings."""
    with pinned_threads(request.threads):
        cohort, segmenter = _people(request, registry.get("studies", request.study), silent)
        read_share(request.home, cohort, segmenter, lambda: None, share)


def _make(request: Request, share: Share) -> None:
    """A helper's share of the images."""
    _take_given(request)
    with pinned_threads(request.threads):
        job = _Job(request, silent)
        cohort = read_cohort(request.home, job.cohort, job.segmenter, silent)
        job.make_images(cohort, job.plan(cohort, check=False)[0], share, lambda: None)


def _take_given(request: Request) -> None:
    if request.given is not None:
        build.GIVEN[request.method] = generator_of(request.given)


def _people(request: Request, study: Any, progress: Progress) -> tuple[Cohort, Segmenter]:
    cohort = build.open_people(study, request.cohort, request.home, request.seed, request.quick, progress)
    segmenter = build.open_segmenter(
        request.segmenter,
        cohort=cohort,
        folder=request.segmentations,
        home=request.home,
        device=request.device,
        threads=request.threads,
    )
    return cohort, segmenter


class _Job:
    """The pieces of one run, and the order they are used in."""

    def __init__(self, request: Request, progress: Progress) -> None:
        self.request, self.progress = request, progress
        self.study = study = registry.get("studies", request.study)()
        self.work = open_work(study, request.seed, request.quick)
        metrics = image_metrics(study)  # before minutes go into images: are they all there?
        if request.qc_threshold is not None and not any(one.asks_for("threshold") for one in metrics):
            raise UserError(f"--qc-threshold: the study {request.study} has no metric that asks for one; leave it out")
        self.axioms = axioms_of(study)
        self.cohort, self.segmenter = _people(request, study, progress)
        told = {"score": self.segmenter.qc_score, "threshold": request.qc_threshold}
        self.image_metrics = [one.telling(**told) for one in metrics]
        self.made = 0
        rows = list(study.rows(request.method))
        volume_rows: list[str] = list(study.volume_rows(request.method)) if hasattr(study, "volume_rows") else []
        self.volume_rows = volume_rows
        self.image_rows = [request.method, *(row for row in rows if row not in volume_rows)]
        self.skipped: dict[str, str] = {}
        # Rows that will run, the method's own first if it makes images, each with its folder of weights.
        self.weights = {row: self._weights(row) for row in self.image_rows if self._can_run(row)}
        # Asked only where a metric wants to know: it is part of what the scores depend on.
        wanted = any(one.metric.record.inputs == TRAINING for one in self.image_metrics)
        weights = self.weights if wanted else {}
        self.learnt = {row: learnt_from(row, folder, request.cohort.name) for row, folder in weights.items()}
        # A method may have volumes to say and no images to show: then only its volume rows are scored.
        self.method_weights = build.find_weights(request.method, request.home, request.weights)
        says_volumes = bool(volume_rows) and "volumes" in build.method(request.method).card.jobs
        if request.method not in self.weights and not says_volumes:
            raise UserError(f"{self.skipped[request.method]}: it cannot run {request.study}")
        self.folder = RunFolder.open(request.home, self._identity())

    def execute(self) -> tuple[scoring.Scored, bool]:
        """Make what is missing; returns the result and whether anything was."""
        request = self.request
        helped = partial(self._helped, _read) if request.workers > 1 else None
        cohort = read_cohort(request.home, self.cohort, self.segmenter, self.progress, helped)
        table = cohort.table
        folds = self.study.folds(table, request.seed)
        measurements = scoring.real_measurements(cohort)
        plans, remarks = self.plan(cohort)
        stages = {row: self.folder.stage(row) for row in self.weights}
        asked = {row: self.row_plan(row, plans) for row in stages}
        self._image_rows(cohort, plans, asked, stages)
        for row, stage in stages.items():
            read = self.work.measurements(row, cohort, asked[row], stage)
            measurements += [one for one in read if one.volumes]
        measurements += self._volume_rows(cohort, folds)
        examples = self.work.examples(cohort, plans, stages)
        measured = scoring.write_measurements(self.folder, measurements)
        chained = write_chains(self.folder, asked, stages)
        metrics = [*self.image_metrics, *self.axioms.metrics]
        warnings = [*getattr(self.cohort, "notes", ()), *remarks, *self.study.warnings(table, self.cohort)]
        stamp = scoring.scored_by(
            self.study,
            measured,
            seed=request.seed,
            quick=request.quick,
            skipped=self.skipped,
            image_metrics={one.name: one.source for one in metrics},
            **({"learnt": {row: dataclasses.astuple(one) for row, one in self.learnt.items()}} if self.learnt else {}),
            **chained,
        )
        stored = self.folder.scores
        if stored is not None and stored["scored_by"] == stamp:
            tables = scoring.study_tables(self.study, stored)
            done = scoring.Scored(self.folder, tables, stored["warnings"], self.skipped, self.made, examples)
            return done, self.made > 0
        images = self._image_scores(cohort, asked, stages, measurements)
        scores = build.call_with(
            self.study.score,
            measurements=measurements,
            table=table,
            seed=request.seed,
            quick=request.quick,
            progress=self.progress,
            images=images,
            axioms=self.axioms.scores(cohort, asked, stages, request.seed),
            records={one.name: one.record for one in metrics},
            **self._refitting(cohort, folds),
        )
        content = {
            "scored_by": stamp,
            "metrics": {one.name: one.metric.record.version for one in metrics},
            "is_phantom": self.cohort.is_phantom,
            "skipped": self.skipped | not_possible(images),
            "warnings": warnings,
            "scores": scores,
        }
        tables = scoring.write_scores(self.folder, self.study, content)
        return scoring.Scored(self.folder, tables, warnings, self.skipped, self.made, examples), True

    def note_session(self, session: Session, started: float) -> None:
        """Add this process to the manifest."""
        done = session.model_copy(
            update={
                "wall_seconds": round(time.monotonic() - started, 2),
                "peak_rss_mib": round(peak_rss_mib(self.request.workers), 1),
            }
        )
        manifest = self.folder.manifest
        identity = self.folder.identity
        hashes = {"cohort": identity.cohort_hash, "segmenter": identity.segmenter, **identity.generators}
        update = {"sessions": [*manifest.sessions, done], "hashes": hashes}
        self.folder.write_manifest(manifest.model_copy(update=update))

    def plan(self, cohort: ReadCohort, *, check: bool = True) -> tuple[list[Fold], list[str]]:
        """What is asked of whom, fold by fold, and remarks; cut to the images that are given, if they are.

        ``check`` reads every given image first; processes that help need not do it again.
        """
        folds, given = self.work.plan(cohort), self.request.given
        if given is None:
            return folds, []
        pattern = cohort[0] if check else None
        return present(folds, build.GIVEN[self.request.method], given, pattern, job_of(self.study))

    def row_plan(self, row: str, plans: Sequence[Fold]) -> list[Fold]:
        """What a row's generator can be asked of it."""
        return possible(build.method(row).card, self.study, plans)

    def make_images(self, cohort: ReadCohort, plans: Sequence[Fold], share: Share, count: Callable[[], object]) -> None:
        """Every missing image of a share of all rows, row by row."""
        for row, weights in self.weights.items():
            stage, folds = self.folder.stage(row), self.row_plan(row, plans)
            if not all(stage.is_done(unit) for fold in folds for unit in fold.units):
                generator = build.open_generator(row, weights)
                context = self._context(row, generator)
                segmenter = self.segmenter if self._can_read(row) else Unread()
                self.work.make(row, generator, cohort, folds, segmenter, stage, context, count, share)

    def _image_rows(
        self,
        cohort: ReadCohort,
        plans: Sequence[Fold],
        asked: Mapping[str, Sequence[Fold]],
        stages: Mapping[str, Stage],
    ) -> None:
        units = {row: [unit for fold in folds for unit in fold.units] for row, folds in asked.items()}
        before = {row: stage.count_done(units[row]) for row, stage in stages.items()}

        def count() -> None:
            done = {row: stage.count_done(units[row]) for row, stage in stages.items()}
            self.made = sum(done.values()) - sum(before.values())
            for row, number in done.items():
                if number != reported[row]:
                    self.progress(f"{self.work.what}, {row}", number, len(units[row]))
            reported.update(done)

        reported = dict.fromkeys(stages, 0)
        if sum(before.values()) < sum(map(len, units.values())) and self.request.workers > 1:
            with self._helped(_make, count) as share:
                self.make_images(cohort, plans, share, count)
        self.make_images(cohort, plans, EVERYTHING, count)
        count()

    def _image_scores(
        self,
        cohort: ReadCohort,
        asked: Mapping[str, Sequence[Fold]],
        stages: Mapping[str, Stage],
        measurements: Sequence[Measurement],
    ) -> dict[str, dict[str, Any]]:
        request, study, seed = self.request, self.study, self.request.seed
        features = Features(request.home, request.device, request.threads, request.workers, self.progress)
        held_out = real_rows(study, cohort.table, seed)
        spaces = getattr(study, "feature_spaces", ())
        training = TrainingSets(cohort, held_out, self.learnt, spaces, features, request.cohort.grid, seed)
        return image_scores(self.image_metrics, study, cohort, asked, stages, measurements, features, training)

    def _helped(
        self, target: Callable[..., None], waiting: Callable[[], object]
    ) -> contextlib.AbstractContextManager[Share]:
        return helpers(self.request.workers, target, self.request, waiting=waiting)

    def _volume_rows(self, cohort: ReadCohort, folds: Sequence[Any]) -> list[Measurement]:
        """The method's rows without images: labels as they are, permuted for the fit only, permuted for everything."""
        method = self.request.method
        if not self.volume_rows:
            return []
        generator = build.open_generator(method, self.method_weights)
        if "volumes" not in generator.card.jobs:
            self.skipped |= dict.fromkeys(self.volume_rows, f"{method} does not say which volumes it aims at")
            return []
        labels = self.study.permuted(cohort.table, self.request.seed)["diagnosis"].astype(str).to_list()
        permuted = cohort.relabelled(labels)
        designs = [(cohort, cohort), (permuted, cohort), (permuted, permuted)]
        measurements = []
        for row, (train, asked) in zip(self.volume_rows, designs, strict=True):
            plans = plan(asked, self.study.interventions(asked.table), folds)
            context = self._context(row, generator)
            volumes = volume_row(row, generator, train, asked, plans, self.folder, context)
            measurements += scoring.volume_measurements(row, asked, plans, volumes)
        return measurements

    def _refitting(self, cohort: ReadCohort, folds: Sequence[Any]) -> dict[str, Any]:
        """What the study needs to refit the method in its bootstrap, if the method is quick enough for it.

        A generator says how often it can be fitted again in its optional attribute ``refit_replicates``.
        """
        method = self.request.method
        if "refitter" not in inspect.signature(self.study.score).parameters:
            return {}
        generator = build.open_generator(method, self.method_weights)
        replicates = int(getattr(generator, "refit_replicates", 0))
        if not replicates or "volumes" not in generator.card.jobs:
            return {}
        context = self._context(method, generator)
        refit = refitter(generator, cohort, folds, self.study.interventions, context)
        return {"refitter": refit, "replicates": replicates}

    def _context(self, row: str, generator: Generator) -> Context:
        oracle = getattr(self.cohort, "oracle", None) if generator.card.needs_truth else None
        request = self.request
        return Context(request.seed, request.device, request.threads, self.progress, oracle)

    def _can_run(self, row: str) -> bool:
        """Whether a row's generator can do the study's job here; if not, the reason is kept."""
        try:
            card = build.method(row).card
        except UserError as error:
            if row == self.request.method:
                raise
            self.skipped[row] = str(error)
            return False
        if reason := cannot(card, self.study):
            self.skipped[row] = reason
        elif card.needs_truth and not hasattr(self.cohort, "oracle"):
            self.skipped[row] = f"{row} needs the truth, which {self.cohort.name} does not have"
        elif not self._can_read(row) and job_of(self.study) == "counterfactual":
            self.skipped[row] = (
                f"this run makes the images of {row}; {self.segmenter.name!r} knows only images measured before"
            )
        return row not in self.skipped

    def _can_read(self, row: str) -> bool:
        """Whether the segmenter can read a row's images; what was measured elsewhere is of given images only."""
        is_given = self.request.given is not None and row == self.request.method
        return is_given or getattr(self.segmenter, "reads_new_images", True)

    def _weights(self, row: str) -> Path | None:
        asked = self.request.weights if row == self.request.method else None
        found = build.find_weights(row, self.request.home, asked)
        if found is None:
            build.open_generator(row, None)
        return found

    def _identity(self) -> Identity:
        request = self.request
        generators = {request.method: self.method_weights, **self.weights}
        return Identity(
            method=request.method,
            generators={row: build.generator_digest(row, weights) for row, weights in generators.items()},
            study=request.study,
            study_version=str(self.study.version),
            cohort=self.cohort.name,
            cohort_hash=self.cohort.content_hash,
            segmenter=segmenter_digest(self.segmenter),
            seed=request.seed,
            quick=request.quick,
            device=request.device.partition(":")[0],
            threads=request.threads,
            package=__version__,
        )
