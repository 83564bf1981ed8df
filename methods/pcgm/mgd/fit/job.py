"""What the trainings of MGD's networks share: data, configuration, folder, and how a trained network is left behind.

Every training leaves ``{name}_state.pt`` (checkpoint), ``{name}_loss.tsv`` and the shipped ``{name}-IofN.safetensors``
in the folder, and returns the network with the weights as rounded to fp16 in those files, so that what is trained on a
network sees what users will get. Called again on a finished folder it returns at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch import nn

from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import silent
from pcgm_bench.methods.pcgm.mgd.causal_encoder import CausalEncoder
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.config import weights_stamp
from pcgm_bench.training.batches import draw_times
from pcgm_bench.training.batches import noise_like
from pcgm_bench.training.batches import pick
from pcgm_bench.training.batches import stack
from pcgm_bench.training.data import ScanBank
from pcgm_bench.training.distributed import world
from pcgm_bench.training.latents import cached_latents
from pcgm_bench.training.loop import LOGGER
from pcgm_bench.training.loop import Training
from pcgm_bench.training.loop import checkpoint_identity
from pcgm_bench.training.optimise import LossFunction
from pcgm_bench.training.optimise import Phase
from pcgm_bench.training.optimise import Step
from pcgm_bench.training.people import random_drop
from pcgm_bench.training.settings import Settings
from pcgm_bench.training.weights import Network
from pcgm_bench.training.weights import load_weights
from pcgm_bench.training.weights import round_to_half
from pcgm_bench.training.weights import save_weights


@dataclass(frozen=True)
class Job:
    """Training of MGD's networks on one bank of scans.

    Attributes:
        bank: the scans; its masks have the ControlNet's channels.
        config: of the networks.
        folder: existing folder for checkpoints, weights and loss logs.
        report: takes one line at every row of a loss log.
        progress: told (what, steps done, steps at most).
        start: folder of weights that training starts from, of the same configuration; None: random ones.
    """

    bank: ScanBank
    config: MGDConfig
    folder: Path
    report: Callable[[str], None] = LOGGER.info
    progress: Progress = silent
    start: Path | None = None

    def check(self) -> None:
        """Raises `UserError` where the bank does not fit the configuration."""
        self.bank.check(self.config.shape, self.config.control.mask_channels)

    def begin(self, name: str, network: Network) -> Network:
        """A new network, with the weights of the same name to start from where there are such.

        Raises:
            UserError: they are missing, or of another configuration.
        """
        if self.start is not None:
            load_weights(network, self.start, name, weights_stamp(self.config))
        return network

    def train(self, name: str, model: nn.Module, loss: LossFunction, settings: Settings) -> None:
        """Train a network in place, from its checkpoint if there is one."""
        identity = checkpoint_identity(name, weights_stamp(self.config).digest, settings, self.bank.identity())
        Training(
            name,
            model,
            [Phase.of(name, model.parameters(), loss, settings)],
            settings,
            self.folder,
            identity,
            report=self.report,
            callback=lambda done, total: self.progress(f"train {name}", done, total),
        ).run()

    def finish(self, name: str, network: nn.Module, settings: Settings) -> None:
        """Round the weights to fp16, freeze them and write them."""
        round_to_half(network).requires_grad_(False)
        processes = world(settings.device)
        if processes.is_main:
            save_weights(network, self.folder, name, weights_stamp(self.config))
        processes.wait()

    def image(self, i: int) -> Tensor:
        """Scan ``(1, X, Y, Z)`` in [-1, 1]."""
        return self.bank.image(i, self.config.image_range)

    def latents(self, encoder: CausalEncoder, settings: Settings) -> Tensor:
        """Latents of all scans, see `pcgm_bench.training.latents.cached_latents`."""
        return cached_latents(encoder, encoder.encode, self.bank, self.config.image_range, settings, self.folder)


@dataclass(frozen=True)
class LatentBatch:
    """The whole batch of a step of the denoising networks.

    Attributes:
        items: which scans, and whether each is mirrored.
        z: clean latents ``(B, C, D, H, W)``.
        noise: standard normal, like ``z``.
        t: times ``(B,)``.
        condition: metadata ``(B, 4)``.
        drop: True where a field is replaced by its null ``(B, 4)``.
    """

    items: list[tuple[int, bool]]
    z: Tensor
    noise: Tensor
    t: Tensor
    condition: Tensor
    drop: Tensor

    @classmethod
    def draw(cls, step: Step, latents: Tensor, job: Job, settings: Settings) -> LatentBatch:
        """By the step's generator."""
        generator, unet = step.generator, job.config.unet
        items = pick(generator, len(job.bank), settings)
        z = stack([latents[i + len(job.bank) * flip].float() for i, flip in items], settings)
        noise = noise_like(generator, z)
        t = draw_times(generator, len(items), settings.device)
        condition = torch.from_numpy(job.bank.conditions[[i for i, _ in items]].astype("float32"))
        drop = random_drop(generator, len(items), unet.drop_all, unet.drop_field)
        return cls(items, z, noise, t, condition.to(settings.device), drop.to(settings.device))
