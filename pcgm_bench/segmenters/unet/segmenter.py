"""The shipped segmenter: the UNet of `network` with weights trained on the phantom's training controls."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar
from typing import Self

import numpy as np
import torch
from safetensors.torch import load_file

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import DK_REGIONS
from pcgm_bench.anatomy import LOBE_OF
from pcgm_bench.anatomy import PARCELS
from pcgm_bench.anatomy import TISSUE_LABELS
from pcgm_bench.anatomy import TISSUES
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import Segmenter
from pcgm_bench.contracts import SegmenterOptions
from pcgm_bench.contracts import UserError
from pcgm_bench.exact_kernels import exact_kernels
from pcgm_bench.precision import tensor_threads
from pcgm_bench.segmenters.unet.atlas import ATLAS
from pcgm_bench.segmenters.unet.atlas import Atlas
from pcgm_bench.segmenters.unet.atlas import load_atlas
from pcgm_bench.segmenters.unet.atlas import nearest_parcel
from pcgm_bench.segmenters.unet.atlas import parcels_at
from pcgm_bench.segmenters.unet.atlas_registration import head_of
from pcgm_bench.segmenters.unet.calibration import CALIBRATION
from pcgm_bench.segmenters.unet.calibration import Calibration
from pcgm_bench.segmenters.unet.calibration import calibrated
from pcgm_bench.segmenters.unet.finer import NETWORK_MM
from pcgm_bench.segmenters.unet.finer import Pieces
from pcgm_bench.segmenters.unet.finer import averaged
from pcgm_bench.segmenters.unet.finer import finer_place
from pcgm_bench.segmenters.unet.finer import finer_shares
from pcgm_bench.segmenters.unet.finer import pieces
from pcgm_bench.segmenters.unet.network import Reading
from pcgm_bench.segmenters.unet.network import build
from pcgm_bench.segmenters.unet.network import fractions
from pcgm_bench.segmenters.unet.network import misfit
from pcgm_bench.segmenters.unet.network import window
from pcgm_bench.segmenters.unet.normalisation import normalise
from pcgm_bench.segmenters.unet.quality import quality
from pcgm_bench.segmenters.unet.reading_errors import ERRORS
from pcgm_bench.segmenters.unet.reading_errors import ReadingErrors
from pcgm_bench.segmenters.unet.weight_files import NETWORK
from pcgm_bench.segmenters.unet.weight_files import WEIGHTS
from pcgm_bench.segmenters.unet.weight_files import read_record

SPACINGS_MM = (NETWORK_MM, 2)
"""The network's, and the finer ones that are averaged to it."""
LEAST_SIDE = 16
"""Voxels of the network: registration averages over windows of seven at 6 mm."""


