"""Factual scans as the run's segmenter reads them: made once per cohort and segmenter, shared by all runs."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from pcgm_bench import __version__
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import Segmenter
from pcgm_bench.runner.helpers import EVERYTHING
from pcgm_bench.runner.helpers import Share
from pcgm_bench.runner.lazy import LazyScan
from pcgm_bench.runner.lazy import lazy_scan
from pcgm_bench.runner.lazy import lazy_segmentation
from pcgm_bench.store import Reading
from pcgm_bench.store import Stage
from pcgm_bench.store import Unit
from pcgm_bench.store import atomic
from pcgm_bench.store import digest
from pcgm_bench.store import source_digest
from pcgm_bench.store.run_folder import locked

Progress = Callable[[str, int, int], None]


def readings_stage(home: Path, cohort: Cohort, segmenter: Segmenter) -> Stage:
    """``<home>/readings/<cohort>--<key>``, the key made of the cohort's content and the segmenter's identity."""
    key = digest([cohort.content_hash, segmenter_digest(segmenter)])[:12]
    return Stage(home / "readings" / f"{cohort.name}--{key}")


def segmenter_digest(segmenter: Segmenter) -> str:
    """The segmenter's identity and the source of its module."""
    return f"{segmenter.identity}-{source_digest(type(segmenter), alone=True)[:8]}"


def read_cohort(
    home: Path,
    cohort: Cohort,
    segmenter: Segmenter,
    progress: Progress,
    helped: Callable[[Callable[[], object]], AbstractContextManager[Share]] | None = None,
) -> ReadCohort:
    """Segment every scan that has not been read yet, one atomic unit a scan.

    Args:
        home: keeps the readings.
        cohort: the scans.
        segmenter: reads them.
        progress: told (what, done, total).
        helped: given a function to call while waiting, starts processes that do `read_share` of the same cohort.

    Raises:
        UserError: a scan cannot be read (named), or the folder cannot be written to; what was read stays.
    """
    stage = readings_stage(home, cohort, segmenter)
    units = units_of(cohort.table)

    reported = [-1]

    def count() -> int:
        done = stage.count_done(units)
        if done != reported[0]:
            progress("segment scans", done, len(units))
        reported[0] = done
        return done

    # Complete readings are only ever read, so that many runs, and a read-only home, can share them.
    if count() < len(units):
        with locked(stage.root / "lock"):
            atomic.sweep(stage.root)
            stage.describe_dataset(
                f"{cohort.name}, read by {segmenter.title}", {"Name": "pcgm-bench", "Version": __version__}
            )
            if helped is not None:
                with helped(count) as share:
                    read_share(home, cohort, segmenter, count, share)
            read_share(home, cohort, segmenter, count)
    readings = tuple(stage.read_reading(unit) for unit in units)
    return ReadCohort(cohort, stage, readings, tuple(range(len(units))))


def read_share(
    home: Path, cohort: Cohort, segmenter: Segmenter, count: Callable[[], object], share: Share = EVERYTHING
) -> None:
    """Segment what is missing of a share of the scans; ``count`` is called after each. Raises as `read_cohort`."""
    stage = readings_stage(home, cohort, segmenter)
    for index, unit in enumerate(units_of(cohort.table)):
        if not share.takes(index) or stage.is_done(unit):
            continue
        scan = cohort[index]
        with noted(f"while segmenting {unit.stem} of {cohort.name}"):
            reading = in_native_ml(segmenter.segment(scan), scan)
            stage.write_reading(unit, reading, scan.affine, keep_fractions=True)
        count()


def in_native_ml(reading: Segmentation, scan: Scan) -> Segmentation:
    """The same reading with its volumes in the person's own mL, not in those of the head registered to the grid.

    A scan that was registered says by how much in ``scan.scale``: volume on the grid over native volume.
    """
    scale = float(getattr(scan, "scale", 1.0))
    if scale == 1:
        return reading
    volumes = {name: volume / scale for name, volume in reading.volumes.items()}
    return dataclasses.replace(reading, volumes=volumes, head_size=reading.head_size / scale)


