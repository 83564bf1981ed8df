"""Real anatomies for the segmenter's training: label maps turned into templates, kept in the work folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np

from pcgm_bench.cohort.phantom.anatomies import masks_of_labels
from pcgm_bench.cohort.phantom.template import keep_template
from pcgm_bench.cohort.phantom.template import load_template
from pcgm_bench.cohort.phantom.template_fields import template_of
from pcgm_bench.contracts import Progress

VELOCITY = "velocity.npy"
"""Beside a template: where in the built-in one each of its points lies."""


def keep_anatomies(maps: list[Path], folder: Path, home: Path, progress: Progress) -> list[Path]:
    """A folder for every label map, made where it is not there yet (a minute and 400 MB each).

    Args:
        maps: label maps, as `pcgm_bench.cohort.phantom.anatomies.template_of_labels` reads them.
        folder: for the templates.
        home: keeps the built-in template.
        progress: told (what, done, total).

    Raises:
        UserError: a map that is none, or cannot be aligned.
    """
    folders = []
    for done, path in enumerate(maps):
        kept = folder / path.name.split(".")[0]
        if not (kept / VELOCITY).exists():
            masks, velocity = masks_of_labels(nib.load(path), load_template(home), path.name)
            shutil.rmtree(kept, ignore_errors=True)
            keep_template(template_of(masks, is_average=False), kept)
            np.save(kept / VELOCITY, velocity)
        folders.append(kept)
        progress("read anatomies", done + 1, len(maps))
    return folders
