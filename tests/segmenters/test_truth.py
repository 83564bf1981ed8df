"""The phantom's truth as a segmentation."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from pcgm_bench.contracts import SegmenterOptions
from pcgm_bench.contracts import UserError
from pcgm_bench.segmenters.truth import TruthSegmenter


def test_truth_needs_a_phantom() -> None:
    with pytest.raises(UserError, match="is not a phantom"):
        TruthSegmenter(SimpleNamespace(name="real", has_truth=False))  # type: ignore[arg-type]

    with pytest.raises(UserError, match="no cohort"):
        TruthSegmenter.open(SegmenterOptions(home=Path()))
