"""Train the segmenter on the phantom's training controls; `make` is the command."""

from __future__ import annotations

import time
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.precision import bf16_pays
from pcgm_bench.segmenters.unet.atlas import Atlas
from pcgm_bench.segmenters.unet.fitting.losses import loss_of
from pcgm_bench.segmenters.unet.fitting.losses import volume_weight
from pcgm_bench.segmenters.unet.fitting.stripping import surroundings
from pcgm_bench.segmenters.unet.fitting.synthesis import picture
from pcgm_bench.segmenters.unet.fitting.synthesis import real_picture
from pcgm_bench.segmenters.unet.fitting.synthesis import scene
from pcgm_bench.segmenters.unet.fitting.training_pairs import PERSON
from pcgm_bench.segmenters.unet.fitting.training_pairs import REAL
from pcgm_bench.segmenters.unet.fitting.training_pairs import SCAN
from pcgm_bench.segmenters.unet.fitting.training_pairs import STRANGER
from pcgm_bench.segmenters.unet.fitting.training_pairs import Pair
from pcgm_bench.segmenters.unet.network import Reading
from pcgm_bench.segmenters.unet.network import build
from pcgm_bench.segmenters.unet.network import fractions as shares
from pcgm_bench.segmenters.unet.network import window
from pcgm_bench.segmenters.unet.normalisation import normalise

MOVE_RATE = 0.25
"""Learning rate of the network's last move, which has no norms, as a share of the others'."""
_WHITE = CHANNELS.index("white_matter")
SHARES = {PERSON: 0.3, STRANGER: 0.1, REAL: 0.3, SCAN: 0.3}
"""How often each kind of pair is drawn, where there are such."""
SHOW_EVERY = 50
"""Steps between lines of the loss log."""
CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class Settings:
    """How the segmenter is trained.

    Attributes:
        minutes: wall time at most, over all restarts; the learning rate falls with it.
        steps: optimiser steps at most; training ends with whichever is spent first.
        seed: of the first weights, the pictures and their order.
        peak: largest learning rate.
        save_every: steps between checkpoints.
        device: where the network is trained.
        start: weights to start from, with volumes counting fully from the first step; None: random ones.
    """

    minutes: float = 45.0
    steps: int = 6000
    seed: int = 0
    peak: float = 4e-3
    save_every: int = 250
    device: str = "cpu"
    start: Path | None = None

    def rate(self, step: int, progress: float) -> float:
        """Learning rate: 100 steps of warm-up, then half a cosine over the training."""
        return float(self.peak * min(1.0, (step + 1) / 100) * (0.5 * (1 + np.cos(np.pi * progress)) + 0.003))


