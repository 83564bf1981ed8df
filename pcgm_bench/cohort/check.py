"""Whether a BIDS folder can be run, all its faults at once (`pcgm-bench cohort check DIR`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pcgm_bench.cohort.align import standard_grid_of
from pcgm_bench.cohort.derivatives import derivative_faults
from pcgm_bench.cohort.intensity import intensity_of
from pcgm_bench.cohort.intensity import negative_fault
from pcgm_bench.cohort.layout import Layout
from pcgm_bench.cohort.layout import Visit
from pcgm_bench.cohort.layout import read_layout
from pcgm_bench.cohort.mapping import CASE
from pcgm_bench.cohort.mapping import CONTROL
from pcgm_bench.cohort.mapping import parse_maps
from pcgm_bench.cohort.quality.bars import reasons
from pcgm_bench.cohort.quality.measures import ScanQuality
from pcgm_bench.cohort.quality.measures import image_quality
from pcgm_bench.cohort.volume import read_volume
from pcgm_bench.cohort.volume import skull_fault
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import UserError
from pcgm_bench.contracts import silent

FEW = 30


@dataclass(frozen=True)
class CheckReport:
    """What `check` found.

    Attributes:
        folder: what was checked.
        faults: a line each: file or subject, what is wrong, what to do. Any of them forbids a run.
        notes: a line each: worth knowing, no obstacle.
        subjects: people with a usable row.
        scans: their scans.
        levels: people by diagnosis.
        poor: a line for each scan on a standard grid that a run would leave out, as far as its voxels tell.
    """

    folder: Path
    faults: tuple[str, ...]
    notes: tuple[str, ...]
    subjects: int
    scans: int
    levels: Mapping[str, int]
    poor: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether a run may start."""
        return not self.faults

    def lines(self) -> list[str]:
        """The report as text, a line each, verdict last."""
        levels = ", ".join(f"{count} {level}" for level, count in self.levels.items()) or "nobody"
        counted = f"{self.folder}: {self.subjects} people ({levels}), {self.scans} scans"
        verdict = "ready to run" if self.ok else f"{len(self.faults)} fault(s) to mend before a run"
        if self.ok and self.poor:
            verdict += f"; {len(self.poor)} poor scan(s) are left out of it"
        return [
            *(f"fault  {line}" for line in self.faults),
            *(f"note   {line}" for line in self.notes),
            *(f"poor   {line}" for line in self.poor),
            counted,
            verdict,
        ]


def check(folder: Path, maps: Sequence[str] = (), progress: Progress = silent) -> CheckReport:
    """Read every table and every voxel of a BIDS folder and list what is wrong.

    Args:
        folder: the BIDS folder.
        maps: the user's ``--map`` options.
        progress: called with (what, done, total) after each scan.

    Raises:
        UserError: a misspelt map. Everything else is in the report.
    """
    layout = read_layout(folder, parse_maps(maps))
    faults = [*layout.faults, *image_faults(layout.visits, progress)]
    people = {visit.subject: visit.diagnosis for visit in layout.visits}
    levels = Counter(people.values())
    poor = () if faults else tuple(poor_on_grid(layout.visits))
    notes = tuple(_notes(layout, levels))
    return CheckReport(folder, tuple(faults), notes, len(people), len(layout.visits), dict(levels), poor)


def poor_on_grid(visits: Sequence[Visit]) -> Iterator[str]:
    """Scans on a standard grid that are below a bar of their voxels: they are used as they are, whatever is in them."""
    for visit in visits:
        image = read_volume(visit.path)
        measured = image_quality(np.asarray(image.dataobj, np.float32), image.affine)
        why = reasons(ScanQuality(measured), "")
        if why:
            yield f"{visit.path.name}: {'; '.join(why)}"


def image_faults(visits: Sequence[Visit], progress: Progress = silent) -> Iterator[str]:
    """Faults of the images, scan by scan, and of their not being of one kind, or not sharing one grid."""
    yield from derivative_faults([visit.path for visit in visits])
    grids: dict[str, Path] = {}
    for done, visit in enumerate(visits, 1):
        try:
            image = read_volume(visit.path)
        except UserError as error:
            yield str(error)
        else:
            grid = standard_grid_of(image)
            grids.setdefault("native" if grid is None else grid.name, visit.path)
            negative = negative_fault(intensity_of(np.asarray(image.dataobj)))
            fault = skull_fault(visit.path, image) if grid is None else None
            fault = f"{visit.path}: {negative}" if negative else fault
            if fault:
                yield fault
        progress("checking scans", done, len(visits))
    if len(set(grids) - {"native"}) > 1:
        found = ", ".join(f"{name} ({path.name})" for name, path in grids.items())
        yield f"{visits[0].path.parents[1].name}: scans lie on different standard grids, {found}: resample them to one"


def _notes(layout: Layout, levels: Mapping[str, int]) -> Iterator[str]:
    yield from layout.notes
    if layout.visits and (not levels.get(CASE) or not levels.get(CONTROL)):
        yield f"only {', '.join(levels)} here: a study of two groups needs {CASE} and {CONTROL}"
    elif layout.visits and (smaller := min(levels[CASE], levels[CONTROL])) < FEW:
        yield f"{smaller} people in the smaller group: only very large effects can be seen"
    if layout.visits and all(visit.head_size != visit.head_size for visit in layout.visits):
        yield "no head_size (mL): it will be read from the images"
