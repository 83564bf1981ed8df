"""How a label map can be wrong though its file is whole: its numbers, its parts, its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from outcomes import Damage
from scipy import ndimage as ndi
from volume_twins import GRID
from volume_twins import nifti

from pcgm_bench.anatomy import DK_NUMBERS
from pcgm_bench.anatomy import LOBES
from pcgm_bench.anatomy import PARCELS

Rng = np.random.Generator


def label_damages(twin: np.ndarray) -> list[Damage]:
    """Of a map ``(X, Y, Z)`` int16 of FreeSurfer's numbers."""

    def save(change: Callable[[Rng], np.ndarray]) -> Callable[[Rng, Path], Path]:
        def make(rng: Rng, path: Path) -> Path:
            path.write_bytes(nifti(change(rng)))
            return path

        return make

    def without(*numbers: int) -> np.ndarray:
        return np.where(np.isin(twin, numbers), 0, twin).astype(np.int16)

    def with_slope(_rng: Rng, path: Path) -> Path:
        import nibabel as nib

        image = nib.Nifti1Image(twin.astype(np.float32), GRID.affine)
        image.set_data_dtype(np.int16)
        nib.save(image, path)
        return path

    def interpolated(kind: type[np.generic]) -> Callable[[Rng], np.ndarray]:
        def change(rng: Rng) -> np.ndarray:
            moved = ndi.shift(twin.astype(np.float64), rng.uniform(-0.6, 0.6, 3), order=1)
            return np.round(moved).astype(kind) if kind is np.int16 else moved.astype(kind)

        return change

    def wrapped(rng: Rng) -> np.ndarray:
        number = int(rng.choice(list(PARCELS.values())))
        return np.where(twin == number, 65536 + int(rng.choice([2, 1035, 24])), twin.astype(np.int32))

    def a_parcel(rng: Rng) -> np.ndarray:
        large = [
            name for name in PARCELS if name[3:] in ("superiorfrontal", "precuneus", "fusiform", "insula", "cuneus")
        ]
        return without(PARCELS[str(rng.choice(large))])

    def a_lobe(rng: Rng) -> np.ndarray:
        lobe, side = str(rng.choice(list(LOBES))), str(rng.choice(["lh", "rh"]))
        return without(*(PARCELS[f"{side}-{region}"] for region in LOBES[lobe]))

    def strange(rng: Rng) -> np.ndarray:
        number = int(rng.choice([2, 41, 1029, 2028, 10, 24]))
        return np.where(twin == number, int(rng.choice([500, 1050, 11101, 30000, 19, 6000])), twin).astype(np.int16)

    def wmparc(_rng: Rng) -> np.ndarray:
        _, nearest = ndi.distance_transform_edt(~np.isin(twin, list(PARCELS.values())), return_indices=True)
        return np.where(np.isin(twin, (2, 41)), twin[tuple(nearest)] + 2000, twin).astype(np.int16)

    def dkt(_rng: Rng) -> np.ndarray:
        gone = [
            side + DK_NUMBERS[name] for name in ("bankssts", "frontalpole", "temporalpole") for side in (1000, 2000)
        ]
        return without(*gone)

    def merged(_rng: Rng) -> np.ndarray:
        return np.where(twin > 1003, twin // 1000 * 1000 + 28, twin).astype(np.int16)

    def flipped(rng: Rng) -> np.ndarray:
        return np.flip(twin, int(rng.integers(3)))

    def moved(rng: Rng, path: Path) -> Path:
        affine = GRID.affine.copy()
        affine[:3, 3] += rng.uniform(0.5, 20, 3)
        path.write_bytes(nifti(twin, affine))
        return path

    def aseg(_rng: Rng) -> np.ndarray:
        return np.where(twin >= 2000, 42, np.where(twin >= 1000, 3, twin)).astype(np.int16)

    lefts = [number for name, number in PARCELS.items() if name.startswith("lh")]
    rights = [number for name, number in PARCELS.items() if name.startswith("rh")]
    return [
        Damage("resampled by interpolation", "labels", save(interpolated(np.float32))),
        Damage("resampled by interpolation, then rounded", "labels", save(interpolated(np.int16))),
        Damage("a number beyond 16 bits", "labels", save(wrapped)),
        Damage("cut to 8 bits", "labels", save(lambda _rng: (twin & 255).astype(np.uint8))),
        Damage("negative numbers", "labels", save(lambda rng: np.where(twin == 2, -int(rng.integers(1, 99)), twin))),
        Damage("all numbers plus one, or doubled", "labels",
               save(lambda rng: twin * 2 if rng.integers(2) else np.where(twin, twin + 1, 0))),
        Damage("numbers in no list", "labels", save(strange)),
        Damage("a parcel missing", "labels", save(a_parcel)),
        Damage("a lobe missing on one side", "labels", save(a_lobe)),
        Damage("no left or no right cortex", "labels", save(lambda rng: without(*(lefts, rights)[rng.integers(2)]))),
        Damage("white matter of one side missing", "labels", save(lambda rng: without(int(rng.choice([2, 41]))))),
        Damage("no white matter", "labels", save(lambda _rng: without(2, 41))),
        Damage("no ventricles", "labels", save(lambda _rng: without(4, 43))),
        Damage("one hemisphere", "labels", save(lambda _rng: np.where(np.arange(56)[:, None, None] < 28, twin, 0))),
        Damage("aseg, no parcels", "labels", save(aseg)),
        Damage("most parcels as one", "labels", save(merged)),
        Damage("upper half", "labels", save(lambda _rng: np.where(np.arange(56)[None, None] > 28, twin, 0))),
        Damage("turned by its voxels alone", "labels", save(flipped)),
        Damage("lies elsewhere by its affine", "labels", moved),
        Damage("16 bits with a slope", "unusual, right", with_slope, is_good=True),
        Damage("off by .03", "unusual, right",
               save(lambda rng: twin + rng.uniform(-0.03, 0.03, twin.shape)), is_good=True),
        Damage("wmparc", "unusual, right", save(wmparc), is_good=True),
        Damage("DKT: three regions less", "unusual, right", save(dkt), is_good=True),
        Damage("32 bits", "unusual, right", save(lambda _rng: twin.astype(np.int32)), is_good=True),
        Damage("float, as SynthSeg writes", "unusual, right", save(lambda _rng: twin.astype(np.float32)), is_good=True),
    ]  # fmt: skip
