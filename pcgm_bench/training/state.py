"""What a checkpoint of a training holds: weights, optimisers, weight average, and how far it has come."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch import nn

from pcgm_bench.contracts import UserError


@dataclasses.dataclass
class TrainingState:
    """Everything that a checkpoint holds.

    Attributes:
        model: all networks that are trained together.
        optimizers: by the name of their phase.
        average: the weight average, by name in the model's state.
        identity: hash of what must be the same for a checkpoint to be taken up.
        step: steps done.
        elapsed: seconds spent, over all restarts.
    """

    model: nn.Module
    optimizers: dict[str, torch.optim.Optimizer]
    average: dict[str, Tensor]
    identity: str
    step: int = 0
    elapsed: float = 0.0

    def save(self, path: Path) -> None:
        """Write the checkpoint; a kill at any moment leaves the old file or the new one."""
        content = {
            "model": self.model.state_dict(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "average": self.average,
            "identity": self.identity,
            "step": self.step,
            "elapsed": self.elapsed,
        }
        scratch = path.with_suffix(".tmp")
        with scratch.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)

    def resume(self, path: Path, device: str) -> None:
        """Take up what `save` wrote.

        Raises:
            UserError: the checkpoint is unreadable or belongs to something else.
        """
        try:
            state = torch.load(path, map_location=device, weights_only=True)
        except Exception as error:
            raise UserError(f"{path}: unreadable checkpoint ({error}); delete it to start again") from error
        if state["identity"] != self.identity:
            raise UserError(f"{path}: checkpoint of another configuration, seed or data; delete it or use a new folder")
        self.model.load_state_dict(state["model"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        for key, value in state["average"].items():
            self.average[key].copy_(value)
        self.step, self.elapsed = state["step"], state["elapsed"]

    def update_average(self, decay: float) -> None:
        """Move the weight average towards the weights; quicker in the first steps."""
        decay = min(decay, (1 + self.step) / (10 + self.step))
        state = self.model.state_dict()
        for key, average in self.average.items():
            if average.is_floating_point():
                average.lerp_(state[key], 1 - decay)
            else:
                average.copy_(state[key])

    def finish(self) -> nn.Module:
        """The model with the averaged weights, in evaluation mode."""
        self.model.load_state_dict(self.model.state_dict() | self.average)
        return self.model.eval()


def weight_average(model: nn.Module, parts: Sequence[str] | None) -> dict[str, Tensor]:
    """A copy of the weights to average: of the whole model, or of its submodules ``parts``."""
    state = {key: value.detach().clone() for key, value in model.state_dict().items()}
    if parts is None:
        return state
    return {key: value for key, value in state.items() if any(key.startswith(f"{part}.") for part in parts)}
