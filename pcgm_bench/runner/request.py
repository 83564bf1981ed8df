"""What the user asks of a run, and how it is to be carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from pcgm_bench.contracts import CohortRequest

THREADS = 1
"""Threads of a tensor operation. Part of the plan, not of the machine: summation order, so the bits, depend on it.
Processes side by side (``workers``) use two cores better than one process with two threads."""


@dataclass(frozen=True)
class ImageFolder:
    """Images made elsewhere, to be scored as a method's.

    Attributes:
        source: folder of images, or a manifest.
        allow_missing: score the images that are there, and say how many.
    """

    source: Path
    allow_missing: bool = False


@dataclass(frozen=True, kw_only=True)
class MethodRequest:
    """A method, and what it works with.

    Attributes:
        method: registered generator; of an image folder, the name of its row.
        home: where everything is kept; see `pcgm_bench.store.home`.
        cohort: the people.
        seed: of the cohort (if it is made) and of everything random.
        segmenter: registered segmenter.
        segmentations: label maps made elsewhere, for the segmenter ``folder``, or a table of volumes, for ``table``.
        weights: folder of weights instead of the installed ones.
        device: ``cpu`` or ``cuda``.
        threads: see `THREADS`.
        settings: name -> text, of what the method lets a user set; see `pcgm_bench.contracts.settings`.
    """

    method: str
    home: Path
    cohort: CohortRequest = field(default_factory=CohortRequest)
    seed: int = 0
    segmenter: str = "unet"
    segmentations: Path | None = None
    weights: Path | None = None
    device: str = "cpu"
    threads: int = THREADS
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RunRequest(MethodRequest):
    """A method through a study; decides every number of the run.

    Attributes:
        study: registered study.
        quick: the small version.
        qc_threshold: what an image's QC score must reach, in place of that score's own threshold.
        image_folder: images made elsewhere, in place of a method.
        metrics: registered metrics to add to the study's.
        features: registered feature spaces to add to the study's.
        expect: pattern of results to hold the rows against; see `Study.expectations`. Empty: the study's choice.
        keep_poor_scans: real scans below the quality bars stay in.
    """

    study: str
    quick: bool = False
    qc_threshold: float | None = None
    image_folder: ImageFolder | None = None
    metrics: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    expect: str = ""
    keep_poor_scans: bool = False


@dataclass(frozen=True)
class Share:
    """Every ``of``-th image, from the ``number``-th on.

    >>> [position for position in range(7) if Share(1, 3).takes(position)]
    [1, 4]
    """

    number: int = 0
    of: int = 1

    def takes(self, position: int) -> bool:
        """Whether the image at this place in the plan is in the share."""
        return position % self.of == self.number


EVERYTHING = Share()
