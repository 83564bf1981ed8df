"""How far a volume that the segmenter reads is from the truth, as measured on brains it has not learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ERRORS = "errors.json"


@dataclass(frozen=True)
class ReadingErrors:
    """What ``errors.json`` holds; `fitting.validate` writes it.

    Attributes:
        measured_on: which brains, in words.
        sd_percent: by name of a volume, the s.d. (%) over brains of measured over true volume.
        bias_percent: by name, the mean of the same.
    """

    measured_on: str
    sd_percent: Mapping[str, float]
    bias_percent: Mapping[str, float]
