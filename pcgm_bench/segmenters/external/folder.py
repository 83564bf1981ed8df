"""Segmentations made elsewhere: a folder of FreeSurfer-numbered label maps, one a scan."""

from __future__ import annotations

from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar
from typing import Self

import numpy as np

from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import Segmenter
from pcgm_bench.contracts import SegmenterOptions
from pcgm_bench.contracts import UserError
from pcgm_bench.file_hash import file_hash
from pcgm_bench.nifti.reading import read_labels
from pcgm_bench.segmenters.external.label_volumes import measured
from pcgm_bench.segmenters.external.qc_scores import read_scores
from pcgm_bench.store import ImageKey

QC_TABLES = ("qc.csv", "qc.tsv")


class FolderSegmenter(Segmenter):
    """Reads ``sub-X[_ses-Y]*dseg.nii.gz`` (or ``*aparc*``, ``*synthseg*``) of the same grid as the scan.

    A generated image has its own: ``sub-X[_ses-Y]_desc-cfAUD*dseg.nii.gz``; new brains are ``sub-0001_desc-sample``,
    ``sub-0002_desc-sample``, ... in the order of their file names. Hard labels: fractions are 0 or 1, and a
    change below one voxel cannot be seen. A table ``qc.csv`` or ``qc.tsv`` in the folder, such as SynthSeg's ``--qc``
    writes, holds QC scores of all images.
    """

    name: ClassVar[str] = "folder"
    title: ClassVar[str] = "label maps made elsewhere"
    reads_new_images: ClassVar[bool] = False

    def __init__(self, folder: Path) -> None:
        """Take the folder.

        Raises:
            UserError: it is not there, or something in its table of QC scores is wrong.
        """
        if not folder.is_dir():
            raise UserError(
                f"the folder segmenter reads label maps from --segmentations DIR, and {folder} is no folder"
            )
        self._folder = folder
        tables = [self._folder / name for name in QC_TABLES if (self._folder / name).is_file()]
        self._table = tables[0] if tables else None
        self._quality = read_scores(tables[0]) if tables else None
        self.qc_score = self._quality[0].name if self._quality else ""

    @classmethod
    def open(cls, options: SegmenterOptions) -> Self:
        """The segmenter of ``options.segmentations``.

        Raises:
            UserError: none was given, or as the constructor.
        """
        if options.segmentations is None:
            raise UserError("the folder segmenter reads label maps from --segmentations DIR; give one")
        return cls(options.segmentations)

    @cached_property
    def identity(self) -> str:
        """Follows the names and contents of all label maps and of the table of QC scores."""
        files = sorted([*self._folder.rglob("*.nii*"), *([self._table] if self._table else [])])
        content = [f"{path.relative_to(self._folder)}:{file_hash(path)}" for path in files]
        return f"folder-{blake2b(chr(10).join(content).encode(), digest_size=6).hexdigest()}"

    def find(self, scan: Scan) -> Path:
        """The label map of a scan.

        Raises:
            UserError: none, or several.
        """
        kinds = ("dseg", "aparc", "synthseg")
        stem = ImageKey(scan.subject, scan.session, scan.description).stem
        found = sorted(
            path
            for path in self._folder.rglob(f"{stem}_*.nii*")
            if any(kind in path.name.lower() for kind in kinds) and (scan.description or not _is_generated(path))
        )
        if len(found) != 1:
            what = "no label map" if not found else f"{len(found)} label maps ({found[0].name}, {found[1].name}, ...)"
            msg = f"{self._folder}: {what} for {stem}: give exactly one {stem}_*dseg.nii.gz"
            raise UserError(msg)
        return found[0]

    def segment(self, scan: Scan) -> Segmentation:
        """Read the scan's label map.

        Raises:
            UserError: no file, several, a damaged one, another grid, labels that are no whole numbers or in no list, a
                part of the brain that is missing, or no QC score where there is a table of them.
        """
        path = self.find(scan)
        labels, affine = read_labels(path)
        _check_grid(path, labels, affine, scan)
        return measured(labels, scan, str(path), self._quality_of(scan))

    def _quality_of(self, scan: Scan) -> tuple[float, dict[str, float]]:
        if self._quality is None:
            return float("nan"), {}
        score, rows = self._quality
        stem = ImageKey(scan.subject, scan.session, scan.description).stem
        if stem not in rows:
            raise UserError(f"{self._table}: no row for {stem} among {len(rows)}; add it")
        return score.of(rows[stem])


def _is_generated(path: Path) -> bool:
    return "_desc-cf" in path.name or "_desc-sample" in path.name


def _check_grid(path: Path, labels: np.ndarray, affine: np.ndarray, scan: Scan) -> None:
    if labels.shape != scan.image.shape:
        msg = f"{path}: grid {labels.shape} is not that of {scan.key} {scan.image.shape}: resample it (nearest)"
        raise UserError(msg)
    if not np.allclose(affine, scan.affine, atol=1e-3):
        apart = float(np.abs(affine - scan.affine).max())
        raise UserError(
            f"{path}: its affine is not that of {scan.key} (it differs by up to {apart:.3g} mm, though both have "
            f"{labels.shape} voxels): it lies elsewhere; resample it to the scan's grid (nearest)"
        )
