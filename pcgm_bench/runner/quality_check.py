"""The quality of every scan of a cohort, as a run would judge it (`pcgm-bench cohort check --quality`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pcgm_bench.cohort.quality.bars import bars_of
from pcgm_bench.cohort.quality.masks import mask_warning
from pcgm_bench.cohort.quality.measures import ScanQuality
from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import SegmenterOptions
from pcgm_bench.contracts import silent
from pcgm_bench.runner.grid_check import check_grid_of_segmenter
from pcgm_bench.runner.quality_gate import PoorScan
from pcgm_bench.runner.quality_gate import judged
from pcgm_bench.runner.quality_gate import quality_of
from pcgm_bench.runner.quality_pictures import draw_poor
from pcgm_bench.runner.resolve import open_cohort
from pcgm_bench.runner.resolve import open_ruler
from pcgm_bench.runner.segmentation import segment_cohort
from pcgm_bench.runner.segmented_cohort import keys_of
from pcgm_bench.store.identity import safe_filename


@dataclass(frozen=True)
class QualityReport:
    """What a run would see.

    Attributes:
        keys: of all scans, ``sub-001_ses-01``, in the cohort's order.
        qualities: of the same.
        qc_score: whose score the quality score is.
        poor: scans below a bar.
        warnings: about groups.
        pictures: of poor scans.
    """

    keys: Sequence[str]
    qualities: Sequence[ScanQuality]
    qc_score: str
    poor: Sequence[PoorScan]
    warnings: Sequence[str]
    pictures: Sequence[Path]

    def lines(self) -> list[str]:
        """A line a scan, poor ones with their reasons, then warnings, a count, and where the pictures are."""
        reasons = {scan.key: scan.reason for scan in self.poor}
        lines = [
            f"poor   {key}: {reasons[key]}" if key in reasons else f"good   {key}: {_values(quality, self.qc_score)}"
            for key, quality in zip(self.keys, self.qualities, strict=True)
        ]
        lines += [f"note   {warning}" for warning in self.warnings]
        lines.append(f"{len(self.poor)} of {len(self.keys)} scans are below the quality bars; a run leaves them out")
        if self.pictures:
            lines.append(f"pictures: {self.pictures[0].parent}")
        return lines


def check_quality(
    request: CohortRequest,
    home: Path,
    segmenter: str,
    progress: Progress = silent,
    *,
    seed: int = 0,
    quick: bool = False,
) -> QualityReport:
    """Align and segment every scan, as a run does (the run finds them done), and judge it.

    Args:
        request: the people.
        home: where alignments, segmentations and pictures are kept.
        segmenter: registered segmenter.
        progress: told (what, done, total).
        seed: of people who are simulated.
        quick: few of them.

    Raises:
        UserError: the folder has a fault that forbids a run, or the segmenter does not read the grid.
    """
    check_grid_of_segmenter(request.grid, segmenter)
    cohort = open_cohort(request, home, seed, quick, progress)
    ruler = open_ruler(segmenter, SegmenterOptions(home, cohort))
    segmented = segment_cohort(cohort, ruler, progress)
    qc_score = ruler.segmenter.qc_score
    keys = [key.stem for key in keys_of(cohort.table)]
    qualities = [quality_of(stored) for stored in segmented.stored]
    found = judged(segmented, qc_score)
    poor = [scan for scan in found if scan.reasons]
    pictures = draw_poor(poor, cohort, segmented.folder, home / "quality" / safe_filename(segmented.folder.root.name))
    good = [scan.row for scan in found if not scan.reasons]
    groups = cohort.table["diagnosis"].astype(str).to_list()
    warnings = mask_warning([qualities[row].image for row in good], [groups[row] for row in good])
    return QualityReport(keys, qualities, qc_score, poor, warnings, pictures)


def _values(quality: ScanQuality, qc_score: str) -> str:
    return ", ".join(f"{bar.name} {bar.value:.3g}" for bar in bars_of(quality, qc_score) if bar.value == bar.value)
