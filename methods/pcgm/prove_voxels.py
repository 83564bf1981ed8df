"""Is the change of an image where the mask was to change, and nowhere else? Part of `pcgm_bench.methods.pcgm.prove`."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field

import numpy as np
import pandas as pd

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.metrics.mask_adherence import LEAST_CHANGE
from pcgm_bench.metrics.mask_adherence import MaskAdherence
from pcgm_bench.metrics.minimality import MinimalityVoxels

LOBES = [CHANNELS.index(lobe) for lobe in LOBE_NAMES]


@dataclass
class VoxelChanges:
    """Masks and images of counterfactuals, as they are drawn: 6 MB each at 3 mm.

    Attributes:
        factual: lobes' shares of voxels ``(6, X, Y, Z)`` read from the scan.
        target: what the mask generator made of them.
        achieved: read from the image that was drawn.
        scans: ``(X, Y, Z)``.
        images: what was drawn.
        bands: where any tissue was to change by `LEAST_CHANGE` or more.
    """

    factual: list[np.ndarray] = field(default_factory=list)
    target: list[np.ndarray] = field(default_factory=list)
    achieved: list[np.ndarray] = field(default_factory=list)
    scans: list[np.ndarray] = field(default_factory=list)
    images: list[np.ndarray] = field(default_factory=list)
    bands: list[np.ndarray] = field(default_factory=list)

    def add(
        self, scan: np.ndarray, factual: np.ndarray, target: np.ndarray, image: np.ndarray, achieved: np.ndarray
    ) -> None:
        """Keep one: images ``(X, Y, Z)`` and fractions ``(12, X, Y, Z)``. A mask that stays as it is is left out."""
        band = (np.abs(target - factual) >= LEAST_CHANGE).any(axis=0)
        if not band.any():
            return
        self.bands.append(band)
        for kept, fractions in ((self.factual, factual), (self.target, target), (self.achieved, achieved)):
            kept.append(fractions[LOBES].astype(np.float16))
        self.scans.append(scan)
        self.images.append(image)

    def report(self) -> pd.DataFrame:
        """`MaskAdherence` (its slope, and the overlap of changes) and `MinimalityVoxels`, with n and intervals.

        Raises:
            ValueError: nothing was asked of any image.
        """
        adherence = MaskAdherence()(self.factual, self.target, self.achieved)
        minimality = MinimalityVoxels()(self.scans, self.images, self.bands)
        share = float(np.mean([band.mean() for band in self.bands]))
        rows = [
            {"metric": "mask-adherence, slope", "value": adherence["slope"], "n": adherence["n"]},
            {"metric": "mask-adherence, overlap of changes", **adherence},
            {"metric": "minimality-voxels, share of change outside the band", **minimality},
            {"metric": "voxels of the grid in the band, share", "value": share, "n": len(self.bands)},
            {"metric": "mean absolute change inside (white matter is 1)", "value": minimality["inside"]},
            {"metric": "mean absolute change outside", "value": minimality["outside"]},
        ]
        return pd.DataFrame(rows).set_index("metric")[["value", "low", "high", "n"]]
