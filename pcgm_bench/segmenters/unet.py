"""The shipped segmenter: the UNet of `network` with weights trained on the phantom's training controls."""

from __future__ import annotations

import json
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from safetensors.torch import load_file

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import DK_REGIONS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import LOBE_OF
from pcgm_bench.anatomy import TISSUE_LABELS
from pcgm_bench.anatomy import TISSUES
from pcgm_bench.anatomy import dk_label
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import Segmenter
from pcgm_bench.contracts import UserError
from pcgm_bench.segmenters.calibration import calibrated
from pcgm_bench.segmenters.network import build
from pcgm_bench.segmenters.network import window
from pcgm_bench.segmenters.synthesis import normalise

WEIGHTS = Path(__file__).parent / "weights"
HEAD = -0.4
"""Normalised intensity above which a voxel belongs to the head."""
_LOBE_OF_REGION = torch.tensor([LOBE_NAMES.index(LOBE_OF[region]) for region in DK_REGIONS])


class UNetSegmenter(Segmenter):
    """Fractions of six lobes, ventricles, deep grey, white matter and CSF; 34 x 2 parcels; head size; a QC score.

    Trained SynthSeg-style on simulated pictures of the phantom's training controls (`pcgm_bench.segmenters.train`).
    Volumes are sums of soft fractions. ``calibration.json`` holds a correction per volume, fitted on the training
    controls (`pcgm_bench.segmenters.calibration`): ``log v = centre + (log measured - centre - offset) / slope``.
    """

    name: ClassVar[str] = "unet"
    title: ClassVar[str] = "UNet trained on the phantom's training controls"

    def __init__(self, weights: Path = WEIGHTS, *, raw: bool = False) -> None:
        """Read the weights.

        Args:
            weights: folder with ``segmenter.safetensors`` and ``calibration.json``.
            raw: leave the calibration out.

        Raises:
            UserError: they are missing or belong to another network.
        """
        path = weights / "segmenter.safetensors"
        if not path.exists():
            msg = f"{path}: the segmenter has no weights: train them with `python -m pcgm_bench.segmenters.train`"
            raise UserError(msg)
        self._path = path
        self._net = build().eval()
        state = {key: value.float() for key, value in load_file(path).items()}
        try:
            self._net.load_state_dict(state)
        except RuntimeError as error:
            msg = f"{path}: these weights belong to another network: reinstall, or train them anew"
            raise UserError(msg) from error
        stored = weights / "calibration.json"
        self._calibration = json.loads(stored.read_text()) if stored.exists() and not raw else {}

    @cached_property
    def identity(self) -> str:
        """``unet-<hash of weights and calibration>``."""
        content = self._path.read_bytes() + json.dumps(self._calibration, sort_keys=True).encode()
        return f"unet-{blake2b(content, digest_size=6).hexdigest()}"

    def segment(self, scan: Scan) -> Segmentation:
        """Read one scan.

        Raises:
            UserError: a grid whose sides do not divide by 8, or an empty image.
        """
        if any(side % 8 for side in scan.image.shape):
            msg = f"{scan.key}: the unet segmenter needs a standard grid, sides dividing by 8, not {scan.image.shape}"
            raise UserError(msg)
        if not np.isfinite(scan.image).all() or scan.image.max() <= 0:
            msg = f"{scan.key}: the image is empty or has values that are not numbers"
            raise UserError(msg)
        image = normalise(torch.from_numpy(np.ascontiguousarray(scan.image, np.float32)))
        box = window(image, HEAD)
        part = image[box][None, None].to(memory_format=torch.channels_last_3d)
        with torch.inference_mode():
            logits = self._net(part)[0].float()
        inner = torch.softmax(logits[: len(CHANNELS)], 0)
        tissue = torch.zeros(len(CHANNELS), *image.shape)
        tissue[0] = 1.0
        tissue[(slice(None), *box)] = inner
        region, right = logits[len(CHANNELS) : -1], torch.sigmoid(logits[-1])
        voxel_ml = abs(float(np.linalg.det(scan.affine[:3, :3]))) / 1000
        parcels, inner_labels = _parcels(inner, region, right)
        labels = np.zeros(image.shape, np.int16)
        labels[box] = inner_labels
        volumes = {name: float(tissue[k].sum()) * voxel_ml for k, name in enumerate(CHANNELS) if k}
        volumes |= {name: value * voxel_ml for name, value in parcels.items()}
        head = sum(volumes[name] for name in CHANNELS[1:])
        volumes, head = self._calibrate(volumes, head)
        return Segmentation(tissue.numpy(), labels, volumes, head, _quality(tissue))

    def _calibrate(self, volumes: dict[str, float], head: float) -> tuple[dict[str, float], float]:
        if not self._calibration:
            return volumes, head
        raw = {**volumes, "head_size": head}
        factor = {
            name: calibrated(raw[name], fit) / raw[name] for name, fit in self._calibration.items() if raw[name] > 0
        }
        for region in DK_REGIONS:
            for side in ("lh", "rh"):
                factor[f"{side}-{region}"] = factor.get(LOBE_OF[region], 1.0)
        return {name: value * factor.get(name, 1.0) for name, value in volumes.items()}, head * factor.get(
            "head_size", 1.0
        )


