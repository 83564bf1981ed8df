"""A folder of real scans, or a written phantom, as a `pcgm_bench.contracts.Cohort`."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from pcgm_bench.cohort.align import VERSION
from pcgm_bench.cohort.align import Aligned
from pcgm_bench.cohort.align import align
from pcgm_bench.cohort.align import to_native
from pcgm_bench.cohort.check import image_faults
from pcgm_bench.cohort.checksums import must_be_as_written
from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.cohort.intensity import grid_scale_fault
from pcgm_bench.cohort.intensity import intensity_of
from pcgm_bench.cohort.layout import Layout
from pcgm_bench.cohort.layout import Visit
from pcgm_bench.cohort.layout import first_fault
from pcgm_bench.cohort.layout import read_layout
from pcgm_bench.cohort.mapping import LEVELS
from pcgm_bench.cohort.mapping import ColumnMap
from pcgm_bench.cohort.mapping import map_age
from pcgm_bench.cohort.mapping import map_sex
from pcgm_bench.cohort.mapping import parse_maps
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import UserError
from pcgm_bench.contracts import silent
from pcgm_bench.file_hash import file_hash
from pcgm_bench.store.closure import code_digest

if TYPE_CHECKING:
    from pcgm_bench.cohort.deformation.deform import Deformed
    from pcgm_bench.cohort.deformation.source import Source

PHANTOM = "pcgm-bench phantom"
"""``GeneratedBy`` name in ``dataset_description.json`` that marks a phantom."""
COLUMNS = ("subject", "session", "age", "sex", "diagnosis", "head_size", "diagnosis_original")


class BidsCohort(Cohort):
    """People of a BIDS folder; scans are loaded, and aligned where they are native, one at a time.

    Attributes:
        name: the folder's name.
        is_phantom: whether ``dataset_description.json`` says so.
        folder: the folder.
        layout: its tables, and where its scans lie.
        grid: name of the grid on which native scans are brought.
        home: keeps aligned scans; None: they are not kept.
    """

    def __init__(self, layout: Layout, grid: str = "3mm", home: Path | None = None) -> None:
        """Made by `read`; ``layout`` has no faults."""
        self.folder = layout.folder
        self.name = layout.folder.resolve().name
        self.grid = grid_called(grid).name
        self.is_phantom = any(
            isinstance(tool, Mapping) and str(tool.get("Name", "")).startswith(PHANTOM)
            for tool in layout.description.get("GeneratedBy") or ()
        )
        self.layout = layout
        self.home = home
        self._visits = tuple(layout.visits)
        self._last: tuple[Scan, Intervention, Deformed] | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What reading the folder's tables found worth knowing, one line each."""
        return tuple(self.layout.notes)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a visit: subject, session, age, sex, diagnosis, head_size (mL), diagnosis_original."""
        return pd.DataFrame([_cells(visit) for visit in self._visits], columns=[*COLUMNS])

    @cached_property
    def content_hash(self) -> str:
        """Changes when a byte of an image, a metadatum or the way of aligning does."""
        rows = [[*map(repr, _cells(visit)), file_hash(visit.path)] for visit in self._visits]
        return blake2b(json.dumps([VERSION, self.grid, rows]).encode(), digest_size=16).hexdigest()

    def __len__(self) -> int:
        return len(self._visits)

    def __getitem__(self, index: int) -> Scan:
        """Load one scan.

        Raises:
            UserError: the file is faulty or cannot be aligned.
        """
        visit = self._visits[index]
        return _scan(visit, self.aligned(index))

    def aligned(self, index: int) -> Aligned:
        """The scan on the grid with the way back; kept under ``home``."""
        return align(self._visits[index].path, self.grid, self.home)

    @property
    def has_region_truth(self) -> bool:
        """Always: a scan can be deformed by a known amount."""
        return True

    def oracle(self, scan: Scan, do: Intervention, seed: int | None) -> np.ndarray:
        """The scan itself, deformed so that regions have the asked factors of their volumes; noise and texture are its
        own, whatever ``seed`` says, and where nothing moved it is the scan, bit for bit.

        Args:
            scan: one of this cohort's, with the segmentation that says where its regions are.
            do: factors of regions; empty: nothing is asked.
            seed: not used.

        Raises:
            UnknownTruthError: a region cannot be changed so far.
            UserError: age, sex or diagnosis is asked; no such scan; no segmentation with fractions.
        """
        return self._deformed(scan, do).image.copy()

    def truth(self, scan: Scan, do: Intervention) -> Segmentation:
        """The scan's segmentation, deformed as `oracle` deforms the scan; arguments and errors likewise.

        Volumes are in mL as in the scan's own segmentation; over those they are the factor that was reached.
        """
        return self._deformed(scan, do).segmentation

    def _deformed(self, scan: Scan, do: Intervention) -> Deformed:
        from pcgm_bench.cohort.deformation.deform import deform  # torch takes seconds to import

        visits = [(visit.subject, visit.session) for visit in self._visits]
        if (scan.subject, scan.session) not in visits:
            raise UserError(f"{scan.key} is not in {self.name}: a true image can be made of its own scans only")
        # Image and segmentation of one truth are asked for one after the other, and a deformation takes seconds.
        if self._last is None or self._last[0] is not scan or self._last[1] != do:
            made = deform(scan, partial(self._source, visits.index((scan.subject, scan.session))), do)
            self._last = (scan, dict(do), made)
        return self._last[2]

    def _source(self, index: int) -> Source:
        from pcgm_bench.cohort.deformation.source import source_of

        return source_of(self._visits[index].path, self.aligned(index))

    def path(self, index: int) -> Path:
        """The T1w file of a visit."""
        return self._visits[index].path

    def scale(self, index: int) -> float:
        """Volume on the grid / native volume."""
        return self.aligned(index).scale

    def prepare(self, progress: Progress = silent) -> None:
        """Align every scan now, so that the wait has a progress bar."""
        for index in range(len(self)):
            self.aligned(index)
            progress("aligning scans", index + 1, len(self))

    def subset(self, subjects: Sequence[str]) -> BidsCohort:
        """The same cohort, these people only, in the same order.

        Raises:
            UserError: somebody who is not in it.
        """
        return BidsCohort(self.layout_of(subjects), self.grid, self.home)

    def layout_of(self, subjects: Sequence[str]) -> Layout:
        """The layout with the visits of these people only; raises as `subset`."""
        wanted = set(subjects)
        strangers = wanted - {visit.subject for visit in self._visits}
        if strangers:
            raise UserError(f"{self.folder}: no sub-{min(strangers)} here: choose among the table's subjects")
        return replace(self.layout, visits=[visit for visit in self._visits if visit.subject in wanted])


def read(
    folder: Path,
    maps: Sequence[str] = (),
    home: Path | None = None,
    *,
    grid: str = "3mm",
    progress: Progress = silent,
) -> BidsCohort:
    """Read a BIDS folder; every table and every voxel is checked first.

    Args:
        folder: with ``participants.tsv`` and T1w files; raw or derivative.
        maps: ``--map`` options, `pcgm_bench.cohort.mapping`.
        home: keeps aligned scans, and the note that this folder has passed its checks; None: nothing is kept.
        grid: grid for native scans; scans that lie on a standard grid stay there.
        progress: called with (what, done, total).

    Raises:
        UserError: the first fault, and how many more there are.
    """
    layout = read_layout(Path(folder), parse_maps(maps))
    if layout.faults:
        raise first_fault(layout.faults, layout.folder)
    if home is not None and Path(folder).absolute().parent == (home / "cohorts").absolute():
        must_be_as_written(Path(folder))
    cohort = BidsCohort(layout, grid, home)
    if not len(cohort):
        raise UserError(f"{folder}: no scan is left: check --map diagnosis and participants.tsv")
    # What passed older checks has not passed these.
    passed = None if home is None else home / "checked" / f"{cohort.content_hash}-{code_digest(image_faults)[:8]}"
    if passed is None or not passed.exists():
        faults = list(image_faults(layout.visits, progress))
        if faults:
            raise first_fault(faults, layout.folder)
        if passed is not None:
            passed.parent.mkdir(parents=True, exist_ok=True)
            passed.touch()
    return cohort


def load_scan(
    path: Path, age: float, sex: str, diagnosis: str, home: Path | None = None, *, grid: str = "3mm"
) -> tuple[Scan, Callable[[np.ndarray], nib.Nifti1Image]]:
    """One file as a scan, and the way back to its own grid.

    Args:
        path: skull-stripped T1w NIfTI.
        age: years.
        sex: F or M (usual spellings).
        diagnosis: one of control, AUD, HIV.
        home: keeps the aligned scan.
        grid: grid for a native scan.

    Returns:
        The scan on the grid, and a function from a changed image on that grid to an image with the file's shape and
        affine, in which the change is written inside the brain.

    Raises:
        UserError: a faulty file or impossible metadata.
    """
    try:
        years, letter = map_age(str(age)), map_sex(str(sex), ColumnMap({}))
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error
    if diagnosis not in LEVELS:
        raise UserError(f"{path}: unknown diagnosis {diagnosis!r}: use {', '.join(LEVELS)}")
    path = Path(path)
    aligned = align(path, grid, home)
    # What was aligned here has this scale.
    if np.isnan(aligned.overlap) and (fault := grid_scale_fault(intensity_of(aligned.image))):
        raise UserError(f"{path}: {fault}")
    entities: dict[str, Any] = dict(piece.split("-", 1) for piece in path.name.split("_") if "-" in piece)
    subject = entities.get("sub") or path.name.split(".")[0]
    visit = Visit(subject, entities.get("ses", ""), path, years, letter, diagnosis, diagnosis, float("nan"))
    return _scan(visit, aligned), lambda changed: to_native(path, aligned, changed)


def _cells(visit: Visit) -> tuple[str, str, float, str, str, float, str]:
    """A visit's row, in the order of `COLUMNS`."""
    who = (visit.subject, visit.session, visit.age, visit.sex, visit.diagnosis)
    return (*who, visit.head_size, visit.diagnosis_original)


def _scan(visit: Visit, aligned: Aligned) -> Scan:
    return Scan(
        subject=visit.subject,
        session=visit.session,
        image=aligned.image,
        affine=aligned.affine,
        age=visit.age,
        sex=visit.sex,
        diagnosis=visit.diagnosis,
        head_size=visit.head_size,
        scale=aligned.scale,
    )
