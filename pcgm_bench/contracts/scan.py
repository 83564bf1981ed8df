"""What is known about one image: the scan of a person, and the anatomy that a segmenter measures on it.

All arrays are NumPy. A volume is ``(X, Y, Z)`` float32 on the cohort's grid, voxel axes in RAS+ order, affine in
millimetres. Volumes of anatomy are in millilitres (mL), ages in years.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import numpy as np

from pcgm_bench.anatomy import CHANNELS

Intervention = Mapping[str, Any]
"""What is set on a person: ``{"diagnosis": "AUD"}``, ``{"age": 71.5}``. Empty: the null intervention.

A region's name stands for a factor of its factual volume: ``{"frontal": 0.95}`` is 5 % less frontal lobe.
"""

Progress = Callable[[str, int, int], None]
"""Told ``(what, done, total)`` while work goes on."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody sees."""


@dataclass(frozen=True)
class Segmentation:
    """What a segmenter measures on one image.

    Attributes:
        fractions: ``(12, X, Y, Z)`` float32 in [0, 1]: the share of every voxel that each of
            `pcgm_bench.anatomy.CHANNELS` fills; adds up to one. No voxels (size 0) from a table of volumes.
        labels: ``(X, Y, Z)`` int16 FreeSurfer label map (``aparc+aseg`` numbers); no voxels likewise.
        volumes: mL by name: the six lobes, ``ventricles``, ``white_matter``, ``deep_grey``, ``csf``,
            ``cerebellum_brainstem``, and the 68 parcels (``lh-insula``).
        head_size: mL, ICV-like: all tissue and supratentorial CSF.
        qc: what `Segmenter.qc_score` names; ours from 0 (unusable) to 1 (as good as the training scans). NaN where
            there is no score.
        qc_parts: the same score part by part (structure group, hemisphere), where it has parts: ``qc`` is the least.
        sd_percent: by name, the s.d. of a volume's error in per cent of the volume, where the segmenter knows it.
    """

    fractions: np.ndarray
    labels: np.ndarray
    volumes: Mapping[str, float]
    head_size: float
    qc: float
    qc_parts: Mapping[str, float] = field(default_factory=dict)
    sd_percent: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of_volumes(
        cls, volumes: Mapping[str, float], head_size: float, qc: float, qc_parts: Mapping[str, float] | None = None
    ) -> Segmentation:
        """Volumes alone: no voxels."""
        nothing = np.empty((len(CHANNELS), 0, 0, 0), np.float32)
        return cls(nothing, nothing[0].astype(np.int16), volumes, head_size, qc, qc_parts or {})


@dataclass(frozen=True)
class Scan:
    """One image of one person at one visit, with what is known about the person.

    Attributes:
        subject: BIDS label.
        session: BIDS label; empty if there is none.
        image: ``(X, Y, Z)`` float32, intensity-normalised T1w: background 0, about 1 at the bright end of white matter.
        affine: ``(4, 4)``, voxel to millimetres.
        age: years.
        sex: ``F`` or ``M``.
        diagnosis: level of the diagnosis.
        head_size: mL; NaN before segmentation.
        segmentation: from the run's segmenter, never from a phantom's truth; None before segmentation.
        description: empty for a factual scan, ``cfAUD`` for an image under an intervention, ``sample`` for a new brain.
        scale: volume on the grid over native volume, of a scan that was registered to the grid; else 1.
    """

    subject: str
    session: str
    image: np.ndarray
    affine: np.ndarray
    age: float
    sex: str
    diagnosis: str
    head_size: float = float("nan")
    segmentation: Segmentation | None = None
    description: str = ""
    # A factory, not a default: a default would be an attribute of the class and hide a lazily read value.
    scale: float = field(default_factory=lambda: 1.0)

    @property
    def key(self) -> str:
        """BIDS name of the visit: ``sub-001_ses-01``, or ``sub-001`` without a session."""
        return f"sub-{self.subject}" + (f"_ses-{self.session}" if self.session else "")
