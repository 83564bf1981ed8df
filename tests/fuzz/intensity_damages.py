"""How the grey levels of a brain on the standard grid can be another scale's, or no brain's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from outcomes import Damage
from scipy import ndimage as ndi
from volume_twins import nifti

Rng = np.random.Generator


def save(change: Callable[[Rng], np.ndarray]) -> Callable[[Rng, Path], Path]:
    """A damage that changes voxels alone."""

    def make(rng: Rng, path: Path) -> Path:
        path.write_bytes(nifti(change(rng)))
        return path

    return make


def wrong_brains(twin: np.ndarray) -> list[Damage]:
    """Scans on the right scale that are no whole brain in its place."""
    return [
        Damage("turned over", "voxels", save(lambda _rng: np.ascontiguousarray(twin[:, :, ::-1]))),
        Damage("half a brain", "voxels", save(lambda _rng: np.where(np.arange(56)[:, None, None] < 28, twin, 0))),
    ]


def intensity_damages(twin: np.ndarray) -> list[Damage]:
    """Of a brain ``(X, Y, Z)`` with background 0 and white matter about 1."""

    def single(change: Callable[[Rng], np.ndarray]) -> Callable[[Rng, Path], Path]:
        return save(lambda rng: change(rng).astype(np.float32))

    head = twin > 0
    inside = np.where(head, (twin - twin[head].mean()) / twin[head].std(), 0)
    one = np.zeros_like(twin)
    one[28, 32, 28] = 1
    return [
        Damage("times 5 to 100000", "intensity", single(lambda rng: twin * 10 ** rng.uniform(0.7, 5))),
        Damage("0 to 255, one image of three", "intensity", single(lambda _rng: twin * 255)),
        Damage("0 to 255 as bytes", "intensity", save(lambda _rng: np.clip(twin * 255, 0, 255).astype(np.uint8))),
        Damage("-1 to 1", "intensity", single(lambda _rng: np.clip(twin, 0, 1) * 2 - 1)),
        Damage("-100 to 155", "intensity", single(lambda _rng: twin * 255 - 100)),
        Damage("z-scored over the image", "intensity", single(lambda _rng: (twin - twin.mean()) / twin.std())),
        Damage("z-scored over the brain", "intensity", single(lambda _rng: inside)),
        Damage("a constant added", "intensity", single(lambda rng: twin + rng.uniform(0.3, 9))),
        Damage("inverted", "intensity", single(lambda _rng: twin.max() - twin)),
        Damage("negative", "intensity", single(lambda _rng: -twin)),
        Damage("cast to whole numbers", "intensity", save(lambda _rng: twin.astype(np.int16))),
        Damage("noise", "intensity", single(lambda rng: rng.normal(twin.mean(), twin.std(), twin.shape))),
        Damage("one bright voxel", "intensity", single(lambda _rng: one)),
        Damage("flat inside", "intensity", single(lambda _rng: head.astype(np.float32))),
        Damage("much too dark", "intensity", single(lambda rng: twin * rng.uniform(0.001, 0.3))),
    ]


def every(twin: np.ndarray) -> dict[str, np.ndarray]:
    """Whole sets on another scale: what is plain is rescaled, and what is not is refused."""
    top = float(np.quantile(twin, 0.999))
    return {
        "0 to 255": twin * 255,
        "0 to 1000": twin * 1000,
        "0 to 65535": twin * 65535,
        "-1 to 1": np.clip(twin, 0, 1) * 2 - 1,
        "0 to 12": twin * 12,
        "-3 to 3": (twin / top) * 6 - 3,
        "smoothed": ndi.gaussian_filter(twin, 1.0),
    }
