"""One resumable training loop for all networks of MGD: AdamW, EMA, bf16, atomic checkpoints, a loss log."""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch import nn

from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.config import MGDConfig
from pcgm_bench.methods.pcgm.config import weights_hash
from pcgm_bench.precision import bf16_pays

LossFunction = Callable[[torch.Generator, int], dict[str, Tensor]]
"""``(generator, step) -> named scalars``; ``"loss"`` is minimised. All randomness comes from the generator."""


@dataclass(frozen=True)
class TrainSettings:
    """How one network is trained.

    Attributes:
        steps: Optimiser steps at most.
        minutes: Wall time at most, over all restarts. The learning rate falls with whichever budget is nearer its
            end, so only runs without it are reproducible to the bit.
        batch: Items a step.
        lr: Peak of the learning rate: ``warmup`` steps up, flat to 60 % of the budget, cosine down to 2 %.
        ema: Decay of the weight average.
        crop: Edge (voxels) of random cubes (encoder, decoder); None takes whole volumes.
        flip: Left-right mirrored scans too.
        seed: Of batches, noise and times; the batch of step i depends on ``(seed, i)`` alone.
        bf16: Mixed precision, where it is quicker (`pcgm_bench.precision`).
        save_every: Steps between checkpoints.
    """

    steps: int
    minutes: float | None = None
    batch: int = 4
    lr: float = 4e-4
    warmup: int = 100
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.995
    crop: int | None = None
    flip: bool = False
    seed: int = 0
    bf16: bool = True
    device: str = "cpu"
    log_every: int = 50
    save_every: int = 200


def step_generator(seed: int, step: int) -> torch.Generator:
    """Randomness of one step: the same after a restart."""
    state = np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


def learning_rate(settings: TrainSettings, step: int, elapsed: float) -> float:
    """Rate for a step (from 0) after ``elapsed`` seconds."""
    progress = step / settings.steps
    if settings.minutes is not None:
        progress = max(progress, elapsed / (60 * settings.minutes))
    fall = max(0.0, min(1.0, (progress - 0.6) / 0.4))
    return settings.lr * min(1.0, (step + 1) / max(settings.warmup, 1)) * (0.51 + 0.49 * math.cos(math.pi * fall))


@dataclass
class _Run:
    """Everything that a checkpoint holds."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: dict[str, Tensor]
    identity: str
    step: int = 0
    elapsed: float = 0.0

    def save(self, path: Path) -> None:
        scratch = path.with_suffix(".tmp")
        torch.save(
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": self.average,
                "identity": self.identity,
                "step": self.step,
                "elapsed": self.elapsed,
            },
            scratch,
        )
        os.replace(scratch, path)

    def resume(self, path: Path) -> None:
        try:
            state = torch.load(path, weights_only=True)
        except Exception as error:
            raise UserError(f"{path}: unreadable checkpoint ({error}); delete it to start again") from error
        if state["identity"] != self.identity:
            raise UserError(f"{path}: checkpoint of another configuration, seed or data; delete it or use a new folder")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        for key, value in state["average"].items():
            self.average[key].copy_(value)
        self.step, self.elapsed = state["step"], state["elapsed"]

    def update_average(self, decay: float) -> None:
        decay = min(decay, (1 + self.step) / (10 + self.step))
        for key, value in self.model.state_dict().items():
            if value.is_floating_point():
                self.average[key].lerp_(value, 1 - decay)
            else:
                self.average[key].copy_(value)


def _identity(name: str, config: MGDConfig, settings: TrainSettings, data: str) -> str:
    s = settings
    fixed = (name, weights_hash(config), data, s.seed, s.batch, s.crop, s.flip, s.bf16)
    return hashlib.sha256(repr(fixed).encode()).hexdigest()[:16]


def _open_log(path: Path, step: int) -> None:
    """Keep the rows up to ``step``: what came after the checkpoint will be run again."""
    rows = path.read_text().splitlines() if path.exists() else []
    kept = [row for row in rows[1:] if row and float(row.split("\t")[0]) <= step]
    path.write_text("\n".join([*rows[:1], *kept]) + "\n" if kept else "")


def _append(path: Path, row: dict[str, float]) -> None:
    with path.open("a") as handle:
        if handle.tell() == 0:
            handle.write("\t".join(row) + "\n")
        handle.write("\t".join(f"{value:.8g}" for value in row.values()) + "\n")


def train_network(
    name: str,
    model: nn.Module,
    loss: LossFunction,
    config: MGDConfig,
    settings: TrainSettings,
    folder: Path,
    data: str,
    report: Callable[[str], None] = print,
) -> nn.Module:
    """Train ``model`` in place, from the folder's checkpoint if there is one.

    Writes ``{name}_state.pt`` (resumes exactly) and ``{name}_loss.tsv``. Parameters that need no gradient stay as
    they are.

    Args:
        name: Of the network, in file names and log lines.
        model: The network.
        loss: See `LossFunction`.
        config: Stamped into the checkpoint; another one is refused.
        settings: See `TrainSettings`.
        folder: Existing folder.
        data: Identity of the training data, checked like the configuration.
        report: Takes one line every ``log_every`` steps.

    Returns:
        ``model`` with the averaged weights, in evaluation mode.

    Raises:
        UserError: The checkpoint belongs to something else or cannot be read.
        FloatingPointError: The loss is not finite.
    """
    state_path, log_path = folder / f"{name}_state.pt", folder / f"{name}_loss.tsv"
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=settings.lr, weight_decay=settings.weight_decay, betas=(0.9, 0.99))
    average = {key: value.detach().clone() for key, value in model.state_dict().items()}
    run = _Run(model, optimizer, average, _identity(name, config, settings, data))
    if state_path.exists():
        run.resume(state_path)
        report(f"{name}: resumed at step {run.step}")
    _open_log(log_path, run.step)
    model.train()
    begin, offset, first = time.monotonic(), run.elapsed, run.step
    sums: dict[str, float] = {}
    count = 0
    mixed = settings.bf16 and bf16_pays(settings.device)

    def finished() -> bool:
        return run.step >= settings.steps or (settings.minutes is not None and run.elapsed >= 60 * settings.minutes)

    while not finished():
        rate = learning_rate(settings, run.step, run.elapsed)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(settings.device, torch.bfloat16, enabled=mixed):
            terms = loss(step_generator(settings.seed, run.step), run.step)
        optimizer.zero_grad(set_to_none=True)
        terms["loss"].backward()
        norm = nn.utils.clip_grad_norm_(parameters, settings.clip)
        if not bool(torch.isfinite(norm)):
            raise FloatingPointError(f"{name}: loss or gradient not finite at step {run.step}; lower the learning rate")
        optimizer.step()
        run.step += 1
        run.update_average(settings.ema)
        run.elapsed = offset + time.monotonic() - begin
        sums = {key: sums.get(key, 0.0) + float(value.detach()) for key, value in terms.items()}
        count += 1
        if run.step % settings.log_every == 0 or finished():
            means = {key: value / count for key, value in sums.items()}
            _append(log_path, {"step": run.step, "seconds": round(run.elapsed, 1), "lr": rate, **means})
            text = "  ".join(f"{key} {value:.5f}" for key, value in means.items())
            pace = (run.elapsed - offset) / (run.step - first)
            report(f"{name}: step {run.step}/{settings.steps}  {text}  {run.elapsed:.0f} s  {pace:.2f} s/step")
            sums, count = {}, 0
        if run.step % settings.save_every == 0 or finished():
            run.save(state_path)
    model.load_state_dict(run.average)
    return model.eval()
