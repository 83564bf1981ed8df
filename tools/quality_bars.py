"""The distribution of every measure of the quality gate over cohorts, beside its bar.

    python tools/quality_bars.py HOME COHORT... [--map diagnosis=group:depr/control] [--seed 10]

A cohort is a BIDS folder, or phantom:aud, phantom:aging, phantom:synthesis (the small versions). The bars stand in
`pcgm_bench.cohort.quality.bars`; set them again from this whenever the segmenter or the measures change.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pcgm_bench.cohort.quality.bars import bars_of
from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import silent
from pcgm_bench.runner.quality_check import QualityReport
from pcgm_bench.runner.quality_check import check_quality


def table(report: QualityReport) -> str:
    """Least, 5th percentile, median, 95th percentile and greatest value of every measure, and who misses its bar."""
    columns = [list(bars_of(quality, report.qc_score)) for quality in report.qualities]
    lines = [f"{'measure':18}{'least':>9}{'5 %':>9}{'median':>9}{'95 %':>9}{'most':>9}   {'bar':22}missed by"]
    for bars in zip(*columns, strict=True):
        values = np.array([bar.value for bar in bars])
        shown = "".join(f"{value:9.3f}" for value in np.nanquantile(values, [0, 0.05, 0.5, 0.95, 1]))
        missed = [key for key, bar in zip(report.keys, bars, strict=True) if not bar.passed]
        limits = f"{bars[0].low:g} to {bars[0].high:g}"
        lines.append(f"{bars[0].name:18}{shown}   {limits:22}{len(missed)} {' '.join(missed[:5])}")
    rims = np.array([quality.image.rim for quality in report.qualities])
    lines.append(f"rim (no bar; masks): mean {np.nanmean(rims):.4f}, s.d. {np.nanstd(rims, ddof=1):.4f}")
    return "\n".join(lines)


def main() -> None:
    """Measure each cohort and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("cohorts", nargs="+")
    parser.add_argument("--map", action="append", default=[])
    parser.add_argument("--seed", type=int, default=10)
    parser.add_argument("--segmenter", default="unet")
    options = parser.parse_args()
    for name in options.cohorts:
        cohort, _, population = name.partition(":")
        maps = () if population else tuple(options.map)
        request = CohortRequest(cohort, maps, population=population)
        report = check_quality(request, options.home, options.segmenter, silent, seed=options.seed, quick=True)
        print(f"\n{name}: {len(report.keys)} scans, {len(report.poor)} poor\n{table(report)}", flush=True)


if __name__ == "__main__":
    main()
