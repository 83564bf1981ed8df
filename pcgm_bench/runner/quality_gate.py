"""Poor scans are left out before anything is fitted or made; each is named with its reasons."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd

from pcgm_bench.cohort.quality.bars import reasons
from pcgm_bench.cohort.quality.masks import mask_warning
from pcgm_bench.cohort.quality.measures import ImageQuality
from pcgm_bench.cohort.quality.measures import ScanQuality
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.runner.segmented_cohort import SegmentedCohort
from pcgm_bench.runner.segmented_cohort import keys_of
from pcgm_bench.runner.wrapped_cohort import WrappedCohort
from pcgm_bench.store import StoredVolumes
from pcgm_bench.store import digest

UNUSABLE = "it could not be brought to the grid: check orientation and skull stripping in a viewer"


@dataclass(frozen=True)
class PoorScan:
    """A scan that was judged; poor if there are reasons.

    Attributes:
        row: of the cohort as it was opened.
        key: ``sub-001_ses-01``.
        reasons: a phrase for each bar that it misses.
        measured: whether there is a segmentation; without one it cannot be kept.
    """

    row: int
    key: str
    reasons: tuple[str, ...]
    measured: bool

    @property
    def reason(self) -> str:
        """All reasons in one line."""
        return "; ".join(self.reasons)


@dataclass
class SelectedScans(WrappedCohort):
    """Some scans of a cohort, and what a reader of results must know about the others.

    Attributes:
        rows: of the source, in order.
        remarks: one line each.
    """

    rows: tuple[int, ...]
    remarks: tuple[str, ...] = ()

    @property
    def table(self) -> pd.DataFrame:
        """Of these scans."""
        return self.source.table.iloc[list(self.rows)].reset_index(drop=True)

    @property
    def content_hash(self) -> str:
        """Of the source and of who is in; the source's own where that is everybody."""
        everybody = self.rows == tuple(range(len(self.source)))
        return self.source.content_hash if everybody else digest([self.source.content_hash, self.rows])

    @property
    def notes(self) -> Sequence[str]:
        """The source's, and the remarks."""
        return [*self.source.notes, *self.remarks]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Scan:
        return self.source[self.rows[index]]

    def subset(self, subjects: Sequence[str]) -> SelectedScans:
        """These people only."""
        wanted, names = set(subjects), self.source.table["subject"].astype(str).to_numpy()
        return SelectedScans(self.source, tuple(row for row in self.rows if names[row] in wanted), self.remarks)


@dataclass(frozen=True)
class GatedCohort:
    """A cohort after the gate.

    Attributes:
        cohort: the scans that stay.
        segmented: the same, segmented.
        poor: scans below the bars, whether they stay or not.
    """

    cohort: Cohort
    segmented: SegmentedCohort
    poor: tuple[PoorScan, ...]


def gate(segmented: SegmentedCohort, qc_score: str, *, keep: bool) -> GatedCohort:
    """Leave poor scans out, or, with ``keep``, name them only.

    Args:
        segmented: all scans of a cohort, in its order.
        qc_score: whose score its QC is, `pcgm_bench.contracts.Segmenter.qc_score`.
        keep: poor scans stay, as far as anything was measured on them.

    Raises:
        UserError: nobody is left, of all or of a group.
    """
    source = segmented.source
    found = judged(segmented, qc_score)
    poor = tuple(scan for scan in found if scan.reasons)
    out = {scan.row for scan in poor if not (keep and scan.measured)}
    rows = tuple(row for row in range(len(found)) if row not in out)
    if not rows:
        raise UserError(
            f"{source.name}: all {len(found)} scans are below the quality bars ({poor[0].key}: {poor[0].reason}): "
            "look at them with `pcgm-bench cohort check --quality`, or keep them with --keep-poor-scans"
        )
    everybody = range(len(found))
    with naming(poor):
        if gone := sorted(set(_groups(source, everybody)) - set(_groups(source, rows))):
            raise UserError(f"{source.name}: nobody is left of the group {', '.join(gone)}")
    qualities = [quality_of(segmented.stored[row]).image for row in rows]
    remarks = _remarks(poor, out, len(found)) + mask_warning(qualities, _groups(source, rows))
    if not remarks:
        return GatedCohort(source, segmented, ())
    kept = SelectedScans(source, rows, tuple(remarks))
    stored = tuple(segmented.stored[row] for row in rows)
    return GatedCohort(kept, SegmentedCohort(kept, segmented.folder, stored, tuple(range(len(rows)))), poor)


@contextmanager
def naming(poor: Sequence[PoorScan]) -> Iterator[None]:
    """Errors of a study that finds too few people say that scans were left out."""
    try:
        yield
    except UserError as error:
        if not poor:
            raise
        first = f"{poor[0].key}: {poor[0].reason}"
        raise UserError(
            f"{error} ({len(poor)} scans are below the quality bars, such as {first}; --keep-poor-scans keeps them)"
        ) from error


def quality_of(stored: StoredVolumes) -> ScanQuality:
    """What is stored of a factual scan."""
    return ScanQuality(ImageQuality.of(stored.quality), stored.qc, stored.head_size)


def judged(segmented: SegmentedCohort, qc_score: str) -> list[PoorScan]:
    """Every scan of a whole cohort, in its order, with the reasons why it is poor; good ones have none.

    Args:
        segmented: all scans of a cohort.
        qc_score: whose score its QC is.
    """
    found = []
    for row, (key, stored) in enumerate(zip(keys_of(segmented.source.table), segmented.stored, strict=True)):
        measured = bool(stored.volumes)
        why = reasons(quality_of(stored), qc_score) if measured else (UNUSABLE,)
        found.append(PoorScan(row, key.stem, why, measured))
    return found


def _groups(cohort: Cohort, rows: Sequence[int]) -> list[str]:
    labels = cohort.table["diagnosis"].astype(str).to_list()
    return [labels[row] for row in rows]


def _remarks(poor: Sequence[PoorScan], out: set[int], scans: int) -> list[str]:
    """A line for all poor scans together, and one for each."""
    if not poor:
        return []
    kept = len(poor) - len(out)
    counts = [f"{len(out)} of {scans} scans are left out (--keep-poor-scans keeps them)"] if out else []
    counts += [f"{kept} of {scans} scans are kept, as --keep-poor-scans asks"] if kept else []
    lines = [f"below the quality bars: {', '.join(counts)}; their pictures are in the folder quality of the run"]
    return lines + [
        f"{scan.key}: poor scan, {'left out' if scan.row in out else 'kept'}: {scan.reason}" for scan in poor
    ]
