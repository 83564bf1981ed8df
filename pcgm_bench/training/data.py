"""A bank of training scans: images, metadata and masks in memory or memory-mapped from files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pcgm_bench.contracts import UserError
from pcgm_bench.training.settings import Shape

UINT8_PER_UNIT = 200.0
"""Grey levels a unit of `Scan.image` where images are stored as uint8 (0 to 1.275)."""
FILES = ("images", "conditions", "masks")


@dataclass(frozen=True)
class ScanBank:
    """Training scans.

    Attributes:
        images: ``(N, 1, X, Y, Z)`` in `Scan.image` units: float16, float32, or uint8 holding `UINT8_PER_UNIT` x image.
        conditions: ``(N, 4)`` of `pcgm_bench.training.people.encode_condition`.
        masks: ``(N, C, X, Y, Z)`` uint8 (occupancy x 255) or float in [0, 1]; None where no network reads masks.
        subjects: whose scan each is, for `pairs_of_one_person`; may be empty.
    """

    images: np.ndarray
    conditions: np.ndarray
    masks: np.ndarray | None = None
    subjects: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.images)

    def check(self, shape: Shape, mask_channels: int) -> None:
        """Raises `UserError` where shapes do not fit the configuration or each other."""
        n = len(self.images)
        if self.images.shape[1:] != (1, *shape):
            raise UserError(f"training images {self.images.shape} do not fit: need (N, 1, *{shape})")
        if self.conditions.shape != (n, 4):
            raise UserError(f"training conditions {self.conditions.shape}: need ({n}, 4)")
        wanted = (n, mask_channels, *shape)
        if self.masks is not None and self.masks.shape != wanted:
            raise UserError(f"training masks {self.masks.shape}: need {wanted}")

    def identity(self) -> str:
        """Hash over the shape, the conditions, and every 97th voxel of up to 16 scans."""
        digest = hashlib.sha256(repr((self.images.shape, str(self.images.dtype))).encode())
        digest.update(np.ascontiguousarray(self.conditions, np.float32).tobytes())
        for i in np.linspace(0, len(self) - 1, min(16, len(self))).astype(int):
            digest.update(np.ascontiguousarray(self.images[i].reshape(-1)[::97]).tobytes())
        return digest.hexdigest()[:16]

    def image(self, i: int, image_range: float) -> Tensor:
        """Scan ``(1, X, Y, Z)``, 0 to ``image_range`` mapped to [-1, 1]."""
        scale = 1 / UINT8_PER_UNIT if self.images.dtype == np.uint8 else 1.0
        return torch.from_numpy(self.images[i].astype(np.float32)) * (2 * scale / image_range) - 1

    def mask(self, i: int) -> Tensor:
        """Mask ``(C, X, Y, Z)`` in [0, 1].

        Raises:
            UserError: the bank has no masks.
        """
        if self.masks is None:
            raise UserError("the ControlNet needs masks: give ScanBank(masks=...)")
        scale = 1 / 255 if self.masks.dtype == np.uint8 else 1.0
        return torch.from_numpy(self.masks[i].astype(np.float32)) * scale

    def pairs_of_one_person(self) -> list[tuple[int, int]]:
        """Indices of every two scans of one person, the earlier in the bank first."""
        scans: dict[str, list[int]] = {}
        for i, subject in enumerate(self.subjects):
            scans.setdefault(subject, []).append(i)
        return [pair for indices in scans.values() for pair in combinations(indices, 2)]

    def save(self, folder: Path) -> None:
        """Write ``bank-images.npy`` and so on into an existing folder, for `open`."""
        for name, array in zip(FILES, (self.images, self.conditions, self.masks), strict=True):
            if array is not None:
                np.save(folder / f"bank-{name}.npy", array, allow_pickle=False)
        np.save(folder / "bank-subjects.npy", np.array(self.subjects, str), allow_pickle=False)

    @classmethod
    def open(cls, folder: Path) -> ScanBank:
        """The bank that `save` wrote, memory-mapped: a scan is read when it is asked for."""
        paths = {name: folder / f"bank-{name}.npy" for name in FILES}
        arrays = {name: np.load(path, mmap_mode="r") for name, path in paths.items() if path.exists()}
        subjects = tuple(np.load(folder / "bank-subjects.npy").tolist())
        return cls(arrays["images"], np.asarray(arrays["conditions"]), arrays.get("masks"), subjects)
