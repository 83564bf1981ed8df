"""Features of the shipped segmenter: what a network that knows anatomy makes of an image."""

from __future__ import annotations

from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import ClassVar
from typing import Self

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor
from torch import nn

from pcgm_bench.contracts import FeatureExtractor
from pcgm_bench.contracts import UserError
from pcgm_bench.features.forward import checked
from pcgm_bench.features.forward import features
from pcgm_bench.precision import tensor_threads
from pcgm_bench.segmenters.unet.atlas_registration import head_of
from pcgm_bench.segmenters.unet.network import Encoder
from pcgm_bench.segmenters.unet.network import window
from pcgm_bench.segmenters.unet.normalisation import normalise
from pcgm_bench.segmenters.unet.weight_files import NETWORK
from pcgm_bench.segmenters.unet.weight_files import WEIGHTS


class Bottleneck(nn.Module):
    """The way down of the segmenter's UNet, and the mean over space of its deepest block: ``(1, 96)``."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()

    def forward(self, image: Tensor) -> Tensor:
        """``(B, 1, X, Y, Z)``, sides divisible by 8, to ``(B, 96)``."""
        return self.encoder(image)[-1].mean((2, 3, 4))


class SegmenterEncoder(FeatureExtractor):
    """96 features: the deepest block of the shipped segmenter (`pcgm_bench.segmenters.unet`), averaged over space.

    The image goes in as the segmenter sees it: cut to the head, tissue intensities brought to fixed levels.

    Known failure: the segmenter was taught to ignore contrast, noise, blur and bias field, so these features see little
    of them; and a generator scored in the same run is judged by the network that also measures its volumes.

    >>> SegmenterEncoder().extract(np.ones((48, 56, 48), np.float32) * np.linspace(0, 1, 48, dtype=np.float32)).shape
    (96,)
    """

    name: ClassVar[str] = "segmenter"
    title: ClassVar[str] = "encoder of the segmenter"
    thread_safe: ClassVar[bool] = True
    revision: ClassVar[int] = 1
    """Raised whenever this module gives other features for the same image."""

    def __init__(self, *, weights: Path = WEIGHTS, device: str = "cpu") -> None:
        """Say where the weights are.

        Args:
            weights: folder with ``segmenter.safetensors``.
            device: where the network runs.
        """
        self.path = weights / NETWORK
        self.device = device

    @classmethod
    def open(cls, device: str = "cpu", threads: int = 1) -> Self:
        """The extractor on a device; features are computed on one thread, whatever ``threads`` says (`forward`)."""
        return cls(device=device)

    @cached_property
    def _bytes(self) -> bytes:
        if not self.path.is_file():
            raise UserError(f"{self.path}: the segmenter has no weights; reinstall, or name the folder they are in")
        return self.path.read_bytes()

    @cached_property
    def identity(self) -> str:
        """``segmenter-<SHA-256 of the weights, 12 digits>-<revision>``.

        Raises:
            UserError: the weights are missing.
        """
        return f"segmenter-{sha256(self._bytes).hexdigest()[:12]}-{self.revision}"

    @cached_property
    def _net(self) -> nn.Module:
        with torch.device("meta"):  # the weights come from the file; drawing others would touch the caller's seed
            net = Bottleneck().eval()
        try:
            weights = {key: value for key, value in load(self._bytes).items() if key.startswith("encoder.")}
            net.load_state_dict({key: value.float() for key, value in weights.items()}, assign=True)
        except (RuntimeError, SafetensorError) as error:
            msg = f"{self.path}: these weights belong to another network: reinstall, or train them anew"
            raise UserError(msg) from error
        return net.to(self.device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def extract(self, image: np.ndarray) -> np.ndarray:
        """``(96,)`` float32.

        Raises:
            UserError: the image is empty, has values that are not numbers, or sides that do not divide by 8; or the
                weights are missing or another network's.
        """
        image = checked(image)
        if any(side % 8 for side in image.shape):
            msg = f"segmenter features need a standard grid, sides dividing by 8, not {image.shape}"
            raise UserError(msg)
        with tensor_threads(1):
            levels = normalise(torch.from_numpy(image))
            part = levels[window(head_of(levels[None, None])[0, 0])][None, None].contiguous(
                memory_format=torch.channels_last_3d
            )
        return features(self._net, part, self.device)
