"""Runs of the toys of `fakes`, and what came out of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import Record
from pcgm_bench.runner.request import ImageFolder
from pcgm_bench.runner.request import RunRequest
from pcgm_bench.runner.run import RunResult

TIMES = ("manifest.json", "lock")
"""Files that hold wall times and process state, not results."""
IMAGES = 13
"""12 people, one of them with two visits."""


def request(home: Path, **changes: object) -> RunRequest:
    """The toy run: everybody under the other diagnosis."""
    base = RunRequest(method="shifter", study="toy", home=home, cohort=CohortRequest("toy"), segmenter="toy")
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def of_folder(home: Path, source: Path, *, allow_missing: bool = False, study: str = "toy") -> RunRequest:
    """The toy run of images made elsewhere, called ``mine``."""
    return request(home, method="mine", study=study, image_folder=ImageFolder(source, allow_missing))


def records_of(result: RunResult, metric: str) -> dict[str, Record]:
    """Row -> its record of a metric."""
    return {record.row: record for record in result.scores.records if record.metric == metric}


def derivatives(home: Path, row: str) -> Path:
    """The images of the method of a stored run."""
    (folder,) = (home / "runs").glob(f"{row}--*/derivatives/{row}")
    return folder
