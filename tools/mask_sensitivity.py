"""How much the mask that strips the skull moves a reading: ``python tools/mask_sensitivity.py --cohort DIR``.

The same scan is read under other masks and compared with the reading under its own. Scans of ``--cohort`` are stripped
already: 1 and 2 mm are shaved off. Scans of ``--heads`` have their skulls, and ``--masks`` holds any tool's brain masks
of them (``sub-01_mask.nii.gz`` for ``sub-01_T1w.nii.gz``): they are made 2 and 4 mm looser, so that dura and skull come
in, and 1.5 mm tighter. Alignment, shading and brightness are always those of the scan's own mask: only what is stripped
differs. Prints a Markdown table: the mean over scans of the change in per cent (of logarithms), and the s.d.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import ndimage as ndi
from volume_columns import COLUMNS
from volume_columns import title_of
from volume_columns import with_totals

from pcgm_bench.cohort.align import area_average
from pcgm_bench.cohort.align import bright_level
from pcgm_bench.cohort.align import levelled
from pcgm_bench.cohort.grid import grid
from pcgm_bench.cohort.registration import bias_field
from pcgm_bench.cohort.registration import register
from pcgm_bench.cohort.volume import foreground
from pcgm_bench.cohort.volume import read_volume
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter
from pcgm_bench.segmenters.unet.weight_files import WEIGHTS

OWN = "own"
HEAD_MASKS_MM = {"2 mm looser (with skull)": 2.0, "4 mm looser": 4.0, "tight (1.5 mm)": -1.5}
STRIPPED_MASKS_MM = {"1 mm shaved off": -1.0, "2 mm shaved off": -2.0}
GRID = grid("3mm")


def main() -> None:
    """Read, compare, print."""
    given = _arguments()
    torch.set_num_threads(1)
    segmenter, rows = UNetSegmenter(given.weights, threads=1), []
    for folder, people, masks in ((given.heads, given.head_people, given.masks), (given.cohort, given.people, None)):
        for path in [] if folder is None else sorted(folder.rglob("*_T1w.nii.gz")):
            if not people or path.name.split("_")[0] in people:
                kept = None if given.keep is None else given.keep / f"{folder.resolve().name}_{path.name}.npz"
                rows += changes(segmenter, path.name, images(path, masks, kept))
    if not rows:
        raise UserError("no scan to read: give --cohort DIR, or --heads DIR with --masks DIR")
    print(f"\n{segmenter.identity}\n\n{table(pd.DataFrame(rows))}")


def masks_of(mask: np.ndarray, spacing: np.ndarray, distances: Mapping[str, float]) -> Iterator[tuple[str, np.ndarray]]:
    """The mask itself and the others: voxels less than so many mm from it, or (negative) more than so from outside."""
    yield OWN, mask
    whole = ndi.binary_fill_holes(mask)
    inside, outside = (ndi.distance_transform_edt(part, sampling=spacing) for part in (whole, ~whole))
    for name, distance in distances.items():
        yield name, outside < distance if distance > 0 else inside > -distance


def images(path: Path, masks: Path | None, kept: Path | None) -> dict[str, np.ndarray]:
    """The scan on the 3 mm grid under every mask, kept in ``kept``; ``masks`` is None for a stripped scan."""
    if kept is not None and kept.exists():
        with np.load(kept) as stored:
            return dict(stored)
    scan = read_volume(path)
    data = np.asarray(scan.dataobj, np.float32)
    mask = foreground(data) if masks is None else _mask(masks / path.name.replace("_T1w", "_mask"), data.shape)
    brain = _bright(np.where(mask, data, 0))
    shading = bias_field(brain, scan.affine)
    found = register(brain / shading, scan.affine, path.name)
    to_native = np.linalg.inv(scan.affine) @ np.linalg.inv(found.matrix)
    spacing, out, bright = np.linalg.norm(scan.affine[:3, :3], axis=0), {}, 0.0
    for name, other in masks_of(mask, spacing, STRIPPED_MASKS_MM if masks is None else HEAD_MASKS_MM):
        image = area_average(_bright(np.where(other, data, 0)) / shading, to_native, GRID)
        bright = bright or bright_level(image)
        out[name] = levelled(image, bright)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(kept, **out)  # type: ignore[arg-type]
    return out


def changes(segmenter: UNetSegmenter, name: str, under: Mapping[str, np.ndarray]) -> list[dict[str, object]]:
    """One row a mask: change (%) of every volume from that under the scan's own mask."""
    logs = {}
    for mask, image in under.items():
        read = segmenter.segment(Scan(name, "", image, GRID.affine, 40.0, "F", "control"))
        known = with_totals(read.volumes, read.head_size)
        logs[mask] = 100 * np.log([known[column] for column in COLUMNS])
    print(f"{name}: {len(logs)} masks", flush=True)
    own = logs.pop(OWN)
    return [{"mask": mask, **dict(zip(COLUMNS, mine - own, strict=True))} for mask, mine in logs.items()]


def table(rows: pd.DataFrame) -> str:
    """Markdown: mean (s.d.) over scans of `changes`."""
    names = [title_of(name) for name in COLUMNS]
    lines = [f"| mask | {' | '.join(names)} | scans |", "|---" * (len(COLUMNS) + 2) + "|"]
    for mask, mine in rows.groupby("mask", sort=False):
        spread = [f" ({sd:.1f})" if len(mine) > 1 else "" for sd in mine[[*COLUMNS]].std()]
        cells = " | ".join(f"{mine[column].mean():.1f}{sd}" for column, sd in zip(COLUMNS, spread, strict=True))
        lines.append(f"| {mask} | {cells} | {len(mine)} |")
    return "\n".join(lines)


def _mask(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    if not path.exists():
        raise UserError(f"{path}: there is no such mask: make brain masks of --heads with your stripping tool")
    mask = np.asarray(read_volume(path).dataobj) > 0
    if mask.shape != shape:
        raise UserError(f"{path}: {mask.shape} voxels, its scan has {shape}: give a mask on the scan's own grid")
    return mask


def _bright(data: np.ndarray) -> np.ndarray:
    return np.where(foreground(data), data, 0).astype(np.float32)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohort", type=Path, help="BIDS folder of skull-stripped scans")
    parser.add_argument("--people", nargs="*", default=[], help="of --cohort only these (sub-01)")
    parser.add_argument("--heads", type=Path, help="BIDS folder of scans with their skulls")
    parser.add_argument("--head-people", nargs="*", default=[], help="of --heads only these")
    parser.add_argument("--masks", type=Path, help="folder of brain masks of --heads")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the segmenter's folder of weights")
    parser.add_argument("--keep", type=Path, help="folder that keeps the images, for a call with other weights")
    given = parser.parse_args()
    if given.heads is not None and given.masks is None:
        parser.error("--heads needs --masks")
    return given


if __name__ == "__main__":
    main()
