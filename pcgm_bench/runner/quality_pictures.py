"""Pictures of poor scans, in the folder ``quality`` of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pcgm_bench.cohort.quality.picture import draw_scan
from pcgm_bench.contracts import Cohort
from pcgm_bench.runner.quality_gate import PoorScan
from pcgm_bench.runner.segmented_cohort import keys_of
from pcgm_bench.store import DerivativeFolder


def draw_poor(poor: Sequence[PoorScan], cohort: Cohort, folder: DerivativeFolder, into: Path) -> list[Path]:
    """Draw every poor scan that is not drawn yet; one that could not be brought to the grid has no picture.

    Args:
        poor: scans below the bars.
        cohort: as it was opened.
        folder: of its segmentations.
        into: where the pictures go.
    """
    keys = keys_of(cohort.table)
    paths = []
    for scan in (scan for scan in poor if scan.measured):
        path = into / f"{scan.key}.png"
        if not path.exists():
            key = keys[scan.row]
            labels = folder.read_labels(key) if folder.has_labels(key) else np.empty((0, 0, 0), np.int16)
            draw_scan(path, cohort[scan.row].image, labels, f"{cohort.name}, {scan.key}", scan.reason)
        paths.append(path)
    return paths
