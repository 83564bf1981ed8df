"""Where pcgm-bench keeps what it makes by itself: default cohorts, readings of scans, trained weights, runs.

<home>/cohorts/        default phantom cohorts (`pcgm_bench.cohort` writes them)
<home>/readings/       factual scans as a segmenter read them, shared by all runs on the same cohort
<home>/features/       features of images, by extractor
<home>/weights/        what `pcgm-bench fit` trained
<home>/runs/           one `RunFolder` a run

While images are scored, a temporary file there holds them unpacked (`pcgm_bench.runner.image_set`).
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