class UNetSegmenter(Segmenter):
    """Fractions of six lobes, ventricles, deep grey, white matter and CSF; 34 x 2 parcels; head size; a QC score.

    Trained SynthSeg-style on simulated pictures of the phantom's training controls (`fitting.train`): the network says
    how much of a voxel is cortex, and the training controls' average brain, laid on the head, which parcel of it.
    Volumes are sums of soft fractions. ``calibration.json`` holds a correction of all volumes together, fitted on the
    training controls (`calibration`).
    """

    name: ClassVar[str] = "unet"
    title: ClassVar[str] = "UNet trained on the phantom's training controls"
    depends_on_image_alone: ClassVar[bool] = True
    grids: ClassVar[tuple[str, ...] | None] = tuple(f"{size}mm" for size in SPACINGS_MM)
    revision: ClassVar[int] = 3
    """Raised whenever the modules of this folder give other readings with the same weights."""

    def __init__(
        self, weights: Path = WEIGHTS, *, raw: bool = False, device: str = "cpu", threads: int | None = None
    ) -> None:
        """Read the weights.

        Args:
            weights: folder with ``segmenter.safetensors``, ``atlas.safetensors``, and the JSON files beside them.
            raw: leave the calibration out.
            device: where the network runs.
            threads: of a tensor operation; None: as many as the process has.

        Raises:
            UserError: they are missing or belong to another network.
        """
        self._files = (weights / NETWORK, weights / ATLAS)
        for needed in self._files:
            if not needed.exists():
                raise UserError(
                    f"{needed}: the segmenter has no weights: make them with "
                    "`python -m pcgm_bench.segmenters.unet.fitting.make`"
                )
        self._device, self._threads = device, threads
        self._atlas = load_atlas(weights / ATLAS)
        net = build(self._atlas).eval()
        state = {key: value.float() for key, value in load_file(weights / NETWORK).items()}
        try:
            net.load_state_dict(state)
        except RuntimeError as error:
            msg = f"{weights / NETWORK}: these weights belong to another network: reinstall, or train them anew"
            raise UserError(msg) from error
        self._net = net.to(device)
        beside = (weights / ERRORS, weights / CALIBRATION)
        errors, calibration = (path if path.exists() and not raw else None for path in beside)
        self._errors = read_record(errors, ReadingErrors, "a table of reading errors") if errors else None
        self._calibration = read_record(calibration, Calibration, "a calibration") if calibration else None

    @classmethod
    def open(cls, options: SegmenterOptions) -> Self:
        """The shipped segmenter on the run's device, with its threads."""
        return cls(device=options.device, threads=options.threads)

    @cached_property
    def identity(self) -> str:
        """``unet-<revision>-<hash of weights, atlas, calibration and errors>``."""
        content = b"".join(path.read_bytes() for path in self._files)
        for known in (self._calibration, self._errors):
            content += json.dumps(asdict(known) if known else {}, sort_keys=True).encode()
        return f"unet-{self.revision}-{blake2b(content, digest_size=6).hexdigest()}"

    def segment(self, scan: Scan) -> Segmentation:
        """Read one scan; one of 2 mm is averaged to 3 mm and read there, its volumes are those of that reading.

        Raises:
            UserError: sides that do not divide by 8 (12 at 2 mm), voxels that are not 3 or 2 mm, an empty image.
        """
        cuts = _checked(scan)
        with tensor_threads(self._threads):
            return self._segment(scan, cuts)

    def _segment(self, scan: Scan, cuts: list[Pieces]) -> Segmentation:
        seen = torch.from_numpy(np.ascontiguousarray(scan.image, np.float32))
        image = normalise(averaged(seen, cuts) if cuts else seen)
        box = window(head_of(image[None, None])[0, 0])
        part = image[box][None, None].to(self._device, memory_format=torch.channels_last_3d)
        with torch.inference_mode(), exact_kernels(self._device):
            reading: Reading = self._net(part)
            inner, place = fractions(reading.logits, reading.lobes)[0].cpu(), reading.place[0].cpu()
            distance = misfit(part, reading)
        tissue = torch.zeros(len(CHANNELS), *image.shape)
        tissue[0] = 1.0
        tissue[(slice(None), *box)] = inner
        voxel_ml = abs(float(np.linalg.det(scan.affine[:3, :3]))) / 1000 * (seen.numel() / image.numel())
        cortex = inner[len(TISSUES) :].sum(0)
        parcels = parcels_at(self._atlas, place.flatten(1), cortex.flatten())
        volumes = {name: float(tissue[k].sum()) * voxel_ml for k, name in enumerate(CHANNELS) if k}
        volumes |= {name: float(value) * voxel_ml for name, value in zip(PARCELS, parcels, strict=True)}
        head = sum(volumes[name] for name in CHANNELS[1:])
        volumes, head = self._calibrate(volumes, head)
        known = self._errors.sd_percent if self._errors is not None else {}
        score = quality(tissue, distance)
        if cuts:
            tissue = finer_shares(tissue, seen, cuts)
            labels = _labels(tissue, finer_place(place, box, image.shape, seen.shape), self._atlas)
        else:
            labels = np.zeros(image.shape, np.int16)
            labels[box] = _labels(inner, place, self._atlas)
        return Segmentation(tissue.numpy(), labels, volumes, head, score, sd_percent=known)

    def _calibrate(self, volumes: dict[str, float], head: float) -> tuple[dict[str, float], float]:
        if self._calibration is None:
            return volumes, head
        corrected = calibrated({**volumes, "head_size": head}, self._calibration)
        for region in DK_REGIONS:
            lobe = LOBE_OF[region]
            factor = corrected[lobe] / volumes[lobe] if volumes[lobe] > 0 else 1.0
            for side in ("lh", "rh"):
                corrected[f"{side}-{region}"] = volumes[f"{side}-{region}"] * factor
        head = corrected.pop("head_size")
        return volumes | corrected, head


def _checked(scan: Scan) -> list[Pieces]:
    """How the scan's voxels cut those of the network, no pieces where they are the network's.

    Refuses what the network cannot read: raises as `UNetSegmenter.segment`.
    """
    spacing = np.linalg.norm(scan.affine[:3, :3], axis=0)
    own = next((size for size in SPACINGS_MM if np.allclose(spacing, size, atol=0.01)), None)
    if own is None:
        shown = " x ".join(f"{side:g}" for side in spacing.round(2))
        msg = (
            f"{scan.key}: the unet segmenter reads voxels of {' or '.join(map(str, SPACINGS_MM))} mm, not {shown} mm: "
            "take the 3mm grid, or give --segmentations"
        )
        raise UserError(msg)
    sides = [side * own / NETWORK_MM for side in scan.image.shape]
    if any(side % 8 or side < LEAST_SIDE for side in sides):
        msg = (
            f"{scan.key}: the unet segmenter needs a standard grid, sides dividing by {8 * NETWORK_MM // own} at "
            f"{own} mm, not {scan.image.shape}"
        )
        raise UserError(msg)
    if not np.isfinite(scan.image).all() or scan.image.max() <= 0:
        msg = f"{scan.key}: the image is empty or has values that are not numbers"
        raise UserError(msg)
    return [] if own == NETWORK_MM else [pieces(side, own) for side in scan.image.shape]


def _labels(tissue: torch.Tensor, place: torch.Tensor, atlas: Atlas) -> np.ndarray:
    """Hard labels: the largest share, cortex named by the nearest cell of the atlas."""
    grouped = torch.cat([tissue[: len(TISSUES)], tissue[len(TISSUES) :].sum(0, keepdim=True)])
    winner = _largest(grouped)
    numbers = torch.tensor([*(TISSUE_LABELS[name] for name in TISSUES), -1], dtype=torch.int16)
    labels = numbers[winner]
    cortex = winner == len(TISSUES)
    labels[cortex] = torch.tensor(list(PARCELS.values()), dtype=torch.int16)[nearest_parcel(atlas, place[:, cortex])]
    return labels.numpy()


def _largest(channels: torch.Tensor) -> torch.Tensor:
    """``argmax`` over the first axis, the first of equals; torch's own walks a large volume ten times slower."""
    best, index = channels[0].clone(), torch.zeros(channels.shape[1:], dtype=torch.int64)
    for number, channel in enumerate(channels[1:], start=1):
        index[channel > best] = number
        torch.maximum(best, channel, out=best)
    return index
