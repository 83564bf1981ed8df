"""Settings of one training, its learning rate, and the randomness of its steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from pcgm_bench.training.budget import Budget

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Settings:
    """How one network is trained.

    Attributes:
        steps: optimiser steps at most.
        minutes: wall time at most, over all restarts. The learning rate falls with whichever budget is nearer its
            end, so only runs without it are reproducible to the bit.
        batch: items a step, over all processes together.
        lr: peak of the learning rate: ``warmup`` steps up, flat to 60 % of the budget, cosine down to 2 %.
        weight_decay: of AdamW.
        clip: largest norm of the gradient.
        ema: decay of the weight average.
        crop: edge (voxels) of random cubes, or one edge an axis; None takes whole volumes.
        flip: left-right mirrored scans too.
        seed: of first weights, batches, noise and times; the batch of step i depends on ``(seed, i)`` alone.
        bf16: mixed precision, where it is quicker (`pcgm_bench.precision`).
        device: ``cpu``, ``cuda``, ``cuda:1``.
        threads: threads of tensor operations; None leaves the number as it is.
        log_every: steps between rows of the loss log.
        save_every: steps between checkpoints.
    """

    steps: int
    minutes: float | None = None
    batch: int = 4
    lr: float = 4e-4
    warmup: int = 100
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.995
    crop: int | Shape | None = None
    flip: bool = False
    seed: int = 0
    bf16: bool = True
    device: str = "cpu"
    threads: int | None = None
    log_every: int = 50
    save_every: int = 200

    @property
    def budget(self) -> Budget:
        """Steps and minutes."""
        return Budget(self.steps, self.minutes)


def learning_rate(peak: float, settings: Settings, step: int, elapsed: float) -> float:
    """Rate for a step (from 0) after ``elapsed`` seconds; ``peak`` is the largest."""
    fall = max(0.0, min(1.0, (settings.budget.progress(step, elapsed) - 0.6) / 0.4))
    return peak * min(1.0, (step + 1) / max(settings.warmup, 1)) * (0.51 + 0.49 * math.cos(math.pi * fall))


def step_generator(seed: int, step: int, phase: int = 0) -> torch.Generator:
    """Randomness of one step, and of a later phase within it: the same after a restart."""
    words = [seed, step] if phase == 0 else [seed, step, phase]
    state = np.random.SeedSequence(words).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
