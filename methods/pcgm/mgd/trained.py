"""What PCGM and CDM share: a generator on MGD's networks."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Scan
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.model import MGD
from pcgm_bench.training.people import condition_of
from pcgm_bench.training.trained import TrainedGenerator


class TrainedMGD(TrainedGenerator[MGD]):
    """A generator on MGD's networks.

    Attributes:
        config: of the networks and their sampling.
        trained_networks: those that `fit` trains.
    """

    config: MGDConfig
    trained_networks: ClassVar[tuple[str, ...]]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the images that the networks were made for."""
        return self.config.shape

    def train(self, cohort: Cohort, context: Context, work: Path) -> MGD:
        """Train the networks; see `pcgm_bench.methods.pcgm.mgd.fit`.

        Raises:
            UserError: scans that do not fit, or checkpoints of another training.
        """
        from pcgm_bench.methods.pcgm.mgd.fit.job import Job
        from pcgm_bench.methods.pcgm.mgd.fit.train import scan_bank
        from pcgm_bench.methods.pcgm.mgd.fit.train import schedule_for
        from pcgm_bench.methods.pcgm.mgd.fit.train import train_in_processes

        bank = scan_bank(cohort, self.config, context.progress)
        job = Job(bank, self.config, work, progress=context.progress)
        train_in_processes(job, schedule_for(context, self.trained_networks), context.processes)
        return self.read(work, context.device)

    def read(self, folder: Path, device: str) -> MGD:
        """Networks with the weights in a folder."""
        return MGD.load(folder, self.config, device)

    def condition(self, scan: Scan) -> np.ndarray:
        """Metadata of a scan as the networks see them, ``(4,)``."""
        return condition_of(scan, self.config.metadata)
