"""Images to measurements: segmenters read anatomy, feature extractors give the space in which sets are compared."""

from __future__ import annotations

from abc import ABC
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from typing import Self

import numpy as np

from pcgm_bench.contracts.cohort import Cohort
from pcgm_bench.contracts.scan import Scan
from pcgm_bench.contracts.scan import Segmentation

OWN_SCORE = "pcgm-bench segmenter score"
"""Whose score the shipped segmenter's is."""


@dataclass(frozen=True)
class SegmenterOptions:
    """What a segmenter may need to be opened.

    Attributes:
        cohort: whose scans it will read; None outside a run.
        segmentations: a folder of label maps, or a table of volumes, made elsewhere; None: none given.
        home: where everything is kept.
        device: ``cpu`` or ``cuda``.
        threads: of a tensor operation.
    """

    home: Path
    cohort: Cohort | None = None
    segmentations: Path | None = None
    device: str = "cpu"
    threads: int = 1


class Segmenter(ABC):
    """Image to anatomy. The same one reads real and synthetic images in a run.

    Attributes:
        name: as registered.
        title: in words.
        reads_new_images: False: what it says was measured elsewhere, so it knows the factual scans and images given as
            files alone.
        depends_on_image_alone: True: equal voxels give equal volumes, whoever the person. Such measurements are kept
            by content, so that no image is segmented twice.
        grids: names of the standard grids whose images it reads (``3mm``, ``2mm``, ``1mm``); None: of any grid.
        qc_score: whose score `Segmentation.qc` is: ``SynthSeg QC``, ``Euler number``; empty where there is none.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    reads_new_images: ClassVar[bool] = True
    depends_on_image_alone: ClassVar[bool] = False
    grids: ClassVar[tuple[str, ...] | None] = None
    qc_score: str = OWN_SCORE

    @classmethod
    def open(cls, options: SegmenterOptions) -> Self:
        """A segmenter for a run; override it to use the options.

        Raises:
            UserError: something that it needs is not given, or damaged.
        """
        return cls()

    @property
    @abstractmethod
    def identity(self) -> str:
        """Name and hash of the weights or files it stands on: part of every run's key.

        The harness adds the hash of the code.
        """

    @abstractmethod
    def segment(self, scan: Scan) -> Segmentation:
        """Measure one scan."""


class FeatureExtractor(ABC):
    """Image to a vector: a space in which sets of images are compared. Its identity is part of the metric's.

    Attributes:
        name: as registered.
        title: in words.
        thread_safe: True: `extract` may be called from several threads at once.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    thread_safe: ClassVar[bool] = False

    @classmethod
    def open(cls, device: str = "cpu", threads: int = 1) -> Self:
        """An extractor for a run; override it to use the device and the threads."""
        return cls()

    @property
    @abstractmethod
    def identity(self) -> str:
        """Name and hash of the weights or of what they are drawn from. Its code is added by the harness."""

    @abstractmethod
    def extract(self, image: np.ndarray) -> np.ndarray:
        """Features ``(d,)`` float32 of one `Scan.image` ``(X, Y, Z)``; does not depend on any other image."""
