"""Training scans in pairs: one person in two states, with what the segmenter reads in each. Memory-mapped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pcgm_bench.methods.pcgm.mgd.controlnet import control_mask
from pcgm_bench.training.data import ScanBank

MOST = 127
"""Largest stored change of a share, of 255."""


@dataclass(frozen=True)
class PairBank(ScanBank):
    """Scans 2 p and 2 p + 1 are pair p; scans from ``2 * pairs`` on stand alone.

    Attributes:
        fractions: ``(N, 12, X, Y, Z)`` uint8, as the segmenter reads them (255 is 1).
        moved: ``(P, 8, X, Y, Z)`` int8: true change of the control mask from the first state to the second (255 is 1).
    """

    fractions: np.ndarray | None = None
    moved: np.ndarray | None = None

    @property
    def pairs(self) -> int:
        """Number of pairs."""
        assert self.moved is not None
        return len(self.moved)

    def read(self, i: int) -> np.ndarray:
        """What the segmenter reads in scan ``i``: ``(12, X, Y, Z)`` float32 that add up to one."""
        assert self.fractions is not None
        shares = self.fractions[i].astype(np.float32)
        return shares / np.maximum(shares.sum(0), 1)

    def mask(self, i: int) -> Tensor:
        """Control mask ``(8, X, Y, Z)`` of scan ``i``, in [0, 1]."""
        return torch.from_numpy(control_mask(self.read(i)))

    def true_change(self, i: int) -> np.ndarray:
        """True change of the control mask from scan ``i`` to the other of its pair, ``(8, X, Y, Z)`` float32."""
        assert self.moved is not None
        return self.moved[i // 2].astype(np.float32) / (-255 if i % 2 else 255)


def paths(folder: Path) -> dict[str, Path]:
    """Files of a bank by the name of their array."""
    names = ("images", "conditions", "fractions", "moved", "done")
    return {name: folder / f"bank-{name}.npy" for name in names}


def open_bank(folder: Path) -> PairBank:
    """The bank in a folder; scans are read when they are asked for."""
    arrays = {name: np.load(path, mmap_mode="r") for name, path in paths(folder).items()}
    return PairBank(
        images=arrays["images"],
        conditions=np.array(arrays["conditions"]),
        fractions=arrays["fractions"],
        moved=arrays["moved"],
    )
