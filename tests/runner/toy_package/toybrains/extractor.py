"""The first voxels of an image."""

import numpy as np

from pcgm_bench.contracts import FeatureExtractor
from toybrains.faults import fault
from toybrains.faults import log

PLANES = 2


class Corner(FeatureExtractor):
    """See the module."""

    name = "toy-corner"
    title = "toy corner"

    @property
    def identity(self) -> str:
        """No weights."""
        return "toy-corner-1"

    def extract(self, image: np.ndarray) -> np.ndarray:
        """Two planes."""
        log("extract")
        if fault() == "extractor":
            raise RuntimeError("no card")
        return image[:PLANES].ravel()
