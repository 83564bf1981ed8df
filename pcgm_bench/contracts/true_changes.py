"""Metrics that ask where an image has changed: what they are given where the true counterfactual is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pcgm_bench.contracts.metric import Estimate
from pcgm_bench.contracts.metric import Metric


@dataclass(frozen=True, eq=False)
class TrueChange:
    """The truth about one counterfactual. All arrays are ``(X, Y, Z)``.

    Attributes:
        subject: BIDS label of the person.
        name: of the image: ``sub-001_desc-cfAUD``.
        factual: the scan.
        oracle: the true counterfactual, with the factual scan's own noise: what differs is anatomy.
        head: bool: inside the head.
        band: bool: the voxels whose true tissue fractions change, and their neighbours.
        tissue: int8: index in `pcgm_bench.anatomy.CHANNELS` of the tissue that fills a voxel away from the band, lobes
            counted as one (``frontal``); -1 elsewhere.
        parcels: int16: FreeSurfer number of the Desikan-Killiany parcel in whose territory a voxel is (its cortex, and
            the voxels that touch it); 0 elsewhere.
    """

    subject: str
    name: str
    factual: np.ndarray
    oracle: np.ndarray
    head: np.ndarray
    band: np.ndarray
    tissue: np.ndarray
    parcels: np.ndarray


@dataclass(frozen=True, eq=False)
class TrueChanges:
    """Truths and made images ``(X, Y, Z)``, one of each a counterfactual; ``voxel_mm``: edge of a voxel.

    Raises:
        ValueError: no images, or not one a truth.
    """

    truths: Sequence[TrueChange]
    made: Sequence[np.ndarray]
    voxel_mm: float = 3.0

    def __post_init__(self) -> None:
        if not len(self.truths) or len(self.truths) != len(self.made):
            msg = f"a change needs an image for every truth, have {len(self.made)} for {len(self.truths)}"
            raise ValueError(msg)

    @property
    def subjects(self) -> list[str]:
        """BIDS label of the person of every image."""
        return [truth.subject for truth in self.truths]


class TruthMetric(Metric[TrueChanges]):
    """A metric of images whose truth is known. The harness makes its input where `Cohort.has_truth`.

    All metrics of a row are given the same input, and share what `pcgm_bench.statistics.change_maps` computes from it.
    """

    inputs = TrueChanges

    def __call__(
        self, truths: Sequence[TrueChange], made: Sequence[np.ndarray], voxel_mm: float = 3.0, seed: int = 0
    ) -> Estimate:
        """`measure` of truths and made images, as in `TrueChanges`; ``seed`` is of the bootstrap over people."""
        return self.measure(TrueChanges(truths, made, voxel_mm), seed)
