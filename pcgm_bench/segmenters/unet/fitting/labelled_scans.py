"""Real scans with a label map, as training material: real texture, and the same brain with one region deformed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage as ndi

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.align import CEILING
from pcgm_bench.cohort.align import Aligned
from pcgm_bench.cohort.align import align
from pcgm_bench.cohort.align import area_average
from pcgm_bench.cohort.deformation.deform import REGIONS
from pcgm_bench.cohort.deformation.deform import moved
from pcgm_bench.cohort.deformation.deform import mover
from pcgm_bench.cohort.deformation.source import source_of
from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.cohort.phantom.anatomies import laid_on_template
from pcgm_bench.cohort.phantom.anatomies import warped_places
from pcgm_bench.cohort.phantom.label_maps import Tissues
from pcgm_bench.cohort.phantom.label_maps import tissues_of
from pcgm_bench.cohort.phantom.roster import TRAINING_SEED
from pcgm_bench.cohort.phantom.template import load_template
from pcgm_bench.cohort.phantom.template_fields import CORNER
from pcgm_bench.cohort.phantom.template_fields import SHAPE
from pcgm_bench.cohort.phantom.template_fields import lobe_of_label
from pcgm_bench.cohort.volume import foreground
from pcgm_bench.cohort.volume import read_volume
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import UserError
from pcgm_bench.nearest_parcel import nearest_parcel

SCAN, LABELS, HEAD = "_T1w.nii.gz", "_dseg.nii.gz", "_head.nii.gz"
"""Ends of the names of a skull-stripped scan, its label map (FreeSurfer's numbers), and, where there is one, the same
scan with its skull."""
LEAST_INSIDE = 0.02
"""Share of a voxel inside the mask from which on its place counts."""
CHANGE = (-0.16, 0.12)
"""Log-change of the region that is deformed."""


@dataclass(frozen=True)
class LabelledScan:
    """A scan on the 3 mm grid.

    Attributes:
        path: of its file.
        aligned: from `align`.
        image: ``(X, Y, Z)``, the scan with its skull where that is known; else as aligned.
        fractions: ``(12, X, Y, Z)`` of the label map.
        place: where in the template (mm) each voxel of the head lies, ``(3, X, Y, Z)``; NaN elsewhere.
        with_skull: whether ``image`` shows it.
    """

    path: Path
    aligned: Aligned
    image: np.ndarray
    fractions: np.ndarray
    place: np.ndarray
    with_skull: bool


def scans_in(folder: Path) -> list[Path]:
    """The scans of a folder that have a label map.

    Raises:
        UserError: there are none.
    """
    found = [path for path in sorted(folder.glob(f"*{SCAN}")) if _beside(path, LABELS).exists()]
    if not found:
        raise UserError(f"{folder}: no scan NAME{SCAN} with a label map NAME{LABELS} beside it")
    return found


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name.removesuffix(SCAN) + ending)


def read_labelled(path: Path, home: Path) -> LabelledScan:
    """Read a scan and its label map; a minute.

    Args:
        path: of the scan.
        home: keeps the phantom's template and aligned scans.

    Raises:
        UserError: a faulty scan, or a label map that is none or cannot be aligned.
    """
    grid, built_in = grid_called("3mm"), load_template(home)
    aligned, labels = align(path, "3mm", home), _beside(path, LABELS)
    tissues = tissues_of(nib.load(labels), labels.name)
    to_box, velocity = laid_on_template(tissues, built_in, labels.name)
    to_native = np.linalg.inv(aligned.matrix)
    voxels = np.moveaxis(np.indices(grid.shape), 0, -1).reshape(-1, 3)
    box = to_box @ to_native @ grid.affine
    place = warped_places(voxels @ box[:3, :3].T + box[:3, 3], velocity)
    source = read_volume(path)
    mask = ndi.binary_fill_holes(foreground(np.asarray(source.dataobj, np.float32))).astype(np.float32)
    inside = area_average(mask, np.linalg.inv(source.affine) @ to_native, grid)
    cells = np.clip(np.floor(place - CORNER).astype(int), 0, np.array(SHAPE) - 1)
    lobe = lobe_of_label(nearest_parcel(built_in.parcel[0].astype(np.int16)))[tuple(cells.T)].reshape(grid.shape)
    fractions = _fractions(tissues, np.linalg.inv(tissues.affine) @ to_native, inside, lobe)
    there = np.where(inside > LEAST_INSIDE, place.T.reshape(3, *grid.shape), np.nan)
    skull = _beside(path, HEAD)
    image = _with_skull(skull, aligned) if skull.exists() else aligned.image
    return LabelledScan(path, aligned, image, fractions, there, skull.exists())


def states(scan: LabelledScan, index: int) -> tuple[np.ndarray, np.ndarray]:
    """The scan and itself with one region deformed: fractions ``(2, 12, X, Y, Z)`` and images ``(2, X, Y, Z)``.

    Args:
        scan: from `read_labelled`.
        index: says which region, and how much.

    Raises:
        UserError: the region cannot be changed so far in this scan.
    """
    rng = np.random.default_rng([TRAINING_SEED, 97, index])
    region, factor = REGIONS[index % len(REGIONS)], float(np.exp(rng.uniform(*CHANGE)))
    segmentation = Segmentation(scan.fractions, np.zeros(scan.image.shape, np.int16), {}, 1.0, 1.0)
    shown = Scan(
        scan.path.name, "", scan.aligned.image, scan.aligned.affine, 30.0, "F", "control", segmentation=segmentation
    )
    source = source_of(scan.path, scan.aligned)
    changed = moved(shown, source, [(mover(shown, source, region), factor)])
    fractions = np.stack([scan.fractions, changed.segmentation.fractions])
    return fractions, np.stack([scan.image, scan.image + changed.image - shown.image])


def _fractions(tissues: Tissues, to_voxels: np.ndarray, inside: np.ndarray, lobe: np.ndarray) -> np.ndarray:
    """Shares ``(12, X, Y, Z)`` on the grid; what is inside the mask and no tissue is fluid."""
    grid = grid_called("3mm")

    def share(mask: np.ndarray) -> np.ndarray:
        return area_average(mask.astype(np.float32), to_voxels, grid)

    out = np.zeros((len(CHANNELS), *grid.shape), np.float32)
    out[CHANNELS.index("ventricles")] = share(tissues.ventricles)
    out[CHANNELS.index("white_matter")] = share(tissues.white)
    out[CHANNELS.index("deep_grey")] = share(tissues.deep)
    out[CHANNELS.index("cerebellum_brainstem")] = share(tissues.below)
    cortex = share(tissues.cortex)
    for number, name in enumerate(LOBE_NAMES):
        out[CHANNELS.index(name)] = np.where(lobe == number, cortex, 0)
    tissue = out.sum(0)
    out /= np.maximum(tissue, 1.0)
    out[CHANNELS.index("csf")] = np.maximum(inside - tissue, 0)
    out[0] = np.maximum(1 - out.sum(0), 0)
    return out


def _with_skull(path: Path, aligned: Aligned) -> np.ndarray:
    """The scan with its skull on the grid, intensities as the stripped one has them."""
    source = read_volume(path)
    data = np.asarray(source.dataobj, np.float32)
    to_voxels = np.linalg.inv(source.affine) @ np.linalg.inv(aligned.matrix)
    image = area_average(data, to_voxels, grid_called("3mm")) / np.maximum(aligned.gain, np.finfo(np.float32).tiny)
    return np.clip(image, 0, CEILING).astype(np.float32)
