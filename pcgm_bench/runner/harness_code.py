"""Hash of the harness's own code that makes images: part of every run's key."""

from __future__ import annotations

from functools import cache

from pcgm_bench.runner import counterfactuals
from pcgm_bench.runner import quality_gate
from pcgm_bench.runner import samples
from pcgm_bench.runner import volume_rows
from pcgm_bench.store.closure import code_digest


@cache
def harness_digest() -> str:
    """Of the code that calls generators and segmenters: seeds, folds, what is stored, which scans are left out."""
    return code_digest(counterfactuals, quality_gate, samples, volume_rows)[:16]
