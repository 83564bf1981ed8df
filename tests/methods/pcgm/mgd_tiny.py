"""A tiny MGD configuration and data for tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from pcgm_bench.methods.pcgm.mgd.config import ControlConfig
from pcgm_bench.methods.pcgm.mgd.config import DecoderConfig
from pcgm_bench.methods.pcgm.mgd.config import EncoderConfig
from pcgm_bench.methods.pcgm.mgd.config import UNetConfig
from pcgm_bench.methods.pcgm.mgd.phantom import PHANTOM
from pcgm_bench.training.data import ScanBank

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
