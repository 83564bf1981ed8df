"""Intensities of a T1w image brought to fixed levels, whatever the contrast of the scan."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

LEVELS = (0.0, 1.0, 2.0)
"""What the centres of fluid, grey and white matter become in a normalised image; outside the head it is `OUTSIDE`."""
OUTSIDE = -0.5


def normalise(image: Tensor) -> Tensor:
    """Bring fluid, grey and white matter to fixed levels, whatever the contrast of the scan.

    The centres are those of a 1-D k-means over the head's voxels; in between the map is linear, so a voxel's shares of
    two tissues stay linear in its value.
    """
    top = image.max()
    # Noise around a head has voxels above the first limit, but no neighbourhood above the second.
    around = functional.avg_pool3d(image[None, None], 3, 1, 1, count_include_pad=False)[0, 0]
    inside = (image > 0.02 * top) & (around > 0.05 * top)
    values = image[inside]
    if values.numel() < 100:
        return torch.full_like(image, OUTSIDE)
    centres = torch.quantile(values[:: max(1, values.numel() // 20_000)], torch.tensor([0.1, 0.45, 0.85]))
    # Two quantiles can be the same value, and then one of the two centres would own no voxel.
    centres = centres + torch.tensor([-1.0, 0.0, 1.0]) * 1e-3 * (values.max() - values.min())
    counts = torch.histc(values, 256, float(values.min()), float(values.max()))
    bins = torch.linspace(float(values.min()), float(values.max()), 257)
    middles = (bins[:-1] + bins[1:]) / 2
    for _ in range(30):
        owner = (middles[:, None] - centres).abs().argmin(1)
        for k in range(3):
            weight = counts * (owner == k)
            if weight.sum() > 0:
                centres[k] = (weight * middles).sum() / weight.sum()
    low, mid, high = (float(c) for c in centres)
    below = LEVELS[1] + (image - mid) / max(mid - low, 1e-6) * (LEVELS[1] - LEVELS[0])
    above = LEVELS[1] + (image - mid) / max(high - mid, 1e-6) * (LEVELS[2] - LEVELS[1])
    return torch.where(inside, torch.where(image < mid, below, above).clamp(-1, 4), OUTSIDE)