class Unread(Segmenter):
    """Reads nothing: for images of a run that a segmenter cannot read, since it knows only what was measured before."""

    name: ClassVar[str] = "unread"
    title: ClassVar[str] = "not read"
    identity: ClassVar[str] = "unread"

    def segment(self, scan: Scan) -> Segmentation:
        """No volumes, no voxels, no quality."""
        return Segmentation.of_volumes({}, float("nan"), float("nan"))


def units_of(table: pd.DataFrame) -> list[Unit]:
    """One unit a row of a cohort's table."""
    return [Unit(str(row.subject), str(row.session or "")) for row in table.itertuples()]


@contextlib.contextmanager
def noted(note: str) -> Iterator[None]:
    """Say where an error arose, whoever's it is."""
    try:
        yield
    except Exception as error:
        error.add_note(note)
        raise


@dataclass
class ReadCohort:
    """A cohort whose scans carry the run segmenter's reading; voxels are read on first use.

    Attributes:
        source: the cohort itself.
        stage: where its readings are.
        readings: one a row of the source's table.
        rows: which rows of the source this is, in order; a bootstrap sample repeats some.
        diagnosis: another diagnosis for each row of the source (labels permuted), or None.
    """

    source: Cohort
    stage: Stage
    readings: tuple[Reading, ...]
    rows: tuple[int, ...]
    diagnosis: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        self.name: str = self.source.name
        self.is_phantom: bool = self.source.is_phantom

    @property
    def table(self) -> pd.DataFrame:
        """The source's table; ``head_size`` is as read by the segmenter."""
        table = self.source.table.assign(head_size=[reading.head_size for reading in self.readings])
        if self.diagnosis is not None:
            table["diagnosis"] = list(self.diagnosis)
        chosen = table.iloc[list(self.rows)].reset_index(drop=True)
        chosen.attrs = dict(self.source.table.attrs)
        return chosen

    @property
    def content_hash(self) -> str:
        """Of the source, the rows and their labels."""
        return digest([self.source.content_hash, self.stage.root.name, self.rows, self.diagnosis])

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[LazyScan]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> LazyScan:
        row = self.rows[index]
        person = self.source.table.iloc[row]
        reading = self.readings[row]
        unit = Unit(str(person["subject"]), str(person["session"] or ""))
        return lazy_scan(
            lambda: self.source[row],
            subject=unit.subject,
            session=unit.session,
            age=float(person["age"]),
            sex=str(person["sex"]),
            diagnosis=str(person["diagnosis"] if self.diagnosis is None else self.diagnosis[row]),
            head_size=reading.head_size,
            segmentation=lazy_segmentation(
                lambda: self.stage.read_fractions(unit),
                lambda: self.stage.read_labels(unit),
                volumes=dict(reading.volumes),
                head_size=reading.head_size,
                qc=reading.qc,
                qc_parts=reading.qc_parts,
            ),
        )

    def subset(self, subjects: Sequence[str]) -> ReadCohort:
        """The same cohort, these people only, in the cohort's order."""
        wanted = set(subjects)
        names = self.source.table["subject"].astype(str).to_numpy()
        return self.at([row for row in self.rows if names[row] in wanted])

    def at(self, rows: Sequence[int], diagnosis: Sequence[str] | None = None) -> ReadCohort:
        """These rows of the source (repeats allowed), with other labels if given (one a row of the source)."""
        labels = self.diagnosis if diagnosis is None else tuple(diagnosis)
        return ReadCohort(self.source, self.stage, self.readings, tuple(int(row) for row in rows), labels)

    def relabelled(self, diagnosis: Sequence[str]) -> ReadCohort:
        """Everybody here under other labels, one a row of the source."""
        return self.at(self.rows, diagnosis)
