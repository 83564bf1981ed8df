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
from pcgm_bench.cohort.phantom.anatomy_store import anatomy_folder
from pcgm_bench.cohort.phantom.template import keep_template
from pcgm_bench.cohort.phantom.template import load_template
from pcgm_bench.cohort.phantom.template_fields import Template
from pcgm_bench.cohort.phantom.warp import Shape
from pcgm_bench.cohort.volume import UNREADABLE
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import UserError
from pcgm_bench.store.atomic import write_json
from pcgm_bench.store.closure import code_digest
from pcgm_bench.store.identity import digest
from pcgm_bench.store.locks import locked

ENDINGS = (".nii", ".nii.gz", ".mgz", ".mgh")
FREESURFER = "*/mri/aparc+aseg.mgz"
"""Where a SUBJECTS_DIR keeps its maps."""
ROOM_MM = 1.5
"""How far out an anatomy's pial surfaces may be moved: further, cortex is thicker than any person's."""
TRIED_ML, TRIED_VENTRICLES_ML = 1400.0, 25.0
"""The head in which it is tried how much cortex an anatomy can hold; only shares of it count."""


def import_anatomies(folder: Path, home: Path, progress: Progress) -> tuple[str, ...]:
    """Make a template of every label map in a folder that has none yet: a minute and 400 MB each.

    Args:
        folder: label maps (``.nii``, ``.nii.gz``, ``.mgz``), or FreeSurfer's SUBJECTS_DIR.
        home: keeps the templates, by the content of the maps and the code that reads them.
        progress: told (what, done, total).

    Returns:
        Their keys, sorted: the same maps under other names are the same keys.

    Raises:
        UserError: no label maps there, or one that cannot be read, is none, or cannot be aligned.
    """
    maps = label_maps_in(folder)
    code = code_digest(template_of_labels)
    keys = set()
    for done, path in enumerate(maps):
        image = _read(path)
        key = digest([_content(image), code])[:16]
        kept = anatomy_folder(key, home)
        with locked(kept.parent / f".{key}.lock", wait=True, progress=progress):
            if not (kept / ABOUT).is_file():
                _keep(template_of_labels(image, load_template(home), path.name), path.name, kept)
        keys.add(key)
        progress("read anatomies", done + 1, len(maps))
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
    try:
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
    write_json(kept / ABOUT, asdict(KeptAnatomy(file, _most(template))))


def _most(template: Template) -> dict[str, float]:
    """Lobe -> share of the head that is its cortex with every pial surface `ROOM_MM` further out."""
    surfaces = placed(template, grid_called("3mm"), Shape(0, strength=0.0), TRIED_ML, TRIED_VENTRICLES_ML)
    volumes = surfaces.lobe_volumes(*surfaces.edges(np.full(len(LOBE_NAMES), -ROOM_MM), np.zeros(len(LOBE_NAMES))))
    return {lobe: float(volume) / TRIED_ML for lobe, volume in zip(LOBE_NAMES, volumes, strict=True)}
