"""Batches of training scans: which items, mirrored and cropped how, with what noise and at which diffusion times.

All randomness comes from the step's generator, on the CPU, so that a batch is the same on every device.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pcgm_bench.training.settings import Settings
from pcgm_bench.training.settings import Shape
from pcgm_bench.training.weights import Network
from pcgm_bench.training.weights import set_layout


def build_network(constructor: Callable[[], Network], settings: Settings) -> Network:
    """A network whose first weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return set_layout(constructor(), settings.device)


def stack(items: list[Tensor], settings: Settings) -> Tensor:
    """Items ``(C, X, Y, Z)`` as a batch on the device, in channels-last layout."""
    return torch.stack(items).to(settings.device).contiguous(memory_format=torch.channels_last_3d)


def pick(generator: torch.Generator, n: int, settings: Settings) -> list[tuple[int, bool]]:
    """Items of one batch, out of ``n``, and whether each is mirrored."""
    indices = torch.randint(n, (settings.batch,), generator=generator).tolist()
    coins = torch.rand(settings.batch, generator=generator).tolist()
    return [(i, settings.flip and coin < 0.5) for i, coin in zip(indices, coins, strict=True)]


def mirror(x: Tensor, flip: bool) -> Tensor:
    """``(C, X, Y, Z)`` with left and right exchanged, if asked for."""
    return x.flip(1) if flip else x


def crop(generator: torch.Generator, volume: Tensor, edge: int | Shape | None, steps: Shape = (1, 1, 1)) -> Tensor:
    """A random box of ``(C, X, Y, Z)``.

    Args:
        generator: source of randomness.
        volume: the whole.
        edge: voxels of the box, for all axes or one an axis; None: the whole volume.
        steps: the box starts at multiples of these.
    """
    if edge is None:
        return volume
    edges = (edge, edge, edge) if isinstance(edge, int) else edge
    for axis, (step, size) in enumerate(zip(steps, edges, strict=True), 1):
        start = step * int(torch.randint((volume.shape[axis] - size) // step + 1, (1,), generator=generator))
        volume = volume.narrow(axis, start, size)
    return volume


def draw_times(generator: torch.Generator, batch: int, device: str | torch.device) -> Tensor:
    """Stratified uniform diffusion times ``(batch,)``, away from 0 where there is nothing to learn."""
    u = (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch
    return (0.005 + 0.995 * u).to(device)


def noise_like(generator: torch.Generator, x: Tensor) -> Tensor:
    """Standard normal noise with the shape, device and layout of ``x`` ``(B, C, X, Y, Z)``."""
    noise = torch.randn(x.shape, generator=generator).to(x.device)
    return noise.contiguous(memory_format=torch.channels_last_3d)
