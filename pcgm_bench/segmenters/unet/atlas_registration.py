"""Where in the average brain each voxel of a head lies: moments, then Lucas and Kanade's image registration.

Lucas and Kanade (1981): in a window, the displacement that explains the difference of two images best is a linear
least-squares problem in the known image's gradients. Repeated with smaller windows, it lays the atlas on a person.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pcgm_bench.segmenters.unet.atlas import CELL_MM
from pcgm_bench.segmenters.unet.atlas import CORNER_MM
from pcgm_bench.segmenters.unet.atlas import Atlas
from pcgm_bench.segmenters.unet.atlas import look_up
from pcgm_bench.segmenters.unet.normalisation import LEVELS
from pcgm_bench.segmenters.unet.normalisation import OUTSIDE

HEAD = -0.25
"""Least mean of a normalised image, no brighter than fluid, over 3 x 3 x 3 voxels of the head: half of them are fluid
or brighter. The noise that some images have outside is darker than fluid."""
WINDOWS = ((7, 2), (5, 1), (3, 2), (3, 1), (3, 1))
"""Iterations: side of a box (voxels of 6 mm) and how often it is applied."""
STEP = 0.85
"""Share of the solution that is taken in an iteration."""
FURTHEST_MM = 6.0
_RIDGE = (0.025, 2e-4)
"""Share of the trace, and constant, added to the diagonal: flat places do not move."""
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def levels_of_atlas(atlas: Atlas) -> Tensor:
    """What `levels_of_image` sees of the atlas, and its gradient: ``(1, 2 + 6, *SHAPE)``, the gradient axis by axis."""
    fluid, white, deep, below, _ = atlas.tissue
    # Deep grey and the cerebellum are between grey and white matter in a T1w image.
    levels = torch.stack([white + 0.6 * deep + 0.45 * below, fluid])[None]
    slopes = torch.gradient(levels, spacing=CELL_MM, dim=(2, 3, 4))
    return torch.cat([levels, *slopes], 1)


def levels_of_image(image: Tensor, head: Tensor) -> Tensor:
    """How white (above grey) and how fluid (below grey) voxels are: normalised ``(B, 1, ...)`` to ``(B, 2, ...)``."""
    fluid = (1 - image.clamp(0, 1)) * head
    return torch.cat([(image - 1).clamp(0, 1.3), fluid], 1)


def head_of(image: Tensor) -> Tensor:
    """Which voxels of a normalised image ``(B, 1, X, Y, Z)`` belong to the head."""
    return smooth(image.clamp(OUTSIDE, LEVELS[0]), 3, 1) > HEAD


def extent_of_atlas(atlas: Atlas) -> Tensor:
    """Mean and s.d. (cells) of the atlas's head along each axis: ``(3, 2)``."""
    head = (atlas.tissue.sum(0) > 0.5).float()
    along = [head.sum([k for k in range(3) if k != axis])[None] for axis in range(3)]
    return torch.stack([torch.cat(_moments(line), 1)[0] for line in along])


def rough(head: Tensor, extent: Tensor) -> Tensor:
    """The head moved and stretched along the axes until the mean and s.d. of its voxels are the atlas's.

    Args:
        head: from `head_of`, ``(B, 1, X, Y, Z)``.
        extent: from `extent_of_atlas`.

    Returns:
        Place of every voxel, ``(B, 3, X, Y, Z)`` float32, mm.
    """
    head = head[:, 0].float()
    places = []
    for axis in range(3):
        middle, spread = extent[axis]
        here, width = _moments(head.sum([k + 1 for k in range(3) if k != axis]))
        steps = torch.arange(head.shape[axis + 1], dtype=torch.float32, device=head.device)
        cells = middle + (steps - here) * spread / width
        shape = [len(head), *(head.shape[axis + 1] if k == axis else 1 for k in range(3))]
        places.append((CORNER_MM[axis] + CELL_MM * (cells + 0.5)).reshape(shape).expand(head.shape))
    return torch.stack(places, 1)


def _moments(along: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and s.d. ``(B, 1)`` of the index, weighed by ``(B, N)``."""
    weight = along + 1e-6
    steps = torch.arange(weight.shape[1], dtype=torch.float32, device=weight.device)
    total = weight.sum(1, keepdim=True)
    middle = (weight * steps).sum(1, keepdim=True) / total
    return middle, ((weight * (steps - middle) ** 2).sum(1, keepdim=True) / total).sqrt() + 1e-3


def smooth(x: Tensor, side: int, times: int) -> Tensor:
    """Mean over a cube of ``side`` voxels (odd), ``times`` times; at the border over those of them that exist.

    An axis at a time, as a sum of shifted copies: seven times faster than torch's ``avg_pool3d``, with its bits.
    """
    for _ in range(times):
        for axis in range(2, 5):
            x = _smooth_along(x, side, axis)
    return x


def _smooth_along(x: Tensor, side: int, axis: int) -> Tensor:
    half, length = min(side // 2, x.shape[axis] - 1), x.shape[axis]
    total = torch.zeros_like(x)
    for offset in range(-half, half + 1):
        overlap = length - abs(offset)
        total.narrow(axis, max(0, -offset), overlap).add_(x.narrow(axis, max(0, offset), overlap))
    index = torch.arange(length, device=x.device)
    count = (index + half).clamp(max=length - 1) - (index - half).clamp(min=0) + 1
    return total / count.to(x.dtype).reshape([-1 if k == axis else 1 for k in range(x.ndim)])


def evidence(levels: Tensor, known: Tensor, place: Tensor) -> Tensor:
    """What image and atlas say about moving ``place``, averaged over 2 x 2 x 2 voxels: ``(B, 21, X/2, Y/2, Z/2)``.

    Channels: gradient times difference (3), products of gradients (6, as `_PAIRS`), then by level the difference, its
    size, the atlas (2 each), and gradient times difference (6).
    """
    found = look_up(known, place)
    atlas, slopes = found[:, :2], found[:, 2:].unflatten(1, (3, 2))
    difference = levels - atlas
    pull = slopes * difference[:, None]
    products = torch.stack([(slopes[:, a] * slopes[:, b]).sum(1) for a, b in _PAIRS], 1)
    parts = [pull.sum(2), products, difference, difference.abs(), atlas, pull.flatten(1, 2)]
    return functional.avg_pool3d(torch.cat(parts, 1), 2)


def solution(seen: Tensor, side: int, times: int) -> Tensor:
    """Least-squares displacement (mm) in windows around each point of ``seen``, from `evidence`: ``(B, 3, ...)``."""
    window = smooth(seen[:, :9], side, times).movedim(1, -1)
    matrix = window.new_zeros(*window.shape[:-1], 3, 3)
    for k, (a, b) in enumerate(_PAIRS):
        matrix[..., a, b] = matrix[..., b, a] = window[..., 3 + k]
    trace = window[..., 3:6].sum(-1)
    matrix.diagonal(dim1=-2, dim2=-1).add_((_RIDGE[0] * trace + _RIDGE[1])[..., None])
    found = torch.linalg.solve(matrix, window[..., :3, None])[..., 0]
    return found.movedim(-1, 1).clamp(-FURTHEST_MM, FURTHEST_MM)


def lucas_kanade(levels: Tensor, known: Tensor, place: Tensor) -> Tensor:
    """A better place, mm ``(B, 3, X, Y, Z)``, from a rough one; sides divide by two."""
    for side, times in WINDOWS:
        move = smooth(STEP * solution(evidence(levels, known, place), side, times), 3, 1)
        place = place + functional.interpolate(move, scale_factor=2.0, mode="trilinear")
    return place
