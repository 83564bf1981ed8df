"""From where on a scan is too poor to be measured. All bars stand here; `tools/quality_bars.py` measures a cohort.

What they were chosen on is in ``docs/concepts/quality.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from pcgm_bench.cohort.quality.measures import ScanQuality
from pcgm_bench.contracts import OWN_SCORE

QC_BARS = {OWN_SCORE: 0.60, "SynthSeg QC": 0.65}
"""Least score of a real scan, by whose it is. SynthSeg's is from Wu et al. 2024; ours lies below what good real scans
have. What a made image must reach is `pcgm_bench.metrics.qc_gate`'s. Of any other score no bar is known: it is not
judged."""
OVERLAP = 0.80
LIKENESS = 0.55
BALANCE = 0.85
FLATNESS_CM2 = 28.0
HOLES = 0.10
HEAD_ML = (850.0, 2000.0)
"""Of adults: intracranial volumes are 950 to 1900 mL, and no ruler is exact."""
BRIGHTNESS = (0.5, 2.0)
BORDER = 0.02


@dataclass(frozen=True)
class Bar:
    """One thing that is looked at.

    Attributes:
        name: of the measure, as in tables.
        value: measured; NaN where it is not known.
        low: least value that passes.
        high: greatest value that passes.
        meaning: what is likely to be wrong with a scan that fails, and what to look at.
    """

    name: str
    value: float
    low: float
    high: float
    meaning: str

    @property
    def passed(self) -> bool:
        """Whether the value lies between the limits; what is not known passes."""
        return math.isnan(self.value) or self.low <= self.value <= self.high

    @property
    def reason(self) -> str:
        """In words: the value, the limit that it misses, and the meaning."""
        beyond = f"below {self.low:g}" if self.value < self.low else f"above {self.high:g}"
        return f"{self.name} {self.value:.4g} is {beyond} ({self.meaning})"


def bars_of(quality: ScanQuality, qc_score: str) -> Iterator[Bar]:
    """Every measure of a scan beside its limits.

    Args:
        quality: of the scan.
        qc_score: whose score ``quality.qc`` is, `pcgm_bench.contracts.Segmenter.qc_score`.
    """
    image, most = quality.image, math.inf
    qc_bar = QC_BARS.get(qc_score, -most)
    yield Bar("quality score", quality.qc, qc_bar, most, "the segmenter does not know such a brain")
    yield Bar("overlap", image.overlap, OVERLAP, 1, "not one stripped brain, or not where the grid has it")
    yield Bar("likeness", image.likeness, LIKENESS, 1, "not T1-weighted, the wrong way up, or mostly noise")
    yield Bar("balance", image.balance, BALANCE, 1, "left and right differ: a part of the head is missing")
    yield Bar(
        "flatness", image.flatness, -most, FLATNESS_CM2, "a flat end: the field of view or the mask cuts the head"
    )
    yield Bar("holes", image.holes, 0, HOLES, "black where a brain is")
    yield Bar("head size in mL", quality.head_size, *HEAD_ML, "check voxel sizes, field of view and skull stripping")
    yield Bar("brightness", image.brightness, *BRIGHTNESS, "white matter must be about 1 on a standard grid")
    yield Bar("border", image.border, 0, BORDER, "the background is not 0, or the head reaches the end of the grid")


def reasons(quality: ScanQuality, qc_score: str) -> tuple[str, ...]:
    """Why a scan is poor, a phrase for each bar that it misses; empty for a good one."""
    return tuple(bar.reason for bar in bars_of(quality, qc_score) if not bar.passed)
