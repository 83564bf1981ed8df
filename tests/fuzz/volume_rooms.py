"""Three places where a volume comes in: a scan of a cohort, an image made elsewhere, a label map."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from functools import cache
from pathlib import Path

import numpy as np
from intensity_damages import intensity_damages
from intensity_damages import wrong_brains
from label_damages import label_damages
from outcomes import Damage
from outcomes import Trial
from outcomes import trial_of
from volume_damages import damages_of
from volume_twins import GRID
from volume_twins import brain
from volume_twins import label_map
from volume_twins import nifti

from pcgm_bench.cohort.check import image_faults
from pcgm_bench.cohort.check import poor_on_grid
from pcgm_bench.cohort.layout import Visit
from pcgm_bench.cohort.volume import read_volume
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.file_hash import file_hash
from pcgm_bench.runner.fold_plan import FoldPlan
from pcgm_bench.runner.fold_plan import ImageTask
from pcgm_bench.runner.image_folder import cut_to_files
from pcgm_bench.runner.image_folder import find_files
from pcgm_bench.runner.image_folder import image_folder_spec
from pcgm_bench.runner.request import ImageFolder
from pcgm_bench.segmenters.external.folder import FolderSegmenter
from pcgm_bench.store import ImageKey

CLOSE = 0.004
"""Whole grey levels from 0 to 255 cannot be nearer to their twin."""


@dataclass(frozen=True)
class Room:
    """A place where files come in.

    Attributes:
        name: in the table.
        damages: of its files.
        file: what the damaged one is called.
        read: takes the folder and the damaged file's path; whether its numbers are the twin's. Raises UserError.
        beside: other, undamaged files of the folder.
    """

    name: str
    damages: tuple[Damage, ...]
    file: str
    read: Callable[[Path, Path], bool]
    beside: Mapping[str, bytes] = field(default_factory=dict)

    def attempt(self, damage: Damage, seed: int, folder: Path) -> Trial:
        """Damage a file of a new folder and read it."""
        for name, content in self.beside.items():
            (folder / name).write_bytes(content)
        path = damage.make(np.random.default_rng(seed), folder / self.file)
        return trial_of(lambda: self.read(folder, path))


def _reads_scan(_folder: Path, path: Path) -> bool:
    """As a cohort does: the hash, the checks, the bars of a scan on the grid, the voxels."""
    file_hash(path)
    visit = Visit("01", "", path, 40.0, "F", "control", "control", float("nan"))
    for fault in [*image_faults([visit]), *poor_on_grid([visit])]:
        raise UserError(fault)
    image = read_volume(path)
    same_place = np.allclose(image.affine, GRID.affine, atol=1e-5)
    return same_place and bool(np.allclose(np.asarray(image.dataobj), brain(), atol=1e-6))


class _Cohort:
    """One real scan, which the images are compared with."""

    def __getitem__(self, _index: int) -> Scan:
        return real_scan()


@cache
def real_scan() -> Scan:
    """The undamaged brain."""
    return Scan("01", "", brain(), GRID.affine, 40.0, "F", "control")


def _reads_image(folder: Path, _path: Path) -> bool:
    """As ``pcgm-bench score`` does, of three new brains of which one is damaged."""
    request = ImageFolder(folder)
    generator = image_folder_spec(request, "mine").build()
    nothing: Intervention = {}
    tasks = tuple(ImageTask(0, nothing, ImageKey(f"{number:04d}", "", "sample")) for number in range(3))
    plans, notes = cut_to_files(
        [FoldPlan((), tasks)], find_files(folder), request, [real_scan()], Job.SAMPLE, check=True
    )
    generator.adapt(_Cohort(), Context(0))  # type: ignore[arg-type]
    images = list(generator.sample(len(plans[0].tasks), 0))
    # A difference that is said is not silent.
    said = any("grey levels" in note for note in notes)
    return len(images) == 3 and (said or all(np.abs(image - brain()).max() < CLOSE for image in images))


@cache
def _volumes() -> Mapping[str, float]:
    """Of the undamaged map, counted here in another way."""
    from pcgm_bench.anatomy import PARCELS

    labels = label_map()
    return {name: float((labels == number).sum()) * 0.027 for name, number in PARCELS.items()} | {
        "white_matter": float(((labels == 2) | (labels == 41)).sum()) * 0.027,
        "ventricles": float(((labels == 4) | (labels == 43)).sum()) * 0.027,
        "csf": float((labels == 24).sum()) * 0.027,
    }


def _reads_labels(folder: Path, _path: Path) -> bool:
    """As ``--segmentations DIR`` does. A region that is "not possible" is no wrong number."""
    segmenter = FolderSegmenter(folder)
    assert segmenter.identity
    found = segmenter.segment(real_scan()).volumes
    return len(found) > 60 and all(
        np.isclose(found[name], volume, rtol=0.002, atol=0.03) for name, volume in _volumes().items() if name in found
    )


@cache
def rooms() -> tuple[Room, ...]:
    """All three."""
    whole = nifti(brain())
    scans = (*damages_of(brain()), *intensity_damages(brain()), *wrong_brains(brain()))
    # An image of half a brain is a bad method's: it gets the score of one.
    images = (*damages_of(brain()), *intensity_damages(brain()))
    return (
        Room("scan of a cohort", scans, "sub-01_T1w.nii.gz", _reads_scan),
        Room("image made elsewhere", images, "new-1_T1w.nii.gz", _reads_image,
             {"new-2_T1w.nii.gz": whole, "new-3_T1w.nii.gz": whole}),
        Room("label map", (*damages_of(label_map()), *label_damages(label_map())), "sub-01_dseg.nii.gz",
             _reads_labels),
    )  # fmt: skip
