"""Scales a scan by the ratio of the groups' means."""

import multiprocessing
import os
import signal
import sys
from pathlib import Path

import numpy as np

from pcgm_bench.contracts import LOBE_NAMES
from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import Scan
from toybrains.faults import fault
from toybrains.faults import log
from toybrains.generator.parts.noise import noise_like

if fault() == "import":
    sys.exit(3)


class Scale(Generator):
    """Learns the groups' means from volumes; has weights if it was trained, and runs without."""

    card = Card(
        "toy-scale",
        "Toy scale",
        "1",
        "none",
        "Apache-2.0",
        frozenset({Job.COUNTERFACTUAL, Job.VOLUMES}),
        trained_on="toys",
        needs_weights=os.environ.get("TOYBRAINS_WEIGHTS", "") == "yes",
    )

    def fit(self, cohort: Cohort, context: Context) -> None:
        """The mean of all scans."""
        self.level = float(np.mean([scan.image.mean() for scan in cohort]))

    def save(self, folder: Path) -> None:
        """Two files."""
        if fault() == "save-nothing":
            return
        (folder / "level.txt").write_text(repr(self.level))
        if fault() == "save-kill":
            os.kill(os.getpid(), signal.SIGKILL)
        (folder / "more.txt").write_text("more")

    def load(self, folder: Path) -> None:
        """Read them."""
        self.level = float((folder / "level.txt").read_text())

    def adapt(self, cohort: Cohort, context: Context) -> None:
        """Means of the two groups of the fold."""
        levels: dict[str, list[float]] = {}
        for scan in cohort:
            assert scan.segmentation is not None
            levels.setdefault(scan.diagnosis, []).append(scan.segmentation.volumes["frontal"])
        self.means = {diagnosis: float(np.mean(volumes)) for diagnosis, volumes in levels.items()}

    def factor(self, scan: Scan, do: Intervention) -> float:
        """Of a person who is changed."""
        return self.means[do.get("diagnosis", scan.diagnosis)] / self.means[scan.diagnosis]

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        """The scan, scaled, with a little noise of its own."""
        log(f"make {scan.key}")
        image = (scan.image * self.factor(scan, do) + noise_like(scan.image, seed)).astype(np.float32)
        return spoilt(image, scan)

    def counterfactual_volumes(self, scan: Scan, do: Intervention, seed: int) -> dict[str, float]:
        """Every lobe by the same factor."""
        assert scan.segmentation is not None
        return {lobe: scan.segmentation.volumes[lobe] * self.factor(scan, do) for lobe in LOBE_NAMES}


def spoilt(image: np.ndarray, scan: Scan) -> np.ndarray:
    """The image with the fault that the test wants."""
    match fault():
        case "exit":
            sys.exit(0)
        case "scan 17" if scan.subject == "016":
            raise RuntimeError("out of\nmemory")
        case "none":
            return None
        case "shape":
            return image[:-1]
        case "uint8":
            return (image * 100).astype(np.uint8)
        case "zero":
            return image * 0
        case "nan":
            return image * np.float32("nan")
    if fault() == "helper-only" and multiprocessing.parent_process() is not None:
        os._exit(9)
    return image
