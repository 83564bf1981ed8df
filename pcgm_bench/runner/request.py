"""What the user asks of a run."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from pcgm_bench.runner.build import CohortRequest
from pcgm_bench.runner.given import Given

THREADS = 1
"""Threads of a tensor operation. Part of the plan, not of the machine: summation order, so the bits, depend on it.
Processes side by side (``workers``) use two cores better than one process with two threads."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody sees."""


@dataclass(frozen=True)
class Request:
    """What the user asks for; everything has a default but the names.

    Attributes:
        method: registered generator.
        study: registered study.
        cohort: the people.
        seed: of the cohort (if it is made) and of everything random in the run.
        quick: the small version.
        segmenter: registered segmenter.
        segmentations: label maps made elsewhere, for the segmenter ``folder``, or a table of volumes, for ``table``.
        weights: folder of weights instead of those found.
        home: where everything is kept; see `pcgm_bench.store.home`.
        device: ``cpu`` or ``cuda``.
        threads: see `THREADS`.
        workers: processes that make images side by side; no image depends on how many.
        qc_threshold: what an image's QC score must reach, in place of that score's own threshold.
        given: images made elsewhere, in place of a method; ``method`` is their name then.
    """

    method: str
    study: str
    home: Path
    cohort: CohortRequest = field(default_factory=CohortRequest)
    seed: int = 0
    quick: bool = False
    segmenter: str = "unet"
    segmentations: Path | None = None
    weights: Path | None = None
    device: str = "cpu"
    threads: int = THREADS
    workers: int = 1
    qc_threshold: float | None = None
    given: Given | None = None