def _parcels(tissue: torch.Tensor, region: torch.Tensor, right: torch.Tensor) -> tuple[dict[str, float], np.ndarray]:
    """Voxel sums of the 68 parcels, lobe by lobe of the lobe's own fraction; and the label map."""
    sums: dict[str, float] = {}
    best = torch.zeros(tissue.shape[1:], dtype=torch.int16)
    grouped = torch.cat([tissue[: len(TISSUES)], tissue[len(TISSUES) :].sum(0, keepdim=True)])
    winner = _largest(grouped)
    for k, name in enumerate(TISSUES):
        best[winner == k] = TISSUE_LABELS[name]
    cortex = winner == len(TISSUES)
    lobe_winner = torch.full_like(winner, -1)
    lobe_winner[cortex] = tissue[len(TISSUES) :, cortex].argmax(0)
    for lobe in range(len(LOBE_NAMES)):
        members = torch.nonzero(_LOBE_OF_REGION.eq(lobe)).flatten()
        share = torch.softmax(region[members], 0)
        amount = tissue[len(TISSUES) + lobe]
        for m, index in enumerate(members.tolist()):
            part = amount * share[m]
            sums[f"rh-{DK_REGIONS[index]}"] = float((part * right).sum())
            sums[f"lh-{DK_REGIONS[index]}"] = float((part * (1 - right)).sum())
        here = lobe_winner == lobe
        pick = members[share[:, here].argmax(0)]
        numbers = torch.tensor([dk_label(name, "lh") for name in DK_REGIONS], dtype=torch.int16)[pick]
        best[here] = numbers + 1000 * (right[here] > 0.5).to(torch.int16)
    return sums, best.numpy()


def _largest(channels: torch.Tensor) -> torch.Tensor:
    """``argmax`` over the first axis, the first of equals; torch's own walks a large volume ten times slower."""
    best, index = channels[0].clone(), torch.zeros(channels.shape[1:], dtype=torch.int64)
    for number, channel in enumerate(channels[1:], start=1):
        index[channel > best] = number
        torch.maximum(best, channel, out=best)
    return index


def _quality(tissue: torch.Tensor) -> float:
    """Mean confidence inside the head, 0 to 1: our own proxy, not SynthSeg's or FreeSurfer's QC."""
    inside = tissue[0] < 0.5
    if not bool(inside.any()):
        return 0.0
    top = tissue[:, inside].max(0).values.mean()
    return float(torch.clamp((top - 0.5) / 0.35, 0, 1))
