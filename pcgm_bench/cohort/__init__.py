"""Cohorts: people with scans, read from a BIDS folder or made as a phantom.

The modules are loaded on first use, so that naming this package costs nothing: `bids` reads, `check` checks, `write`
writes, `align` brings native scans to the standard `grid`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from pcgm_bench.cohort.bids import BidsCohort
    from pcgm_bench.cohort.bids import GridScan
    from pcgm_bench.cohort.bids import load_scan
    from pcgm_bench.cohort.bids import read
    from pcgm_bench.cohort.check import CheckReport
    from pcgm_bench.cohort.grid import Grid
    from pcgm_bench.cohort.write import DatasetWriter

__all__ = ["BidsCohort", "CheckReport", "DatasetWriter", "Grid", "GridScan", "load_scan", "read"]

_HOME = {
    "BidsCohort": "bids",
    "CheckReport": "check",
    "DatasetWriter": "write",
    "Grid": "grid",
    "GridScan": "bids",
    "load_scan": "bids",
    "read": "bids",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
