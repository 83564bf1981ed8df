"""What all extractors share: a checked image goes in, on one thread, and a vector comes out."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch import nn

from pcgm_bench.contracts import UserError
from pcgm_bench.exact_kernels import exact_kernels
from pcgm_bench.precision import tensor_threads


def checked(image: np.ndarray) -> np.ndarray:
    """The image as contiguous float32.

    Raises:
        UserError: not a volume, nothing in it, or values that are not numbers.
    """
    if image.ndim != 3:
        raise UserError(f"features need a volume (X, Y, Z), not an array of shape {image.shape}")
    image = np.ascontiguousarray(image, np.float32)
    if not np.isfinite(image).all():
        raise UserError("features need an image of numbers: this one has NaN or infinite voxels; make it again")
    if image.max() <= 0:
        raise UserError("features need an image with something in it: this one is 0 or less everywhere; make it again")
    return image


def features(net: nn.Module, volume: Tensor, device: str) -> np.ndarray:
    """``net`` applied to one volume ``(1, C, X, Y, Z)``, whose output ``(1, d)`` comes back as ``(d,)`` float32."""
    with tensor_threads(1), torch.inference_mode(), exact_kernels(device):
        vector = net(volume.to(device))[0].float().cpu()
    return np.ascontiguousarray(vector.numpy())
