"""One optimiser and what it minimises: the phases of a training, and what their loss functions are given."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch import nn

from pcgm_bench.training.distributed import Processes
from pcgm_bench.training.settings import Settings

BETAS = (0.9, 0.99)
WEIGHT_DECAY = 0.01
CLIP = 1.0


@dataclass(frozen=True)
class Step:
    """What a loss function is given.

    Attributes:
        number: of the step, from 0.
        progress: share of the budget that is spent, 0 to 1.
        generator: all randomness of the step comes from here; it depends on the seed and the step alone.
        processes: who trains together.
    """

    number: int
    progress: float
    generator: torch.Generator
    processes: Processes

    def mine(self, *batch: Tensor) -> tuple[Tensor, ...]:
        """This process's items of the tensors ``(B, ...)`` of the step's whole batch."""
        return tuple(self.processes.share(tensor) for tensor in batch)


LossFunction = Callable[[Step], dict[str, Tensor]]
"""Named scalars, means over the items of `Step.mine`; ``"loss"`` is minimised, the others are logged."""


@dataclass(frozen=True)
class Descent:
    """AdamW on some parameters, with clipped gradients.

    Attributes:
        name: of the network or phase, for error messages.
        parameters: that it changes.
        optimizer: their optimiser.
        clip: largest norm of the gradient; infinity for none.
        processes: who trains together.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    optimizer: torch.optim.Optimizer
    clip: float
    processes: Processes

    @classmethod
    def adamw(
        cls,
        name: str,
        parameters: Iterable[nn.Parameter],
        lr: float,
        *,
        betas: tuple[float, float] = BETAS,
        weight_decay: float = WEIGHT_DECAY,
        clip: float = CLIP,
        processes: Processes | None = None,
    ) -> Descent:
        """On those of the parameters that need a gradient."""
        trained = tuple(parameter for parameter in parameters if parameter.requires_grad)
        optimizer = torch.optim.AdamW(trained, lr=lr, weight_decay=weight_decay, betas=betas)
        return cls(name, trained, optimizer, clip, processes or Processes())

    def step(self, loss: Tensor, rate: float) -> None:
        """One step down a loss.

        Args:
            loss: scalar; the mean over this process's items.
            rate: learning rate.

        Raises:
            FloatingPointError: loss or gradient is not finite.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.processes.average_gradients(self.parameters)
        norm = nn.utils.clip_grad_norm_(self.parameters, self.clip)
        if not bool(torch.isfinite(norm)):
            raise FloatingPointError(f"{self.name}: loss or gradient not finite; lower the learning rate")
        self.optimizer.step()


@dataclass(frozen=True)
class Phase:
    """One optimiser of a training and what it minimises.

    Attributes:
        name: in checkpoints, logs and error messages.
        parameters: that it changes; those that need no gradient stay as they are.
        loss: see `LossFunction`.
        lr: peak of the learning rate, see `Settings.lr`.
        betas: of AdamW.
        weight_decay: of AdamW.
        clip: largest norm of the gradient; infinity for none.
        every: it takes part in every so many steps, the first included.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    loss: LossFunction
    lr: float
    betas: tuple[float, float] = BETAS
    weight_decay: float = WEIGHT_DECAY
    clip: float = CLIP
    every: int = 1

    @classmethod
    def of(cls, name: str, parameters: Iterable[nn.Parameter], loss: LossFunction, settings: Settings) -> Phase:
        """A phase with the learning rate, weight decay and clipping of the settings."""
        return cls(name, tuple(parameters), loss, settings.lr, weight_decay=settings.weight_decay, clip=settings.clip)

    def descent(self, processes: Processes) -> Descent:
        """Its optimiser, before the first step."""
        return Descent.adamw(
            self.name,
            self.parameters,
            self.lr,
            betas=self.betas,
            weight_decay=self.weight_decay,
            clip=self.clip,
            processes=processes,
        )
