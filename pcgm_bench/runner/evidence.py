"""What a study is scored from: measurements, metrics of images and of chains, and the refitter."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import Fold
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import PluginError
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import Refitter
from pcgm_bench.runner.calling import calling
from pcgm_bench.runner.chains import chain_estimates
from pcgm_bench.runner.features import Features
from pcgm_bench.runner.image_metrics import RealImages
from pcgm_bench.runner.image_metrics import RowImages
from pcgm_bench.runner.image_metrics import image_estimates
from pcgm_bench.runner.images import context_of
from pcgm_bench.runner.people import People
from pcgm_bench.runner.privacy_sets import Learnt
from pcgm_bench.runner.privacy_sets import PrivacySets
from pcgm_bench.runner.refitting import refitter
from pcgm_bench.runner.rows import RowPlace
from pcgm_bench.runner.segmented_cohort import SegmentedCohort


@dataclass(frozen=True)
class Made:
    """What a run has made.

    Attributes:
        cohort: the factual scans, segmented.
        places: rows whose images are all there.
        measurements: of real scans and of every row.
        missing: row -> why there is nothing of it.
        learnt: row -> whom it learnt from, where a metric asks.
        folds: of the study.
    """

    cohort: SegmentedCohort
    places: Mapping[str, RowPlace]
    measurements: Sequence[Measurement]
    missing: Mapping[str, str]
    learnt: Mapping[str, Learnt]
    folds: Sequence[Fold]


def gather_evidence(people: People, made: Made, progress: Progress, workers: int) -> Evidence:
    """Compute the metrics of a run, and put everything together that its study needs."""
    setup, request = people.setup, people.setup.request
    folders = {row: place.folder for row, place in made.places.items()}
    plans = {row: place.plans for row, place in made.places.items()}
    features = Features(request, setup.environment, workers, progress)
    with calling(setup.study_plugin, "choosing the real images"):
        held_out = list(setup.study.real_rows(made.cohort.table, request.seed))
    factual = [m for m in made.measurements if m.row == "real"]
    real = RealImages(made.cohort, held_out, [factual[row] for row in held_out])
    rows = {row: RowImages(folders[row], plans[row], [m for m in made.measurements if m.row == row]) for row in folders}
    qc = (people.ruler.segmenter.qc_score, request.qc_threshold)
    privacy = PrivacySets(made.cohort, held_out, made.learnt, setup.metrics.spaces, features)
    images = image_estimates(setup.metrics.rows, setup.metrics.spaces, real, rows, features, privacy, qc)
    chains = chain_estimates(setup.metrics, setup.study.chain_regions, made.cohort, plans, folders, request.seed)
    refit, replicates = _refitting(people, made, progress)
    return Evidence(
        measurements=made.measurements,
        table=made.cohort.table,
        rows=setup.rows,
        missing=made.missing,
        planted=people.cohort.planted,
        is_phantom=people.cohort.is_phantom,
        seed=request.seed,
        quick=request.quick,
        images=images,
        chains=chains,
        uses=setup.metrics.uses,
        metrics={name: metric.metric for name, metric in setup.metrics.study.items()},
        refitter=refit,
        replicates=replicates,
        progress=progress,
        expect=request.expect,
    )


def _refitting(people: People, made: Made, progress: Progress) -> tuple[Refitter | None, int]:
    """What refits the method in the study's bootstrap, if the method is quick enough for it."""
    setup = people.setup
    spec = setup.method
    if Job.VOLUMES not in spec.card.jobs:
        return None, 0
    if spec.refit_replicates < 1:
        return None, 0
    try:
        generator = spec.open(setup.request.device)
    except PluginError:
        return None, 0  # its rows are missing, and say why
    context = context_of(people, spec, progress)
    refit = refitter(generator, made.cohort, made.folds, setup.study.interventions, context)

    def guarded_refit(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        with spec.guarded("fitting it anew"):
            return refit(table, rng)

    return guarded_refit, spec.refit_replicates
