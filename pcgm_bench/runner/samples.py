"""One row of a run that draws new brains: a generator adapts to the fold, then draws, one atomic file a brain."""

from __future__ import annotations

from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Scan
from pcgm_bench.runner.fold_plan import SAMPLE
from pcgm_bench.runner.fold_plan import FoldPlan
from pcgm_bench.runner.fold_plan import ImageTask
from pcgm_bench.runner.fold_plan import image_seed
from pcgm_bench.runner.plugin_code import check_unchanged
from pcgm_bench.runner.row_work import RowWork
from pcgm_bench.runner.row_work import draw
from pcgm_bench.store import ImageKey

NOBODY = ImageKey("seed", "", "")
"""Stands for the row in the seed that all its brains share."""


def make_samples(work: RowWork) -> None:
    """Draw every missing brain of a row, or of a share of it, and segment it.

    Raises:
        PluginError: the generator draws something that is no image of the cohort's grid; what was made stays.
    """
    (fold,) = work.folds
    missing = [t for t in fold.tasks if work.share.takes(t.index) and not work.folder.is_done(fold.wanted(t))]
    if not missing:
        return
    generator = work.spec.open(work.context.device)
    work.folder.describe_dataset(f"new brains by {work.row}", work.provenance)
    work.adapt(generator, fold, 0)
    pattern = work.cohort[0]
    for task in missing:
        _make(work, generator, fold, task, pattern)
        work.count()


def _make(work: RowWork, generator: Generator, fold: FoldPlan, task: ImageTask, pattern: Scan) -> None:
    wanted, seed = fold.wanted(task), image_seed(work.context.seed, work.row, NOBODY)
    if not work.folder.has_image(wanted):
        with work.making(f"brain {task.key.stem}"):
            drawn = draw(generator, seed, task.index, pattern)
        check_unchanged()
        work.folder.write_image(wanted, drawn, pattern.affine)
    image = work.folder.read_image(task.key)
    nobody = Scan(task.key.subject, "", image, pattern.affine, float("nan"), "", "", description=SAMPLE)
    work.folder.write_segmentation(task.key, work.ruler.measure(nobody), pattern.affine)
