"""Voxels smaller than the network's: averaged before it reads, and its shares brought back to them afterwards.

Voxels of 3 mm and of 2 mm cut each other into pieces: along each axis 2 mm + 1 mm, then 1 mm + 2 mm. All sums go over
these pieces: the average is exact, and the shares of a network's voxel's pieces add up to what was read. (A small voxel
between two of the network's is the mean of pieces of both: the sums of two neighbours together stay, 6 mm a side.)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pcgm_bench.anatomy import TISSUES

NETWORK_MM = 3
ROUNDS = 12
"""Of proportional fitting; what is left over then is below .2 % of a voxel."""
PURE = 0.999
"""A voxel with this much of one tissue has it everywhere."""
SPREAD = 0.12
"""s.d. of a tissue's intensities in small voxels over white matter's mean: noise, partial volume, the tissue's own."""
LEAST = 1e-6
"""Of a guess, so that what was read always finds a place."""
_FLUIDS = [TISSUES.index("csf"), TISSUES.index("ventricles")]
_AXES = (-3, -2, -1)


@dataclass(frozen=True)
class Pieces:
    """How the voxels along one axis cut those of the network.

    Attributes:
        fine: of every piece the index of its small voxel.
        number: how many pieces a network's voxel has; they follow each other.
        share: of every piece its part of the network's voxel.
        weight: of every piece its part of the small voxel.
    """

    fine: Tensor
    number: int
    share: Tensor
    weight: Tensor


