"""Functions that load an image when asked: of a cohort, and of a row."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import TrainingScans
from pcgm_bench.runner.fold_plan import ImageTask
from pcgm_bench.runner.lazy_images import Images
from pcgm_bench.store import DerivativeFolder


def image_of(cohort: Cohort | TrainingScans, index: int) -> np.ndarray:
    """The factual image of a row of a cohort's table, ``(X, Y, Z)``."""
    return cohort[index].image


def factual_images(cohort: Cohort | TrainingScans, rows: Sequence[int], scratch: Path | None = None) -> Images:
    """Scans of these rows of a cohort's table."""
    return Images([partial(image_of, cohort, row) for row in rows], scratch)


def made_images(folder: DerivativeFolder, tasks: Sequence[ImageTask], scratch: Path | None = None) -> Images:
    """Images of these tasks."""
    return Images([partial(folder.read_image, task.key) for task in tasks], scratch)
