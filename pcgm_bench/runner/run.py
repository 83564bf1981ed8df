"""A run from end to end: request -> plan -> people -> segmentations -> images -> scores -> tables."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from pcgm_bench.contracts import Job
from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import PluginError
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import silent
from pcgm_bench.plugin_guard import guarded
from pcgm_bench.results.frame import people_frame
from pcgm_bench.results.frame import records_frame
from pcgm_bench.results.scores import Scores
from pcgm_bench.runner.chains import write_chains
from pcgm_bench.runner.evidence import Made
from pcgm_bench.runner.evidence import gather_evidence
from pcgm_bench.runner.examples import Example
from pcgm_bench.runner.examples import everybody
from pcgm_bench.runner.examples import examples
from pcgm_bench.runner.executors.interface import Step
from pcgm_bench.runner.executors.local import local_helpers
from pcgm_bench.runner.fold_notes import said_of_method
from pcgm_bench.runner.fold_plan import FoldPlan
from pcgm_bench.runner.fold_plan import plan_folds
from pcgm_bench.runner.image_metrics import not_possible
from pcgm_bench.runner.images import context_of
from pcgm_bench.runner.images import make_images
from pcgm_bench.runner.left_out import leave_out
from pcgm_bench.runner.measurements import image_measurements
from pcgm_bench.runner.measurements import real_measurements
from pcgm_bench.runner.measurements import volume_measurements
from pcgm_bench.runner.measurements import write_measurements
from pcgm_bench.runner.mending import mended
from pcgm_bench.runner.people import Helped
from pcgm_bench.runner.people import People
from pcgm_bench.runner.people import find_people
from pcgm_bench.runner.people import plan_people
from pcgm_bench.runner.people import segment_people
from pcgm_bench.runner.plan import write_plan
from pcgm_bench.runner.quality_gate import naming
from pcgm_bench.runner.quality_pictures import draw_poor
from pcgm_bench.runner.request import EVERYTHING
from pcgm_bench.runner.request import RunRequest
from pcgm_bench.runner.resolve import resolve
from pcgm_bench.runner.rows import RowPlace
from pcgm_bench.runner.rows import basis_of
from pcgm_bench.runner.rows import identity_of
from pcgm_bench.runner.rows import row_places
from pcgm_bench.runner.scoring import Basis
from pcgm_bench.runner.scoring import finished_elsewhere
from pcgm_bench.runner.scoring import score
from pcgm_bench.runner.scoring import scored_by
from pcgm_bench.runner.scoring import scoring_code
from pcgm_bench.runner.scoring import store_scores
from pcgm_bench.runner.scoring import stored_scores
from pcgm_bench.runner.scoring import study_tables
from pcgm_bench.runner.scoring import who_learnt
from pcgm_bench.runner.scoring import write_tables
from pcgm_bench.runner.segmentation import segmentation_folder
from pcgm_bench.runner.segmented_cohort import SegmentedCohort
from pcgm_bench.runner.sessions import Started
from pcgm_bench.runner.sessions import note_session
from pcgm_bench.runner.sessions import start
from pcgm_bench.runner.sources import write_sources
from pcgm_bench.runner.steps import make_share
from pcgm_bench.runner.threads import pinned_threads
from pcgm_bench.runner.volume_rows import volume_row
from pcgm_bench.store import DerivativeFolder
from pcgm_bench.store import RunFolder
from pcgm_bench.store import digest
from pcgm_bench.tables import Table

log = logging.getLogger(__name__)


@dataclass(frozen=True, repr=False)
class RunResult:
    """What came out of a run.

    Attributes:
        folder: where it is stored.
        scores: its records, and what belongs beside them.
        tables: of the study, the overview first.
        made: images made by this process; 0 when everything came from the store.
        images: every image that was asked for, beside its factual scan; read when asked.
        failure: why there are no images of the method itself; empty where there are.
    """

    folder: RunFolder
    scores: Scores
    tables: Sequence[Table]
    made: int = 0
    images: Sequence[Example] = ()
    failure: str = ""

    @property
    def examples(self) -> Sequence[Example]:
        """A few images to look at."""
        return examples(self.images)

    def __repr__(self) -> str:
        """Short, for notebooks: what was run, and where it is."""
        identity = self.folder.identity
        numbers = len(self.scores.records)
        return f"RunResult({identity.method} in {identity.study}, {numbers} numbers, {self.folder.root})"

    def to_frame(self) -> pd.DataFrame:
        """Every number of the run, one a row."""
        return records_frame(self.scores.records)

    def people(self) -> pd.DataFrame:
        """The numbers of single people, one a row; people are text."""
        return people_frame(self.scores.records)


def run(request: RunRequest, progress: Progress = silent, workers: int = 1) -> RunResult:
    """Do, or finish, or just look up, one run.

    Args:
        request: what the user asks for.
        progress: told (what, done, total).
        workers: processes that make images side by side; no image depends on how many.

    Raises:
        UserError: anything the user can mend; what was made stays, and the same command goes on from there.
        PluginError: a study, cohort or segmenter fails. A generator that fails leaves its row empty, with the reason.
    """
    started = time.monotonic()
    # Before minutes go into a cohort: is there such a method, can it do anything here, is it trained?
    setup = resolve(request)
    with pinned_threads(request.threads):
        people = find_people(setup, progress)
        identity = identity_of(people.setup, people.cohort, people.ruler)
        stored = RunFolder.place(request.home, identity)
        if (scores := finished_elsewhere(stored, people.setup)) is not None:
            log.warning("%s: finished on another kind of processor; shown as it was stored", stored.root.name)
            return RunResult(stored, scores, study_tables(setup.study, scores))
        if request.image_folder is not None:
            _check_images(people, progress, workers)
        folder = RunFolder.open(request.home, identity)
        # What is finished can be read where nothing can be written.
        with folder.working(progress) if os.access(folder.root, os.W_OK) else contextlib.nullcontext():
            session = start(people.setup, started, workers)
            work = _Work(people, folder, progress, workers)
            try:
                result, worked = mended(work.carry_out, work.pieces)
            except BaseException:
                work.note(session, complete=False)
                raise
            if worked:
                work.note(session, complete=True)
    return result


def _check_images(people: People, progress: Progress, workers: int) -> None:
    """Look at images that were made elsewhere: those that are refused leave no run behind."""
    helped = _helped(people, workers, Step.SEGMENTATIONS)
    factual = segmentation_folder(people.cohort, people.ruler)
    stay, segmented, poor = mended(lambda: segment_people(people, progress, helped), lambda: [factual])
    with naming(poor):
        plan_people(stay, segmented, check=True)


@dataclass
class _Work:
    """One run under way.

    Attributes:
        opened: everybody, before poor scans are left out.
        folder: of the run.
        progress: told (what, done, total).
        workers: processes.
        people: of the run.
        made: images made so far.
        places: row -> folder of its images, once that is known.
    """

    opened: People
    folder: RunFolder
    progress: Progress
    workers: int
    people: People = field(init=False)
    made: int = 0
    places: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Nobody has been left out yet."""
        self.people = self.opened

    def note(self, session: Started, *, complete: bool) -> None:
        """Add the session to the run's manifest."""
        note_session(self.folder, session, self.people.setup, self.places, made=self.made, complete=complete)

    def pieces(self) -> list[DerivativeFolder]:
        """Where everything lies that the work has met so far."""
        factual = segmentation_folder(self.opened.cohort, self.opened.ruler)
        return [factual, *map(DerivativeFolder, self.places.values())]

    def carry_out(self) -> tuple[RunResult, bool]:
        """Make what is missing; returns the result and whether anything was."""
        setup, helped = self.opened.setup, _helped(self.opened, self.workers, Step.SEGMENTATIONS)
        self.people, cohort, poor = segment_people(self.opened, self.progress, helped)
        people = self.people
        draw_poor(poor, self.opened.cohort, cohort.folder, self.folder.root / "quality")
        with naming(poor):
            folds, remarks = plan_people(people, cohort, check=False)
        places = row_places(setup, people.cohort, people.ruler, folds, self.folder)
        self.places = {row: place.folder.root for row, place in places.items()}
        failed = self._images(cohort, places)
        volumes, failed_volumes = self._volume_rows(cohort)
        failed |= failed_volumes
        left = leave_out({row: place for row, place in places.items() if row not in failed})
        failed |= left.failed
        kept = left.places
        measurements = self._measurements(cohort, kept) + volumes
        plans = {row: place.plans for row, place in kept.items()}
        folders = {row: place.folder for row, place in kept.items()}
        missing = {**setup.skipped, **failed}
        learnt = who_learnt(setup)
        basis = Basis(
            measurements=write_measurements(self.folder, measurements),
            chains=write_chains(self.folder, plans, folders),
            rows={row: _made_from(row_plans) for row, row_plans in plans.items()},
            learnt=learnt,
            missing=missing,
            left_out=left.images,
        )
        images = everybody(setup.study, cohort, folds, plans, folders, setup.request.seed)
        failure = failed.get(setup.request.method, "")
        stamp = scored_by(code := scoring_code(setup), basis)
        if (scores := stored_scores(self.folder, stamp)) is not None:
            with guarded(setup.study_plugin, "making its tables"):
                tables = write_tables(self.folder, setup.study, scores)
            return RunResult(self.folder, scores, tables, self.made, images, failure), self.made > 0
        self.folder.check_environment(setup.environment)
        made = Made(cohort, kept, measurements, missing, learnt, self._folds(cohort))
        evidence = gather_evidence(people, made, self.progress, self.workers)
        records = score(setup, evidence)
        with guarded(setup.study_plugin, "warning of the cohort"):
            said = list(setup.study.warnings(cohort.table, people.cohort))
        scores = Scores(
            scored_by=stamp,
            code=code,
            made_from=write_sources(self.folder, cohort, kept),
            study=setup.request.study,
            study_version=str(setup.study.version),
            is_phantom=people.cohort.is_phantom,
            rows=list(setup.rows),
            skipped=missing | not_possible(evidence.images),
            left_out=list(left.images),
            poor_scans={scan.key: scan.reason for scan in poor},
            poor_scans_kept=setup.request.keep_poor_scans,
            method=said_of_method(people.setup.method, self.places.get(setup.request.method), len(folds)),
            warnings=[*people.cohort.notes, *remarks, *left.remarks, *said],
            metrics={name: use.identity for name, use in evidence.uses.items()},
            records=records,
        )
        with guarded(setup.study_plugin, "making its tables"):
            tables = store_scores(self.folder, setup, scores)
        return RunResult(self.folder, scores, tables, self.made, images, failure), True

    def _images(self, cohort: SegmentedCohort, places: Mapping[str, RowPlace]) -> dict[str, str]:
        """Make every missing image; returns the rows that failed, and why."""
        wanted = {row: [request for fold in place.plans for request in fold.requests] for row, place in places.items()}
        before = {row: place.folder.count_done(wanted[row]) for row, place in places.items()}
        reported, made_before = dict.fromkeys(places, 0), self.made
        waiting = {row: list(requests) for row, requests in wanted.items()}
        what = "new brains" if self.people.setup.study.job is Job.SAMPLE else "counterfactuals"

        def count(last: str = "") -> None:
            """Look up to the row ``last``; "" looks at all, which after every image would take long."""
            for row, place in places.items():
                # What is done stays done: it need not be looked at again.
                waiting[row] = [request for request in waiting[row] if not place.folder.is_done(request)]
                if row == last:
                    break
            done = {row: len(wanted[row]) - len(waiting[row]) for row in places}
            self.made = made_before + sum(done.values()) - sum(before.values())
            for row, number in done.items():
                if number != reported[row]:
                    self.progress(f"{what}, {row}", number, len(wanted[row]))
            reported.update(done)

        make = partial(make_images, self.people, cohort, places, count=count, progress=self.progress)
        if sum(before.values()) < sum(map(len, wanted.values())):
            self.folder.check_environment(self.people.setup.environment)
            helped = self._helped(Step.IMAGES)
            if helped is not None:
                with helped(count) as share:
                    make(share=share)
        failed = make(share=EVERYTHING)
        count()
        return failed

    def _helped(self, step: Step) -> Helped | None:
        return _helped(self.people, self.workers, step)

    def _folds(self, cohort: SegmentedCohort) -> list[tuple[Sequence[str], Sequence[str]]]:
        return list(self.people.setup.study.folds(cohort.table, self.people.setup.request.seed))

    def _volume_rows(self, cohort: SegmentedCohort) -> tuple[list[Measurement], dict[str, str]]:
        """Measurements of the rows without images, and the rows that failed."""
        setup = self.people.setup
        measurements: list[Measurement] = []
        failed: dict[str, str] = {}
        for row in setup.volume_rows:
            spec = setup.specs[row.name]
            with guarded(setup.study_plugin, f"planning {row.name}"):
                permuted = self._permuted(cohort) if row.fits_permuted or row.asks_permuted else cohort
                asked = permuted if row.asks_permuted else cohort
                plans = plan_folds(asked, setup.study.interventions(asked.table), self._folds(cohort))
            basis = basis_of(setup, cohort.source, self.people.ruler, row)
            plans = [replace(plan, basis=basis) for plan in plans]
            train = permuted if row.fits_permuted else cohort
            context = context_of(self.people, spec, self.progress)
            try:
                volumes = volume_row(row, spec, train, asked, plans, self.folder, context)
            except PluginError as error:
                failed[row.name] = str(error)
                continue
            measurements += volume_measurements(row.name, asked, plans, volumes)
        return measurements, failed

    def _permuted(self, cohort: SegmentedCohort) -> SegmentedCohort:
        setup = self.people.setup
        labels = setup.study.permuted(cohort.table, setup.request.seed)["diagnosis"].astype(str).to_list()
        return cohort.relabelled(labels)

    def _measurements(self, cohort: SegmentedCohort, places: Mapping[str, RowPlace]) -> list[Measurement]:
        job = self.people.setup.study.job
        measurements = real_measurements(cohort)
        for row, place in places.items():
            measurements += image_measurements(row, job, cohort, place.plans, place.folder)
        return measurements


def _helped(people: People, workers: int, step: Step) -> Helped | None:
    """What starts processes that make shares of a step; None for one process."""
    if workers < 2:
        return None
    return lambda waiting: local_helpers(workers, make_share, write_plan(people.setup), step, waiting)


def _made_from(plans: Sequence[FoldPlan]) -> str:
    return digest([request.made_from for plan in plans for request in plan.requests])
