"""One resumable training loop for all networks: AdamW, weight average, bf16, atomic checkpoints, a loss log.

A training has one phase or several: an adversarial one has a phase for the generator and one for the discriminator,
each with an optimiser and a loss of its own; all go into one checkpoint.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch import nn

from pcgm_bench.precision import bf16_pays
from pcgm_bench.precision import tensor_threads
from pcgm_bench.training.distributed import Processes
from pcgm_bench.training.distributed import world
from pcgm_bench.training.loss_log import LossLog
from pcgm_bench.training.optimise import Descent
from pcgm_bench.training.optimise import Phase
from pcgm_bench.training.optimise import Step
from pcgm_bench.training.settings import Settings
from pcgm_bench.training.settings import learning_rate
from pcgm_bench.training.settings import step_generator
from pcgm_bench.training.state import TrainingState
from pcgm_bench.training.state import weight_average

LOGGER = logging.getLogger(__name__)


def checkpoint_identity(name: str, digest: str, settings: Settings, data: str) -> str:
    """Hash of what a checkpoint must share with the training that takes it up.

    Args:
        name: of the network.
        digest: hash of the configuration.
        settings: of the training; how long it lasts, and where it runs, may change.
        data: identity of the training data.
    """
    s = settings
    fixed = (name, digest, data, s.seed, s.batch, s.crop, s.flip, s.bf16)
    return hashlib.sha256(repr(fixed).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Training:
    """One training: a model, its phases, and where its files go.

    Attributes:
        name: of the network, in file names and log lines.
        model: what is trained, in place.
        phases: at least one; within a step they follow each other in this order. The first one's rate is logged.
        settings: see `Settings`; the batch is the phases' business.
        folder: existing folder for ``{name}_state.pt`` (resumes exactly) and ``{name}_loss.tsv``.
        identity: from `checkpoint_identity`.
        averaged: submodules whose weights are averaged; None for all.
        report: takes one line at every row of the loss log.
        callback: told (steps done, steps at most) at every row of the loss log.
    """

    name: str
    model: nn.Module
    phases: Sequence[Phase]
    settings: Settings
    folder: Path
    identity: str
    averaged: Sequence[str] | None = None
    report: Callable[[str], None] = LOGGER.info
    callback: Callable[[int, int], None] = lambda _done, _total: None

    def run(self) -> nn.Module:
        """Train, from the folder's checkpoint if there is one.

        Returns:
            ``model`` with the averaged weights, in evaluation mode.

        Raises:
            UserError: the checkpoint belongs to something else or cannot be read.
            FloatingPointError: the loss is not finite.
        """
        with tensor_threads(self.settings.threads):
            return self._run(world(self.settings.device))

    def _run(self, processes: Processes) -> nn.Module:
        settings, budget, path = self.settings, self.settings.budget, self.folder / f"{self.name}_state.pt"
        descents = {phase.name: phase.descent(processes) for phase in self.phases}
        optimizers = {name: descent.optimizer for name, descent in descents.items()}
        state = TrainingState(self.model, optimizers, weight_average(self.model, self.averaged), self.identity)
        if path.exists():
            state.resume(path, settings.device)
            self._say(f"{self.name}: resumed at step {state.step}", processes)
        log = LossLog(self.folder / f"{self.name}_loss.tsv", state.step, processes)
        self.model.train()
        begin, offset, first = time.monotonic(), state.elapsed, state.step
        while not budget.is_spent(state.step, state.elapsed):
            rate = learning_rate(self.phases[0].lr, settings, state.step, state.elapsed)
            log.add(self._step(state, descents, processes))
            state.step += 1
            state.update_average(settings.ema)
            state.elapsed = processes.agree(offset + time.monotonic() - begin)
            ends = budget.is_spent(state.step, state.elapsed)
            if state.step % settings.log_every == 0 or ends:
                text = log.write(state.step, state.elapsed, rate)
                pace = f"{state.elapsed:.0f} s  {(state.elapsed - offset) / (state.step - first):.2f} s/step"
                self._say(f"{self.name}: step {state.step}/{settings.steps}  {text}  {pace}", processes)
                if processes.is_main:
                    self.callback(state.step, settings.steps)
            if processes.is_main and (state.step % settings.save_every == 0 or ends):
                state.save(path)
        if (shortfall := budget.shortfall(state.step)) and processes.is_main:
            LOGGER.warning("%s: %s", self.name, shortfall)
        processes.wait()
        return state.finish()

    def _say(self, line: str, processes: Processes) -> None:
        if processes.is_main:
            self.report(line)

    def _step(self, state: TrainingState, descents: Mapping[str, Descent], processes: Processes) -> dict[str, Tensor]:
        """All phases of one step; returns their losses, named after their phase where there are several."""
        settings, device = self.settings, torch.device(self.settings.device)
        mixed = settings.bf16 and bf16_pays(settings.device)
        progress = min(settings.budget.progress(state.step, state.elapsed), 1.0)
        logged: dict[str, Tensor] = {}
        for index, phase in enumerate(self.phases):
            if state.step % phase.every:
                continue
            step = Step(state.step, progress, step_generator(settings.seed, state.step, index), processes)
            with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
                terms = phase.loss(step)
            # Another phase's loss may have left gradients here.
            self.model.zero_grad(set_to_none=True)
            try:
                descents[phase.name].step(terms["loss"], learning_rate(phase.lr, settings, state.step, state.elapsed))
            except FloatingPointError as error:
                error.add_note(f"{self.name}, step {state.step}")
                raise
            prefix = "" if len(self.phases) == 1 else f"{phase.name} "
            logged |= {prefix + key: value for key, value in terms.items()}
        return logged
