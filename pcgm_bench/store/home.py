"""Where pcgm-bench keeps what it makes by itself: default cohorts, segmentations of scans, trained weights, runs.

<home>/cohorts/         default phantom cohorts (`pcgm_bench.cohort` writes them)
<home>/segmentations/   factual scans as a segmenter measured them, by cohort; and segmentations by content of the image
<home>/rows/            images of controls, shared by all runs that are compared with them
<home>/features/        features of images, by extractor
<home>/weights/         what `pcgm-bench fit` trained
<home>/plans/           what `pcgm-bench run --executor slurm` hands to its tasks
<home>/runs/            one `RunFolder` a run

While images are scored, a temporary file there holds them unpacked (`pcgm_bench.runner.lazy_images`).
"""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "PCGM_BENCH_HOME"


def default_home(asked: Path | None = None) -> Path:
    """``--home`` if given, else the environment's ``PCGM_BENCH_HOME``, else ``~/.cache/pcgm-bench``."""
    if asked is not None:
        return asked.expanduser().absolute()
    return Path(os.environ.get(VARIABLE) or "~/.cache/pcgm-bench").expanduser().absolute()
