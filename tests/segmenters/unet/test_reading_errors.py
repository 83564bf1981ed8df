"""The error of a volume: measured by the validation, kept beside the weights, given with every reading."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.segmenters.unet.fitting.validate import NAMES
from pcgm_bench.segmenters.unet.fitting.validate import report
from pcgm_bench.segmenters.unet.reading_errors import ERRORS
from pcgm_bench.segmenters.unet.reading_errors import ReadingErrors
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter
from pcgm_bench.segmenters.unet.weight_files import WEIGHTS
from pcgm_bench.segmenters.unet.weight_files import read_record


def test_a_reading_has_the_errors_that_lie_beside_the_weights(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    shutil.copytree(WEIGHTS, weights)
    (weights / ERRORS).write_text(json.dumps(asdict(ReadingErrors("two brains", {"frontal": 2.5}, {"frontal": 1.0}))))
    image = np.zeros((32, 40, 32), np.float32)
    image[6:26, 6:34, 6:26] = 0.8
    segmenter = UNetSegmenter(weights)
    scan = Scan("x", "", image, np.diag([3.0, 3.0, 3.0, 1.0]), 40.0, "F", "control")
    assert segmenter.segment(scan).sd_percent == {"frontal": 2.5}
    (weights / ERRORS).unlink()
    assert UNetSegmenter(weights).segment(scan).sd_percent == {}
    assert UNetSegmenter(weights).identity != segmenter.identity


def test_damaged_errors_are_named(tmp_path: Path) -> None:
    path = tmp_path / ERRORS
    path.write_text('{"measured_on": "two brains", "sd_percent": {"frontal": "much"}}')
    with pytest.raises(UserError, match=ERRORS):
        read_record(path, ReadingErrors, "a table of reading errors")


def test_the_validation_reports_bias_scatter_and_slope() -> None:
    rng = np.random.default_rng(0)
    true = np.log(100) + rng.normal(0, 0.05, (300, 2, len(NAMES)))
    people = rng.normal(0.02, 0.03, (300, 1, len(NAMES)))
    measured = true + people
    measured[:, 1] -= 0.2 * (true[:, 1] - true[:, 0])
    table = report(measured, true)
    assert list(table.index) == list(NAMES)
    assert table["bias %"].to_numpy() == pytest.approx(2.0, abs=0.6)
    assert table["s.d. %"].to_numpy() == pytest.approx(3.0, abs=0.4)
    assert table["slope"].to_numpy() == pytest.approx(0.8, abs=0.01)
