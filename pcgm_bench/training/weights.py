"""Network weights on disk: fp16 safetensors in parts of at most 4 MiB, each stamped with its configuration's hash."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch import nn

from pcgm_bench.contracts import UserError

Network = TypeVar("Network", bound=nn.Module)
PART_BYTES = 4 * 2**20 - 2**16
"""Most tensor bytes a file, leaving room for its header."""


@dataclass(frozen=True)
class Stamp:
    """Which configuration weights belong to.

    Attributes:
        config: name of the configuration, for messages.
        digest: hash over everything that the weights depend on, see `content_hash`.
    """

    config: str
    digest: str


def content_hash(values: Mapping[str, object]) -> str:
    """16 hex digits over the fields of a configuration; ``values`` must fit into JSON."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def round_to_half(module: Network) -> Network:
    """Round all floating-point weights to the nearest fp16 value, kept in fp32: what a reader of the file will get."""
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(tensor.half().to(tensor.dtype))
    return module


def _parts(state: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    parts: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in state.items():
        n = tensor.numel() * tensor.element_size()
        if parts[-1] and size + n > PART_BYTES:
            parts.append({})
            size = 0
        parts[-1][name] = tensor
        size += n
    return parts


def save_weights(module: nn.Module, folder: Path, name: str, stamp: Stamp) -> list[Path]:
    """Write ``name-1of2.safetensors`` ... into ``folder``; replaces what an earlier call left there.

    Args:
        module: the network.
        folder: an existing folder.
        name: of the network: ``unet``.
        stamp: of its configuration; written into every part.

    Returns:
        The files, in order.
    """
    state = {
        key: (tensor.half() if tensor.is_floating_point() else tensor).detach().cpu().contiguous()
        for key, tensor in module.state_dict().items()
    }
    parts = _parts(state)
    paths = [folder / f"{name}-{i + 1}of{len(parts)}.safetensors" for i in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        scratch = path.with_suffix(".tmp")
        # One entry: several would be written in any order, and the same weights would give other bytes.
        save_file(part, scratch, metadata={"weights_hash": stamp.digest})
        os.replace(scratch, path)
    for old in folder.glob(f"{name}-*of*.safetensors"):
        if old not in paths:
            old.unlink()
    return paths


def load_weights(module: nn.Module, folder: Path, name: str, stamp: Stamp) -> None:
    """Read what `save_weights` wrote.

    Raises:
        UserError: A part is missing, unreadable, or made by another configuration.
    """
    paths = sorted(folder.glob(f"{name}-*of*.safetensors"), key=lambda p: int(p.stem.split("-")[-1].split("of")[0]))
    if not paths:
        raise UserError(f"{folder}: no weights of the {name}; train the method, or give the folder of a trained one")
    expected = int(paths[0].stem.rsplit("of", 1)[1])
    if len(paths) != expected:
        raise UserError(f"{folder}: {len(paths)} of {expected} parts of the {name}; copy the rest or fit again")
    state: dict[str, Tensor] = {}
    for path in paths:
        try:
            with safe_open(path, framework="pt") as handle:
                digest = (handle.metadata() or {}).get("weights_hash")
                state.update({key: handle.get_tensor(key) for key in handle.keys()})  # noqa: SIM118
        except Exception as error:
            raise UserError(f"{path}: not a readable safetensors file ({error}); copy it again or fit again") from error
        if digest != stamp.digest:
            raise UserError(
                f"{path}: weights of configuration {digest}, but {stamp.config!r} is now {stamp.digest}; fit again"
            )
    module.load_state_dict(state)


def set_layout(module: Network, device: str) -> Network:
    """Move to a device, 3-D kernels in channels-last layout (3-5 times faster convolutions on a CPU)."""
    module = module.to(torch.device(device))
    for parameter in module.parameters():
        if parameter.ndim == 5:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
    return module
