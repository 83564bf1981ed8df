"""The step that makes the images of all rows, or of a share of them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from functools import partial

from pcgm_bench import registry
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import PluginError
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import silent
from pcgm_bench.runner.counterfactuals import make_counterfactuals
from pcgm_bench.runner.generators import GeneratorSpec
from pcgm_bench.runner.people import People
from pcgm_bench.runner.request import EVERYTHING
from pcgm_bench.runner.request import Share
from pcgm_bench.runner.resolve import can_measure
from pcgm_bench.runner.row_work import RowWork
from pcgm_bench.runner.rows import RowPlace
from pcgm_bench.runner.samples import make_samples
from pcgm_bench.runner.segmentation import NotMeasured
from pcgm_bench.runner.segmentation import Ruler
from pcgm_bench.runner.segmented_cohort import SegmentedCohort
from pcgm_bench.store.parts import sweep

NOT_MEASURED = registry.Plugin("segmenters", "not-measured", f"{__name__}:NotMeasured", registry.OWN, "")


def make_images(
    people: People,
    cohort: SegmentedCohort,
    places: Mapping[str, RowPlace],
    share: Share = EVERYTHING,
    count: Callable[[str], object] = lambda _row: None,
    progress: Progress = silent,
) -> dict[str, str]:
    """Make every missing image of a share of all rows, row by row.

    Args:
        people: of the run.
        cohort: the same, segmented.
        places: rows with images.
        share: which of the images.
        count: called with the row after each.
        progress: told (what, done, total) by generators that take long.

    Returns:
        Row -> why it failed. The other rows are whole.
    """
    failed: dict[str, str] = {}
    for name, place in places.items():
        if not place.count_missing():
            continue
        sweep(place.folder.root)
        sweep(people.ruler.by_content)
        spec = people.setup.specs[name]
        work = RowWork(
            row=name,
            spec=spec,
            cohort=cohort,
            folds=place.plans,
            ruler=_ruler_of(people, place),
            folder=place.folder,
            context=context_of(people, spec, progress),
            share=share,
            count=partial(count, name),
        )
        make = make_samples if people.setup.study.job is Job.SAMPLE else make_counterfactuals
        try:
            make(work)
        except PluginError as error:
            failed[name] = str(error)
    return failed


def context_of(people: People, spec: GeneratorSpec, progress: Progress) -> Context:
    """What a generator is lent; the oracle only where its card asks for the truth."""
    request = people.setup.request
    oracle = people.cohort.oracle if spec.card.needs_truth else None
    return Context(request.seed, request.device, request.threads, progress, oracle)


def _ruler_of(people: People, place: RowPlace) -> Ruler:
    if can_measure(people.setup, place.row, people.ruler):
        return people.ruler
    return Ruler(NotMeasured(), NOT_MEASURED, "not-measured", "", people.ruler.home)
