"""Read a lab's label maps into the home folder, where phantoms are made from them."""

from __future__ import annotations

from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.spatialimages import SpatialImage

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.cohort.phantom.anatomies import template_of_labels
from pcgm_bench.cohort.phantom.anatomy import placed
from pcgm_bench.cohort.phantom.anatomy_store import ABOUT
from pcgm_bench.cohort.phantom.anatomy_store import KeptAnatomy
from pcgm_bench.cohort.phantom.anatomy_store import about_anatomy
from pcgm_bench.cohort.phantom.anatomy_store import anatomy_folder
from pcgm_bench.cohort.phantom.template import keep_template
from pcgm_bench.cohort.phantom.template import load_template
from pcgm_bench.cohort.phantom.template_fields import CORNER
from pcgm_bench.cohort.phantom.template_fields import SHAPE
from pcgm_bench.cohort.phantom.template_fields import Template
from pcgm_bench.cohort.phantom.warp import CENTRE
from pcgm_bench.cohort.phantom.warp import Shape
from pcgm_bench.cohort.volume import UNREADABLE
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import UserError
from pcgm_bench.nifti.header import MAX_VOXELS
from pcgm_bench.nifti.reading import read_stored
from pcgm_bench.nifti.stream import check_gzip
from pcgm_bench.store.atomic import write_json
from pcgm_bench.store.closure import code_digest
from pcgm_bench.store.identity import digest
from pcgm_bench.store.locks import locked

MOST_BYTES = 8 * MAX_VOXELS
ENDINGS = (".nii", ".nii.gz", ".mgz", ".mgh")
FREESURFER = "*/mri/aparc+aseg.mgz"
"""Where a SUBJECTS_DIR keeps its maps."""
ROOM_MM = 1.5
"""How far out an anatomy's pial surfaces may be moved: further, cortex is thicker than any person's."""
TRIED_ML, TRIED_VENTRICLES_ML = 1400.0, 25.0
"""The head in which it is tried how much cortex an anatomy can hold; only shares of it count."""
LEAST_ML = 1200.0
"""An anatomy that does not fit the grids at this head size is left out: nine of ten people have a larger head."""
SURE = 0.98
"""Of the head that would just fit by its mask: a head's volume is the sum of its edge voxels' shares, 1 % from that."""


def import_anatomies(folder: Path, home: Path, progress: Progress) -> tuple[str, ...]:
    """Make a template of every label map in a folder that has none yet: a minute and 400 MB each.

    A head that does not fit the grids at an ordinary size is left out, and named as it is found.

    Args:
        folder: label maps (``.nii``, ``.nii.gz``, ``.mgz``), or FreeSurfer's SUBJECTS_DIR.
        home: keeps the templates, by the content of the maps and the code that reads them.
        progress: told (what, done, total).

    Returns:
        Their keys, sorted: the same maps under other names are the same keys.

    Raises:
        UserError: no label maps there, or one that cannot be read, is none, or cannot be aligned; or none fits.
    """
    maps = label_maps_in(folder)
    code = code_digest(template_of_labels)
    keys, left_out = set(), []
    for done, path in enumerate(maps):
        image = _read(path)
        key = digest([_content(image), code])[:16]
        kept = anatomy_folder(key, home)
        with locked(kept.parent / f".{key}.lock", wait=True, progress=progress):
            if not (kept / ABOUT).is_file():
                _keep(template_of_labels(image, load_template(home), path.name), path.name, kept)
        about = about_anatomy(key, home)
        if about.largest_ml >= LEAST_ML:
            keys.add(key)
        else:
            left_out.append(f"{path.name} fits the grid up to a head of {about.largest_ml:.0f} mL only")
            progress(f"left out: {left_out[-1]}, {LEAST_ML:.0f} mL are needed", 1, 1)
        progress("read anatomies", done + 1, len(maps))
    if not keys:
        raise UserError(
            f"--anatomies {folder}: no head there fits the grid at {LEAST_ML:.0f} mL ({'; '.join(left_out)}): the maps "
            "may hold neck, eyes or skull beside the brain, or lie askew: correct them, or give others"
        )
    return tuple(sorted(keys))


def label_maps_in(folder: Path) -> list[Path]:
    """The label maps in a folder, sorted by name.

    Raises:
        UserError: no such folder, or none in it.
    """
    if not folder.is_dir():
        raise UserError(f"--anatomies {folder}: no such folder: give one with label maps, or FreeSurfer's SUBJECTS_DIR")
    found = sorted(path for path in folder.iterdir() if path.name.endswith(ENDINGS) and not path.name.startswith("."))
    found = found or sorted(folder.glob(FREESURFER))
    if not found:
        raise UserError(f"--anatomies {folder}: no label maps there (*.nii, *.nii.gz, *.mgz, or {FREESURFER})")
    return found


def _read(path: Path) -> SpatialImage:
    if path.name.endswith((".nii", ".nii.gz")):
        stored = read_stored(path, None)
        return SpatialImage(stored.values, stored.affine)
    try:
        check_gzip(path, MOST_BYTES)
        image = nib.load(path)
        np.asanyarray(image.dataobj)
    except UNREADABLE as error:
        raise UserError(f"{path}: cannot be read ({error}): copy it again, or leave it out") from error
    return image


def _content(image: SpatialImage) -> str:
    """Hash of the labels and of where they lie."""
    labels = np.round(np.asanyarray(image.dataobj)).astype(np.int32)
    found = blake2b(labels.tobytes(), digest_size=16)
    found.update(np.round(np.asarray(image.affine, np.float64), 4).tobytes())
    return found.hexdigest()


def _keep(template: Template, file: str, kept: Path) -> None:
    """Write the template first and what is known of it last: a folder without that is not whole."""
    keep_template(template, kept)
    largest = largest_head(template)
    most = _most(template, min(TRIED_ML, largest)) if largest >= LEAST_ML else {}
    write_json(kept / ABOUT, asdict(KeptAnatomy(file, most, largest)))


def largest_head(template: Template) -> float:
    """mL of the largest head that fits the grids when it is neither turned nor bent (`warp.place`'s last try)."""
    grid = grid_called("3mm")  # the voxels of the others are smaller, and so is the border that must stay free
    inside = template.hull.reshape(SHAPE) > 0
    shares = []
    for axis, voxels in enumerate(grid.shape):
        filled = CORNER[axis] + np.flatnonzero(inside.any(tuple(k for k in range(3) if k != axis)))
        border = grid.affine[axis, 3] + grid.affine[axis, axis] * np.array([0, voxels - 1]) - CENTRE[axis]
        shares += list(border / (np.array([filled[0], filled[-1] + 1.0]) - CENTRE[axis]))
    return float(SURE * template.volume * min(shares) ** 3)


def _most(template: Template, head: float) -> dict[str, float]:
    """Lobe -> share of a ``head`` (mL) that is its cortex with every pial surface `ROOM_MM` further out."""
    surfaces = placed(template, grid_called("3mm"), Shape(0, strength=0.0), head, TRIED_VENTRICLES_ML)
    volumes = surfaces.lobe_volumes(*surfaces.edges(np.full(len(LOBE_NAMES), -ROOM_MM), np.zeros(len(LOBE_NAMES))))
    return {lobe: float(volume) / head for lobe, volume in zip(LOBE_NAMES, volumes, strict=True)}