class Run:
    """Network, average of its weights and optimiser, as a checkpoint holds them."""

    def __init__(self, atlas: Atlas, settings: Settings) -> None:
        torch.manual_seed(settings.seed)
        self.settings = settings
        self.net = build(atlas).to(settings.device)
        if settings.start is not None:
            self.net.load_state_dict({key: value.float() for key, value in load_file(settings.start).items()})
        self.average = {key: value.clone() for key, value in self.net.state_dict().items()}
        moving = list(self.net.refinement.parameters())
        others = [value for key, value in self.net.named_parameters() if not key.startswith("refinement.")]
        groups = [{"params": others, "share": 1.0}, {"params": moving, "share": MOVE_RATE}]
        self.optimiser = torch.optim.AdamW(groups, settings.peak, weight_decay=1e-4)
        self.done, self.spent = 0, 0.0

    def save(self, path: Path) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {"net": self.net.state_dict(), "average": self.average, "optimiser": self.optimiser.state_dict(),
                 "done": self.done, "spent": self.spent}  # fmt: skip
        torch.save(state, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, weights_only=True, map_location=self.settings.device)
        self.net.load_state_dict(state["net"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.done, self.spent = state["done"], state["spent"]

    def step(self, groups: Mapping[str, Sequence[Pair]], progress: float) -> list[float]:
        """One optimiser step.

        Args:
            groups: the training material, from `by_kind`.
            progress: share of the training that is done.

        Returns:
            The parts of the loss, as `losses.loss_of` gives them.
        """
        settings = self.settings
        for group in self.optimiser.param_groups:
            group["lr"] = settings.rate(self.done, progress) * group["share"]
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + self.done)
        pair = drawn_from(groups, generator)
        images, fractions, place = (value.to(settings.device) for value in batch(pair, generator))
        kind = torch.device(settings.device).type
        with torch.autocast(kind, torch.bfloat16, enabled=bf16_pays(settings.device)):
            reading: Reading = self.net(images.to(memory_format=torch.channels_last_3d))
        predicted = shares(reading.logits, self.net.lobes_at(reading.place))
        # Weights to start from have learnt where tissue is: volumes count at once.
        weight = volume_weight(progress if settings.start is None else 1.0)
        loss, parts = loss_of(reading.logits, predicted, reading.place, (fractions, place), weight)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        decay = min(0.995, (self.done + 1) / (self.done + 10))
        for key, value in self.net.state_dict().items():
            self.average[key].lerp_(value, 1 - decay)
        self.done += 1
        return parts


def by_kind(pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """The pairs of each kind of `SHARES` that there is."""
    groups = {kind: [pair for pair in pairs if pair.kind == kind] for kind in SHARES}
    return {kind: those for kind, those in groups.items() if those}


def drawn_from(groups: Mapping[str, Sequence[Pair]], generator: torch.Generator) -> Pair:
    """A random pair: first its kind, by `SHARES`, then which of them."""
    kinds = list(groups)
    weights = torch.tensor([SHARES[kind] for kind in kinds])
    those = groups[kinds[int(torch.multinomial(weights, 1, generator=generator))]]
    return those[int(torch.randint(len(those), (), generator=generator))]


def batch(pair: Pair, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Images ``(2, 1, X, Y, Z)``, fractions, and place of a pair, cut to the head."""
    fractions = torch.from_numpy(pair.fractions).float() / 255
    texture = torch.from_numpy(pair.texture.astype(np.float32))
    place = torch.from_numpy(pair.place.astype(np.float32))
    drawn = scene(generator)
    outside = pair.image is None or pair.outside
    # One mask for both states: with two, what one mask cuts away passes for change, and changes are under-read.
    around = surroundings(fractions[0], drawn.means[_WHITE], generator, outside=outside)
    if pair.image is None:
        images = [picture(fractions[k], texture[k], generator, drawn, around) for k in range(2)]
    else:
        seen = torch.from_numpy(pair.image.astype(np.float32))
        images = [real_picture(fractions[k], seen[k], generator, drawn, around) for k in range(2)]
    box = window((torch.stack(images) > 0.02).any(0) | (fractions[:, 0].amin(0) < 0.98))
    jitter = torch.randint(-2, 3, (3,), generator=generator).tolist()
    crop: list[slice] = []
    for cut, move, side in zip(box, jitter, texture.shape[1:], strict=True):
        size = cut.stop - cut.start
        start = min(max(cut.start + move, 0), side - size)
        crop.append(slice(start, start + size))
    x, y, z = crop
    normal = torch.stack([normalise(image) for image in images])
    return normal[:, None, x, y, z], fractions[..., x, y, z], place[..., x, y, z]


def train(pairs: list[Pair], atlas: Atlas, folder: Path, settings: Settings, stop_after: int | None = None) -> None:
    """Train for the minutes or the steps, whichever ends first; resumes from ``folder/checkpoint.pt``.

    Args:
        pairs: from `training_pairs.make_pairs`.
        atlas: from `average_atlas.make_atlas`.
        folder: for the checkpoint and ``loss.tsv``.
        settings: how.
        stop_after: leave at this step as if interrupted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run, checkpoint, groups = Run(atlas, settings), folder / CHECKPOINT, by_kind(pairs)
    if checkpoint.exists():
        run.load(checkpoint)
    if run.spent >= 60 * settings.minutes:
        return
    started, sums = time.monotonic() - run.spent, np.zeros(4)
    with (folder / "loss.tsv").open("a") as log:
        while run.done < settings.steps:
            # The schedule follows the clock, so that any machine ends on a small rate.
            elapsed = (time.monotonic() - started) / 60 / settings.minutes
            progress = min(max(elapsed, run.done / settings.steps), 1.0)
            sums += run.step(groups, progress)
            run.spent = time.monotonic() - started
            if run.done % SHOW_EVERY == 0:
                numbers = [*(f"{value:.4f}" for value in sums / SHOW_EVERY), f"{run.spent / 60:.1f}"]
                line = "\t".join([str(run.done), *numbers])
                print(line, flush=True)
                print(line, file=log, flush=True)
                sums[:] = 0
            if run.done % settings.save_every == 0 or run.done == settings.steps or progress >= 1:
                run.save(checkpoint)
            if progress >= 1 or run.done == stop_after:
                break
