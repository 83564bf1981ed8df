"""Mean intensity in slabs, as if it were mL."""

import numpy as np

from pcgm_bench.contracts import CHANNELS
from pcgm_bench.contracts import LOBE_NAMES
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import Segmenter
from toybrains.faults import fault
from toybrains.faults import log

PERCENT = 100.0


class Slabs(Segmenter):
    """See the module."""

    name = "toy-slabs"
    title = "toy slabs"
    depends_on_image_alone = True
    qc_score = ""

    @property
    def identity(self) -> str:
        """No weights."""
        return "toy-slabs-1"

    def segment(self, scan: Scan) -> Segmentation:
        """A lobe a slab."""
        log(f"segment {scan.key} {scan.description}".strip())
        if fault() == "segmenter" and scan.subject == "003":
            raise RuntimeError("no licence")
        fractions = np.full((len(CHANNELS), *scan.image.shape), 1 / len(CHANNELS), np.float32)
        volumes = {lobe: PERCENT * float(scan.image[place].mean()) for place, lobe in enumerate(LOBE_NAMES)}
        labels = (scan.image > 0.95).astype(np.int16)
        return Segmentation(fractions, labels, volumes, 1000.0 + float(scan.image.sum()), float("nan"))
