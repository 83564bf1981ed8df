"""Latents of all training scans, encoded once and kept in a file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch import nn

from pcgm_bench.training.batches import mirror
from pcgm_bench.training.batches import stack
from pcgm_bench.training.data import ScanBank
from pcgm_bench.training.distributed import world
from pcgm_bench.training.settings import Settings


@torch.inference_mode()
def cached_latents(
    encoder: nn.Module,
    encode: Callable[[Tensor], Tensor],
    bank: ScanBank,
    image_range: float,
    settings: Settings,
    folder: Path,
) -> Tensor:
    """Latents ``(M, C, ...)`` float16 of all scans in canonical order, kept in ``folder``.

    Args:
        encoder: its weights, with the bank's identity, say whether the file still holds.
        encode: images ``(B, 1, X, Y, Z)`` in [-1, 1] to latents.
        bank: the scans.
        image_range: see `ScanBank.image`.
        settings: device, and whether mirrored scans are wanted too.
        folder: existing folder.

    Returns:
        M is the number of scans; twice that with ``settings.flip``, the mirrored scans behind.
    """
    digest = hashlib.sha256(bank.identity().encode())
    for value in encoder.state_dict().values():
        digest.update(value.cpu().contiguous().numpy().tobytes())
    stamp, path = digest.hexdigest()[:16], folder / f"latents{'-flip' if settings.flip else ''}.safetensors"
    kept, processes = _kept(path, stamp), world(settings.device)
    # All look before one writes: a process that comes late would read the file and not wait for the others below.
    processes.wait()
    if kept is not None:
        return kept
    latents = [
        encode(stack([mirror(bank.image(i, image_range), flip)], settings)).half().cpu().contiguous()
        for flip in ((False, True) if settings.flip else (False,))
        for i in range(len(bank))
    ]
    stacked = torch.cat(latents)
    if processes.is_main:
        save_file({"latents": stacked}, path, metadata={"stamp": stamp})
    processes.wait()
    return stacked


def _kept(path: Path, stamp: str) -> Tensor | None:
    """The latents in a file of this stamp; None without one."""
    if not path.exists():
        return None
    with safe_open(path, framework="pt") as handle:
        return handle.get_tensor("latents") if (handle.metadata() or {}).get("stamp") == stamp else None
