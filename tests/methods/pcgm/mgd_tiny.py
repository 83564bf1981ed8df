"""A tiny MGD configuration and data for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import nn

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.methods.pcgm.generator import PCGM
from pcgm_bench.methods.pcgm.mgd.config import ControlConfig
from pcgm_bench.methods.pcgm.mgd.config import DecoderConfig
from pcgm_bench.methods.pcgm.mgd.config import DecoderSamplerConfig
from pcgm_bench.methods.pcgm.mgd.config import EncoderConfig
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.config import SamplerConfig
from pcgm_bench.methods.pcgm.mgd.config import UNetConfig
from pcgm_bench.methods.pcgm.mgd.phantom import PHANTOM
from pcgm_bench.training.data import ScanBank
from pcgm_bench.training.settings import Settings

TINY = replace(
    PHANTOM,
    name="tiny",
    shape=(8, 16, 8),
    encoder=EncoderConfig(widths=(4, 8), blocks=(0, 1)),
    unet=UNetConfig(
        widths=(8, 8), down_blocks=(0, 1), up_blocks=(1,), mid_hidden=8, heads=2, time_dim=8, token_dim=8, mid_blocks=2
    ),
    control=ControlConfig(hint_widths=(4, 8)),
    decoder=DecoderConfig(widths=(4, 8), down_blocks=(0, 1), up_blocks=(1,), strides=((2, 2, 2),), time_dim=8),
)


def awaken(module: nn.Module, seed: int = 0, size: float = 0.1) -> nn.Module:
    """Replace layers that start at zero by small random ones, as after training."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if not bool(parameter.any()):
                parameter.copy_(size * torch.randn(parameter.shape, generator=generator))
    return module


def tiny_data(n: int = 3) -> ScanBank:
    """Random scans, conditions (one unknown) and masks."""
    rng = np.random.default_rng(0)
    conditions = rng.normal(size=(n, 4)).astype(np.float32)
    conditions[0, 2] = np.nan
    return ScanBank(
        images=rng.random((n, 1, *TINY.shape)).astype(np.float16),
        conditions=conditions,
        masks=(255 * rng.random((n, 8, *TINY.shape))).astype(np.uint8),
    )


class TinyPeople(Cohort):
    """Scans of random tissue on the tiny grid; controls have more cortex."""

    name = "people"
    is_phantom = True

    def __init__(self, scans: Sequence[Scan]) -> None:
        self.scans = list(scans)

    @property
    def table(self) -> pd.DataFrame:
        columns = ("subject", "session", "age", "sex", "diagnosis", "head_size")
        return pd.DataFrame([{name: scan.__dict__[name] for name in columns} for scan in self.scans])

    @property
    def content_hash(self) -> str:
        return "people"

    def __getitem__(self, index: int) -> Scan:
        return self.scans[index]

    def subset(self, subjects: Sequence[str]) -> TinyPeople:
        return TinyPeople([scan for scan in self.scans if scan.subject in set(subjects)])


def tiny_people(count: int = 12) -> TinyPeople:
    """A dozen people, every other one with alcohol use disorder."""
    return TinyPeople([tiny_scan(k) for k in range(count)])


def tiny_scan(k: int) -> Scan:
    """A person's scan with its segmentation."""
    rng = np.random.default_rng(k)
    fractions = rng.random((len(CHANNELS), *TINY.shape)).astype(np.float32)
    fractions /= fractions.sum(0)
    sick = k % 2
    volumes = {lobe: 50.0 + 5 * j - 2 * sick + rng.normal() for j, lobe in enumerate(LOBE_NAMES)}
    segmentation = Segmentation(fractions, np.zeros(TINY.shape, np.int16), volumes, 1400.0 + k, 1.0)
    return Scan(f"{k:02d}", "", rng.random(TINY.shape).astype(np.float32), np.eye(4), 30.0 + k, "FM"[k // 2 % 2],
                "AUD" if sick else "control", 1400.0 + k, segmentation)  # fmt: skip


QUICK = Settings(steps=2, batch=1, save_every=1)
SCHEDULE = dict.fromkeys(("encoder", "decoder", "unet", "controlnet"), QUICK)


class TinyPCGM(PCGM):
    """PCGM on an 8 x 16 x 8 grid with two steps of everything."""

    config: MGDConfig = replace(
        TINY,
        sampler=SamplerConfig(steps=2, strength=1.0, n_fixed_point=1),
        decoder_sampler=DecoderSamplerConfig(steps=2, n_fixed_point=1),
    )