def pieces(side: int, spacing: int) -> Pieces:
    """The pieces of an axis of ``side`` voxels of ``spacing`` mm, first voxels beginning together.

    >>> cut = pieces(3, 2)
    >>> cut.fine.tolist(), cut.number, cut.weight.tolist()
    ([0, 1, 1, 2], 2, [1.0, 0.5, 0.5, 1.0])
    """
    whole = side * spacing
    edges = torch.tensor(sorted({*range(0, whole + 1, spacing), *range(0, whole + 1, NETWORK_MM)}))
    length = edges.diff()
    number = len(length) * NETWORK_MM // whole
    return Pieces(edges[:-1] // spacing, number, length / NETWORK_MM, length / spacing)


def averaged(image: Tensor, cuts: list[Pieces]) -> Tensor:
    """The mean over every voxel of the network.

    Args:
        image: ``(..., x, y, z)`` in small voxels.
        cuts: of the three axes.
    """
    for axis, cut in zip(_AXES, cuts, strict=True):
        parts = image.index_select(axis, cut.fine) * _along(cut.share, axis)
        image = parts.unflatten(axis, (-1, cut.number)).sum(axis)
    return image


def finer_shares(tissue: Tensor, image: Tensor, cuts: list[Pieces]) -> Tensor:
    """Shares of the small voxels; over every 6 mm a side they add up to what was read there.

    Neighbours say where in a voxel a tissue is likely (linear interpolation), the image's intensities say it better;
    iterative proportional fitting (Deming & Stephan 1940, doi 10.1214/aoms/1177731829) keeps what was read. Lobes share
    cortex in a network's voxel alike everywhere.

    Args:
        tissue: ``(12, X, Y, Z)`` as read, adding up to one.
        image: ``(x, y, z)`` in small voxels.
        cuts: of the three axes.

    Returns:
        ``(12, x, y, z)`` float32 in [0, 1], adding up to one.
    """
    kinds = torch.cat([tissue[: len(TISSUES)], tissue[len(TISSUES) :].sum(0, keepdim=True)])
    means = _means(averaged(image, cuts), kinds)
    guess = functional.interpolate(kinds[None], tuple(image.shape), mode="trilinear")[0]
    spread = SPREAD * float(means.max().clamp(min=LEAST))
    guess = guess * torch.exp(-0.5 * ((image - means[:, None, None, None]) / spread) ** 2)
    mixed = kinds.max(0).values < PURE
    part_of_voxel = torch.ones(1, 1, 1)
    for axis, cut in zip(_AXES, cuts, strict=True):
        guess = guess.index_select(axis, cut.fine)
        part_of_voxel = part_of_voxel * _along(cut.share, axis)
    read = kinds.movedim(0, -1)
    blocks = read[:, :, :, None].repeat(1, 1, 1, len(_pieces_last(guess[:1], cuts)[0, 0, 0]), 1)
    blocks[mixed] = _fitted(
        _pieces_last(guess, cuts)[mixed], _pieces_last(part_of_voxel[None], cuts)[mixed], read[mixed][:, None]
    )
    cortex = tissue[len(TISSUES) :]
    lobes = (cortex / cortex.sum(0).clamp(min=LEAST)).movedim(0, -1)
    whole = torch.cat([blocks[..., :-1], blocks[..., -1:] * lobes[:, :, :, None]], -1)
    return _merged(whole, cuts)


def finer_place(place: Tensor, box: tuple[slice, slice, slice], network: torch.Size, fine: torch.Size) -> Tensor:
    """Place in the atlas ``(3, x, y, z)`` of every small voxel, from that in the ``box`` of the network's voxels."""
    ends = [end for part, side in zip(box[::-1], network[::-1], strict=True) for end in (part.start, side - part.stop)]
    everywhere = functional.pad(place[None], ends, mode="replicate")
    return functional.interpolate(everywhere, tuple(fine), mode="trilinear")[0]


def _fitted(guess: Tensor, part: Tensor, read: Tensor) -> Tensor:
    """Proportional fitting: pieces ``(N, P, K)`` whose mean by ``part`` ``(N, P, 1)`` is ``read`` ``(N, 1, K)``."""
    values = torch.where(read > 0, guess.clamp(min=LEAST), 0.0)
    for _ in range(ROUNDS):
        values = values * (read / (values * part).sum(1, keepdim=True).clamp(min=1e-12))
        values = values / values.sum(2, keepdim=True).clamp(min=1e-12)
    return values


def _means(image: Tensor, kinds: Tensor) -> Tensor:
    """Intensity of every kind ``(7,)``: least squares of the network's image on what was read; fluids have one."""
    design = kinds.flatten(1)
    seen = design[TISSUES.index("background")] < 1
    fluid = design[_FLUIDS].sum(0, keepdim=True)
    others = [k for k in range(len(kinds)) if k not in _FLUIDS]
    columns = torch.cat([design[others], fluid])[:, seen].T
    found = torch.linalg.lstsq(columns.double(), image.flatten()[seen][:, None].double(), driver="gelsd").solution
    means = torch.zeros(len(kinds))
    means[others], means[_FLUIDS] = found[:-1, 0].float(), float(found[-1, 0])
    return means.clamp(min=0)


def _along(values: Tensor, axis: int) -> Tensor:
    return values.reshape([-1 if axis == other else 1 for other in _AXES])


def _pieces_last(values: Tensor, cuts: list[Pieces]) -> Tensor:
    """``(K, X * number, ...)`` as ``(X, Y, Z, pieces of one, K)``."""
    for axis, cut in zip((1, 3, 5), cuts, strict=True):
        values = values.unflatten(axis, (-1, cut.number))
    return values.permute(1, 3, 5, 2, 4, 6, 0).flatten(3, 5)


def _merged(blocks: Tensor, cuts: list[Pieces]) -> Tensor:
    """`_pieces_last` undone, and pieces put together to small voxels ``(K, x, y, z)``."""
    values = blocks.unflatten(3, [cut.number for cut in cuts]).permute(6, 0, 3, 1, 4, 2, 5)
    values = values.flatten(5, 6).flatten(3, 4).flatten(1, 2)
    for axis, cut in zip(_AXES, cuts, strict=True):
        size = list(values.shape)
        size[axis] = int(cut.fine[-1]) + 1
        parts = values * _along(cut.weight, axis)
        values = torch.zeros(size).index_add_(values.dim() + axis, cut.fine, parts)
    return values
