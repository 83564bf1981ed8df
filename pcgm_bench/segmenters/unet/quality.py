"""How far a reading can be trusted: confidence of the network times fit of the atlas."""

from __future__ import annotations

import numpy as np
import torch

MISFIT = (0.38, 0.55)
"""Misfits of the atlas up to which it fits, and from which it does not. Phantoms have .24 to .27, real scans .34 to
.37, heads the wrong way up and noise .53 to .78."""


def quality(tissue: torch.Tensor, misfit: float) -> float:
    """Mean confidence inside the head times fit of the atlas, 0 to 1: our own proxy, not SynthSeg's or FreeSurfer's QC.

    A network is as sure of noise as of a brain; the atlas fits one and not the other.
    """
    inside = tissue[0] < 0.5
    if not bool(inside.any()):
        return 0.0
    top = tissue[:, inside].max(0).values.mean()
    fit = float(np.clip((MISFIT[1] - misfit) / (MISFIT[1] - MISFIT[0]), 0, 1))
    return fit * float(torch.clamp((top - 0.5) / 0.35, 0, 1))
