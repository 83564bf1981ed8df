"""A cohort whose scans carry the run segmenter's measurements; voxels are read on first use."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from pcgm_bench.runner.lazy_scan import LazyScan
from pcgm_bench.runner.lazy_scan import lazy_scan
from pcgm_bench.runner.lazy_scan import lazy_segmentation
from pcgm_bench.runner.wrapped_cohort import WrappedCohort
from pcgm_bench.store import DerivativeFolder
from pcgm_bench.store import ImageKey
from pcgm_bench.store import StoredVolumes
from pcgm_bench.store import digest


def keys_of(table: pd.DataFrame) -> list[ImageKey]:
    """The factual scan of every row of a cohort's table."""
    return [ImageKey(str(row.subject), str(row.session or "")) for row in table.itertuples()]


@dataclass
class SegmentedCohort(WrappedCohort):
    """A cohort with the measurements of its scans.

    Attributes:
        folder: where the segmentations are.
        stored: the numbers, one a row of the source's table.
        rows: which rows of the source this is, in order; a bootstrap sample repeats some.
        diagnosis: another diagnosis for each row of the source (labels permuted), or None.
    """

    folder: DerivativeFolder
    stored: tuple[StoredVolumes, ...]
    rows: tuple[int, ...]
    diagnosis: tuple[str, ...] | None = None

    @property
    def table(self) -> pd.DataFrame:
        """The source's table; ``head_size`` is as the segmenter measured it."""
        table = self.source.table.assign(head_size=[stored.head_size for stored in self.stored])
        if self.diagnosis is not None:
            table["diagnosis"] = list(self.diagnosis)
        return table.iloc[list(self.rows)].reset_index(drop=True)

    @property
    def content_hash(self) -> str:
        """Of the source, the rows and their labels."""
        return digest([self.source.content_hash, self.folder.root.name, self.rows, self.diagnosis])

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[LazyScan]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> LazyScan:
        row = self.rows[index]
        person = self.source.table.iloc[row]
        stored = self.stored[row]
        key = ImageKey(str(person["subject"]), str(person["session"] or ""))
        return lazy_scan(
            lambda: self.source[row],
            subject=key.subject,
            session=key.session,
            age=float(person["age"]),
            sex=str(person["sex"]),
            diagnosis=str(person["diagnosis"] if self.diagnosis is None else self.diagnosis[row]),
            head_size=stored.head_size,
            segmentation=lazy_segmentation(
                lambda: self.folder.read_fractions(key), lambda: self.folder.read_labels(key), stored
            ),
            description="",
        )

    def subset(self, subjects: Sequence[str]) -> SegmentedCohort:
        """The same cohort, these people only, in the cohort's order."""
        wanted = set(subjects)
        names = self.source.table["subject"].astype(str).to_numpy()
        return self.at([row for row in self.rows if names[row] in wanted])

    def at(self, rows: Sequence[int], diagnosis: Sequence[str] | None = None) -> SegmentedCohort:
        """These rows of the source (repeats allowed), with other labels if given (one a row of the source)."""
        labels = self.diagnosis if diagnosis is None else tuple(diagnosis)
        return SegmentedCohort(self.source, self.folder, self.stored, tuple(int(row) for row in rows), labels)

    def relabelled(self, diagnosis: Sequence[str]) -> SegmentedCohort:
        """Everybody here under other labels, one a row of the source."""
        return self.at(self.rows, diagnosis)
