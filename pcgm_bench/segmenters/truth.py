"""The phantom's own fractions as a segmentation: the ideal ruler, for factual scans alone."""

from __future__ import annotations

from typing import ClassVar
from typing import Self

from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import Segmenter
from pcgm_bench.contracts import SegmenterOptions
from pcgm_bench.contracts import UserError


class TruthSegmenter(Segmenter):
    """Reads what the phantom was made with. It cannot read a generated image, and refuses to."""

    name: ClassVar[str] = "truth"
    title: ClassVar[str] = "the phantom's true fractions (factual scans only)"

    def __init__(self, cohort: Cohort) -> None:
        """Take the phantom whose truth is to be read.

        Raises:
            UserError: the cohort is not a phantom.
        """
        if not cohort.has_truth:
            msg = f"{cohort.name} is not a phantom: nobody knows its truth; use --segmenter unet"
            raise UserError(msg)
        self._cohort = cohort

    @classmethod
    def open(cls, options: SegmenterOptions) -> Self:
        """The segmenter of the run's cohort.

        Raises:
            UserError: there is no cohort, or it is not a phantom.
        """
        if options.cohort is None:
            raise UserError("the truth segmenter reads a phantom's own scans, and there is no cohort here")
        return cls(options.cohort)

    @property
    def identity(self) -> str:
        """Follows the cohort."""
        return f"truth-{self._cohort.content_hash[:12]}"

    def segment(self, scan: Scan) -> Segmentation:
        """The true segmentation of a factual scan.

        Raises:
            UserError: the image is not the cohort's own.
        """
        table = self._cohort.table
        match = (table["subject"] == scan.subject) & (table["session"] == scan.session)
        row = int(match.to_numpy().argmax())
        if not match.any() or not (self._cohort[row].image == scan.image).all():
            msg = f"{scan.key}: the truth segmenter reads factual phantom scans only; use --segmenter unet for images"
            raise UserError(msg)
        return self._cohort.truth(scan, {})
