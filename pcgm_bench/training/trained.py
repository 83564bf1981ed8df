"""Base class of generators with trained networks: whom they were trained on, saving, loading on first use, devices."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Generic
from typing import Protocol
from typing import TypeVar

import numpy as np
from safetensors.numpy import load_file
from safetensors.numpy import save_file

from pcgm_bench.cohort.grid import SPACING_MM
from pcgm_bench.cohort.grid import grid
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.training.people import draw_person

PEOPLE = "people.safetensors"


class Networks(Protocol):
    """Trained networks that make images."""

    def to(self, device: str) -> None:
        """Move all networks."""

    def save(self, folder: Path) -> object:
        """Write the weights into an existing folder."""

    def sample(self, condition: np.ndarray, mask: np.ndarray | None, seed: int) -> np.ndarray:
        """A new brain ``(X, Y, Z)`` from noise, under metadata ``(4,)`` and a mask."""


N = TypeVar("N", bound=Networks)


class TrainedGenerator(Generator, Generic[N]):
    """A generator on trained networks.

    A method says how its networks are trained (`train`), read (`read`), and how a scan's metadata are encoded
    (`condition`); the rest is here.
    """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the images that the networks were made for."""

    def grids(self) -> tuple[str, ...]:
        """The standard grids of the networks' shape: one, or none."""
        return tuple(name for name in SPACING_MM if grid(name).shape == self.shape)

    def __init__(self) -> None:
        """A model that has seen nobody yet."""
        self._networks: N | None = None
        self._folder: Path | None = None
        self._people: np.ndarray | None = None
        self._device = "cpu"

    @abstractmethod
    def train(self, cohort: Cohort, context: Context, work: Path) -> N:
        """Train the networks with the context's seed, device and threads; keep checkpoints in ``work``."""

    @abstractmethod
    def read(self, folder: Path, device: str) -> N:
        """Read the networks that `Networks.save` wrote."""

    @abstractmethod
    def condition(self, scan: Scan) -> np.ndarray:
        """Metadata of a scan as the networks see them, ``(4,)``."""

    def fit(self, cohort: Cohort, context: Context) -> None:
        """Train the networks on segmented scans; goes on from the checkpoints in ``context.work``.

        Raises:
            UserError: no work folder, or scans that do not fit the configuration.
        """
        if context.work is None:
            msg = f"{self.card.name}: training keeps checkpoints: it needs a work folder"
            raise UserError(msg)
        self._device = context.device
        self._networks = self.train(cohort, context, context.work)
        self._people = np.stack([self.condition(cohort[index]) for index in range(len(cohort))])

    def to(self, device: str) -> None:
        """Make images on this device from now on: ``cpu``, ``cuda``, ``cuda:1``."""
        if device != self._device and self._networks is not None:
            self._networks.to(device)
        self._device = device

    def sample(self, n: int, seed: int, first: int = 0) -> Iterator[np.ndarray]:
        """New brains of people like the training cohort's: metadata of a random one of them, anatomy from noise."""
        networks = self.networks
        if self._people is None:
            msg = f"{self.card.name}: these weights do not say whom they were trained on; train them anew"
            raise UserError(msg)
        for number in range(first, first + n):
            condition, image_seed = draw_person(self._people, seed, number)
            yield np.maximum(networks.sample(condition, None, image_seed), 0)

    @property
    def networks(self) -> N:
        """The networks, read from the weights when first needed.

        Raises:
            UserError: there are no weights.
        """
        if self._networks is None:
            if self._folder is None:
                name = self.card.name
                msg = f"{name} has no weights: train them with `pcgm-bench fit --method {name}`"
                raise UserError(msg)
            self._networks = self.read(self._folder, self._device)
        return self._networks

    def check_grid(self, scan: Scan) -> None:
        """Raises `UserError` for a scan on another grid than the networks'."""
        if scan.image.shape != self.shape:
            known = " or ".join(f"--grid {name}" for name in self.grids()) or "a grid of that shape"
            msg = f"{scan.key}: {self.card.name}'s weights are for {self.shape} voxels, not {scan.image.shape}"
            raise UserError(f"{msg}: use {known}")

    def save(self, folder: Path) -> None:
        """Write the networks and whom they were trained on, where there are any."""
        if self._networks is not None:
            self._networks.save(folder)
        if self._people is not None:
            save_file({"conditions": self._people.astype(np.float32)}, folder / PEOPLE)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote; the networks themselves when they are first needed."""
        self._folder, self._networks = folder, None
        if (folder / PEOPLE).exists():
            self._people = load_file(folder / PEOPLE)["conditions"]
