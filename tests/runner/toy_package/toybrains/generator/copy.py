"""The scan as it is."""

import numpy as np

from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import Scan
from toybrains.faults import log


class Copy(Generator):
    """See the module."""

    card = Card("toy-copy", "Toy copy", "1", "none", "Apache-2.0", frozenset({Job.COUNTERFACTUAL}), is_control=True)

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        """Nothing is changed."""
        log(f"copy {scan.key}")
        return scan.image
