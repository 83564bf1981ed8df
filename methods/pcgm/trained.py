"""What PCGM and CDM share: trained networks, whom they were trained on, and new brains of people like those."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import ClassVar

import numpy as np
from safetensors.numpy import load_file
from safetensors.numpy import save_file

from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.config import MGDConfig
from pcgm_bench.methods.pcgm.fitting import SCHEDULE
from pcgm_bench.methods.pcgm.fitting import condition_of
from pcgm_bench.methods.pcgm.fitting import train_mgd
from pcgm_bench.methods.pcgm.mgd import MGD
from pcgm_bench.methods.pcgm.mgd import comparable
from pcgm_bench.methods.pcgm.mgd import encode_condition

PEOPLE = "people.safetensors"


class TrainedMGD(Generator):
    """A generator on MGD's networks.

    Attributes:
        config: of the networks and their sampling.
        networks: those that `fit` trains.
    """

    config: ClassVar[MGDConfig]
    networks: ClassVar[tuple[str, ...]] = tuple(SCHEDULE)

    def __init__(self) -> None:
        """A model that has seen nobody yet."""
        self._mgd: MGD | None = None
        self._folder: Path | None = None
        self._people: np.ndarray | None = None
        self._device = "cpu"

    def fit(self, cohort: Cohort, context: Context) -> None:
        """Train the networks on segmented scans; goes on from the checkpoints in ``context.work``.

        Raises:
            UserError: no work folder, or scans that do not fit the configuration.
        """
        if context.work is None:
            msg = f"{self.card.name}: training keeps checkpoints: it needs a work folder"
            raise UserError(msg)
        schedule = {name: SCHEDULE[name] for name in self.networks}
        self._mgd = train_mgd(cohort, self.config, context.work, context.progress, schedule)
        self._people = np.stack([condition_of(cohort[index], self.config) for index in range(len(cohort))])

    def sample(self, n: int, seed: int, first: int = 0) -> Iterator[np.ndarray]:
        """New brains of people like the training cohort's: metadata of a random one of them, anatomy from noise."""
        mgd = self.mgd
        if self._people is None:
            msg = f"{self.card.name}: these weights do not say whom they were trained on; train them anew"
            raise UserError(msg)
        yield from mgd.draw(self._people, n, seed, first)

    @property
    def mgd(self) -> MGD:
        """The networks, read from the weights when first needed.

        Raises:
            UserError: there are no weights.
        """
        if self._mgd is None:
            if self._folder is None:
                name = self.card.name
                msg = f"{name} has no weights: train them with `pcgm-bench fit --method {name}`"
                raise UserError(msg)
            self._mgd = MGD.load(self._folder, self.config, self._device)
        return self._mgd

    def check_grid(self, scan: Scan) -> None:
        """Raises `UserError` for a scan on another grid than the networks'."""
        if scan.image.shape != self.config.shape:
            msg = (
                f"{scan.key}: {self.card.name}'s weights are for {self.config.shape} voxels, not {scan.image.shape}: "
                "use 3mm"
            )
            raise UserError(msg)

    def save(self, folder: Path) -> None:
        """Write the networks and whom they were trained on, where there are any."""
        if self._mgd is not None:
            self._mgd.save(folder)
        if self._people is not None:
            save_file({"conditions": self._people.astype(np.float32)}, folder / PEOPLE)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote; the networks themselves when they are first needed."""
        self._folder, self._mgd = folder, None
        if (folder / PEOPLE).exists():
            self._people = load_file(folder / PEOPLE)["conditions"]


def conditions(scan: Scan, do: Mapping[str, Any], config: MGDConfig) -> tuple[np.ndarray, np.ndarray]:
    """Metadata of a scan, and under ``do`` (age, sex and diagnosis of it), as the networks see them, ``(4,)`` each."""
    person: dict[str, Any] = {"age": scan.age, "sex": scan.sex, "diagnosis": scan.diagnosis} | dict(do)
    new = encode_condition(float(person["age"]), str(person["sex"]), str(person["diagnosis"]), scan.head_size, config)
    return comparable(condition_of(scan, config), new)
