"""MedicalNet features: the spaces in which the paper's FID and MMD are measured."""

from __future__ import annotations

import hashlib
import os
import pickle
from functools import cached_property
from pathlib import Path
from typing import Any
from typing import ClassVar
from typing import Self

import numpy as np
import torch
from monai.networks.nets import resnet50
from monai.networks.nets import resnet101
from torch import nn

from pcgm_bench.contracts import FeatureExtractor
from pcgm_bench.contracts import UserError
from pcgm_bench.features.forward import checked
from pcgm_bench.features.forward import features

PREFIX = "module."
"""What `nn.DataParallel` put before every key of the published weights."""


class MedicalNet(FeatureExtractor):
    """2048 features of a MedicalNet 3D ResNet: its last block, averaged over space.

    The network is the published one: first convolution with stride 2; third and fourth layer with stride 1 and
    dilation 2 and 4 (MONAI's ResNet has strides there, loads the same weights without complaint, and gives other
    features). Intensities 0 to 1 go in as -1 to 1, as in HA-GAN's and the paper's evaluation; what is brighter than 1
    counts as 1. MedicalNet's own preprocessing (z-scores, noise as background) is left out, as it is there.

    Weights: the file in the environment variable, or ``weights``, or the Hugging Face hub; in each case its SHA-256
    must be the one that is expected.

    Known failure: trained to segment organs in CT and MRI of other bodies at other resolutions; at 3 mm the last map
    has 7 x 8 x 7 voxels.

    Reference: Chen, Ma and Zheng 2019, Med3D, arXiv 1904.00625 (MIT).
    """

    depth: ClassVar[int]
    sha256: ClassVar[str]
    """Of the published file, as the Hugging Face hub has it."""
    thread_safe: ClassVar[bool] = True
    revision: ClassVar[int] = 1
    """Raised whenever this module gives other features for the same image."""

    def __init__(self, *, weights: Path | None = None, sha256: str | None = None, device: str = "cpu") -> None:
        """Say where the weights are; nothing is read or fetched before they are needed.

        Args:
            weights: file; by default the environment variable's, or else the hub's.
            sha256: what the file must hash to, if it is another one than the published (fine-tuned weights).
            device: where the network runs.
        """
        self._asked = weights
        self._expected = sha256 or self.sha256
        self.device = device

    @classmethod
    def open(cls, device: str = "cpu", threads: int = 1) -> Self:
        """The extractor on a device; features are computed on one thread, whatever ``threads`` says (`forward`)."""
        return cls(device=device)

    @property
    def variable(self) -> str:
        """Environment variable that names the file: ``PCGM_BENCH_MEDICALNET_50``."""
        return f"PCGM_BENCH_MEDICALNET_{self.depth}"

    @property
    def identity(self) -> str:
        """``medicalnet-50-<SHA-256 of the weights, 12 digits>-<revision>``.

        Raises:
            UserError: the weights cannot be had or are not the expected ones: better said before images are made for
                them than afterwards.
        """
        return f"{self.name}-{self._checked[1][:12]}-{self.revision}"

    @cached_property
    def _checked(self) -> tuple[Path, str]:
        """The weights' file and its SHA-256, which is the expected one."""
        named = self._asked or os.environ.get(self.variable)
        path = Path(named).expanduser() if named else self._fetched()
        if not path.is_file():
            raise UserError(f"{path}: no such file; {self._remedy}")
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != self._expected:
            msg = f"{path}: SHA-256 is {found}, not {self._expected}: this is another file; {self._remedy}"
            raise UserError(msg)
        return path, found

    @property
    def _remedy(self) -> str:
        return (
            f"download resnet_{self.depth}.pth from huggingface.co/TencentMedicalNet/MedicalNet-Resnet{self.depth} "
            f"and set {self.variable} to its path, or choose the feature space uncnn, which needs no weights"
        )

    def _fetched(self) -> Path:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError

        try:
            return Path(hf_hub_download(f"TencentMedicalNet/MedicalNet-Resnet{self.depth}", f"resnet_{self.depth}.pth"))
        except (OSError, EntryNotFoundError) as error:
            msg = f"{self.name}: its weights are not here and could not be downloaded; {self._remedy}"
            raise UserError(msg) from error

    @cached_property
    def _net(self) -> nn.Module:
        path, _ = self._checked
        try:
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
            state = {key.removeprefix(PREFIX): value for key, value in content["state_dict"].items()}
            with torch.device("meta"):  # the weights come from the file; drawing others would touch the caller's seed
                net = network(self.depth)
            net.load_state_dict(state, strict=True, assign=True)
        except (RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
            msg = f"{path}: not the weights of a MedicalNet ResNet-{self.depth} ({str(error).splitlines()[0]})"
            raise UserError(msg) from error
        return net.eval().to(self.device)

    def extract(self, image: np.ndarray) -> np.ndarray:
        """``(2048,)`` float32.

        Raises:
            UserError: the image is empty or has values that are not numbers; or the weights cannot be had.
        """
        volume = torch.from_numpy(np.clip(checked(image), 0, 1) * 2 - 1)
        return features(self._net, volume[None, None], self.device)


class MedicalNet50(MedicalNet):
    """MedicalNet ResNet-50; see `MedicalNet`."""

    name: ClassVar[str] = "medicalnet-50"
    title: ClassVar[str] = "MedicalNet ResNet-50"
    depth: ClassVar[int] = 50
    sha256: ClassVar[str] = "5b6189cafbee2f5604a7279b62bc163365aa6a86a377e1dc260a14275cacbd84"


class MedicalNet101(MedicalNet):
    """MedicalNet ResNet-101; see `MedicalNet`."""

    name: ClassVar[str] = "medicalnet-101"
    title: ClassVar[str] = "MedicalNet ResNet-101"
    depth: ClassVar[int] = 101
    sha256: ClassVar[str] = "a26bbcf9b2ad35f048b0fa317234c003f171a4d719760e5c4aff9f793654ebcf"


def network(depth: int) -> nn.Module:
    """MedicalNet's ResNet with random weights: ``(B, 1, X, Y, Z)`` to ``(B, 2048)``.

    Args:
        depth: 50 or 101.
    """
    net = {50: resnet50, 101: resnet101}[depth](
        spatial_dims=3,
        n_input_channels=1,
        conv1_t_stride=2,
        feed_forward=False,
        shortcut_type="B",
        bias_downsample=False,
    )
    _dilate(net.layer3, 2)
    _dilate(net.layer4, 4)
    return net


def _dilate(layer: nn.Module, dilation: int) -> None:
    """Give a layer stride 1 and, in its 3 x 3 x 3 convolutions, the dilation."""
    for part in layer.modules():
        if isinstance(part, nn.Conv3d):
            part.stride = (1, 1, 1)
            if part.kernel_size == (3, 3, 3):
                part.dilation = part.padding = (dilation,) * 3
