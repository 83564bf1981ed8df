"""One row of a run that changes scans: a generator adapts to each fold and answers every intervention."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from itertools import pairwise

from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import PluginError
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UnknownTruthError
from pcgm_bench.runner.fold_plan import FoldPlan
from pcgm_bench.runner.fold_plan import ImageTask
from pcgm_bench.runner.fold_plan import image_seed
from pcgm_bench.runner.lazy_scan import LazyScan
from pcgm_bench.runner.lazy_scan import lazy_segmentation
from pcgm_bench.runner.plugin_code import check_unchanged
from pcgm_bench.runner.row_work import RowWork
from pcgm_bench.runner.row_work import act
from pcgm_bench.runner.row_work import checked
from pcgm_bench.runner.row_work import checked_volumes
from pcgm_bench.store import ImageKey


def make_counterfactuals(work: RowWork) -> None:
    """Make every missing image of a row, or of a share of it, and segment it.

    The links of a chain follow its first image in the same process. A fold whose images are all there is not even
    adapted to; a generator that adapts slowly gets whole folds for its share, so that no two processes adapt to the
    same one. What the oracle does not know of a scan is left out, with the reason. Results do not depend on what was
    there before: every image is made from its own seed, and segmented as it was stored.

    Raises:
        PluginError: the generator or the segmenter fails on a scan, which is named; what was made stays.
    """
    generator: Generator | None = None
    tasks = [task for fold in work.folds for task in fold.tasks]
    places = {task.key: place for place, task in enumerate(tasks)}
    for number, fold in enumerate(work.folds):

        def mine(task: ImageTask, number: int = number) -> bool:
            return work.share.takes(number if work.spec.adapts_slowly else places[task.key])

        missing = [t for t in fold.tasks if mine(t) and not work.folder.is_done(fold.wanted(t))]
        chains = [chain for chain in fold.chains if mine(chain[0])]
        links = [pair for chain in chains for pair in pairwise(chain) if not work.folder.is_done(fold.wanted(pair[1]))]
        if not missing and not links:
            continue
        if generator is None:
            generator = work.spec.open(work.context.device)
            work.folder.describe_dataset(f"{work.cohort.name}, counterfactuals by {work.row}", work.provenance)
        work.adapt(generator, fold, number)
        for task in missing:
            _make(work, generator, fold, task, work.cohort[task.index])
        for before, link in links:
            _make_link(work, generator, fold, before, link)


def _make_link(work: RowWork, generator: Generator, fold: FoldPlan, before: ImageTask, link: ImageTask) -> None:
    scan = work.cohort[link.index]
    if generator.card.needs_truth:  # it knows the person, not the image: it goes the whole way at once
        _make(work, generator, fold, link, scan, link.whole or {})
    else:
        _make(work, generator, fold, link, as_scan(work, scan, before.key))


def _make(
    work: RowWork,
    generator: Generator,
    fold: FoldPlan,
    task: ImageTask,
    scan: Scan,
    do: Mapping[str, object] | None = None,
) -> None:
    asked_for = task.do if do is None else do
    wanted, seed = fold.wanted(task), image_seed(work.context.seed, work.row, task.key)
    if not work.folder.has_image(wanted):
        try:
            with work.making(task.key.stem):
                image = checked(generator.counterfactual(scan, asked_for, seed), scan)
        except PluginError as error:
            # A method that could leave out what it finds hard would choose what it is scored on.
            if not (generator.card.needs_truth and isinstance(error.__cause__, UnknownTruthError)):
                raise
            check_unchanged()
            work.folder.write_unknown(wanted, str(error.__cause__))
            work.count()
            return
        check_unchanged()
        work.folder.write_image(wanted, image, scan.affine)
    # What is measured is what was stored, in the same memory order, whether this process or a killed one made it.
    image = work.folder.read_image(task.key)
    asked: Mapping[str, float] = {}
    if Job.VOLUMES in generator.card.jobs:
        with work.making(f"the volumes of {task.key.stem}"):
            asked = checked_volumes(generator.counterfactual_volumes(scan, asked_for, seed))
    shown = dataclasses.replace(act(scan, asked_for), image=image, segmentation=None, description=task.key.description)
    work.folder.write_segmentation(task.key, work.ruler.measure(shown), scan.affine, asked)
    work.count()


def as_scan(work: RowWork, scan: LazyScan, key: ImageKey) -> LazyScan:
    """A stored image as a scan of the same person, to be changed again: its own voxels and volumes, the same metadata.

    Head size stays the factual one. Fractions are not stored with an image: who wants them has it segmented again.
    """
    image, stored = work.folder.read_image(key), work.folder.read_volumes(key)
    shown = dataclasses.replace(scan, image=image, segmentation=None, description=key.description)
    segmentation = lazy_segmentation(
        lambda: work.ruler.measure(shown, voxels=True).fractions, lambda: work.folder.read_labels(key), stored
    )
    return scan.with_values(image=image, segmentation=segmentation, description=key.description)
