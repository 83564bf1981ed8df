"""A tiny training for tests: a line is fitted to points, in one process or in several."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch import nn

from pcgm_bench.training.batches import build_network
from pcgm_bench.training.loop import Training
from pcgm_bench.training.optimise import Phase
from pcgm_bench.training.optimise import Step
from pcgm_bench.training.settings import Settings

SETTINGS = Settings(steps=6, batch=8, lr=0.05, warmup=2, ema=0.5, bf16=False, save_every=2, log_every=1)


def network() -> nn.Module:
    """Two layers, 3 numbers in and one out."""
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))


def points(step: Step, batch: int) -> tuple[Tensor, Tensor]:
    """The whole batch of a step: inputs ``(B, 3)`` and targets ``(B, 1)``."""
    x = torch.randn(batch, 3, generator=step.generator)
    return x, x.sum(dim=1, keepdim=True)


def train(folder: Path, settings: Settings = SETTINGS) -> nn.Module:
    """Train the network; returns it with averaged weights, and leaves them in ``weights.pt``."""
    model = build_network(network, settings)

    def loss(step: Step) -> dict[str, Tensor]:
        x, y = step.mine(*points(step, settings.batch))
        return {"loss": (model(x) - y).square().mean(), "size": x.square().mean(), "items": torch.tensor(float(len(x)))}

    phases = [Phase.of("line", model.parameters(), loss, settings)]
    return Training("line", model, phases, settings, folder, "points").run()
