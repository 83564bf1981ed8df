"""The correction of volumes: what it undoes, and that it is fair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import UserError
from pcgm_bench.segmenters.unet.calibration import CALIBRATION
from pcgm_bench.segmenters.unet.calibration import Calibration
from pcgm_bench.segmenters.unet.calibration import calibrated
from pcgm_bench.segmenters.unet.fitting.fit_calibration import fit_calibration
from pcgm_bench.segmenters.unet.weight_files import WEIGHTS
from pcgm_bench.segmenters.unet.weight_files import read_record

LOBES = list(LOBE_NAMES)


def test_calibration_undoes_what_one_lobe_takes_of_the_others() -> None:
    rng = np.random.default_rng(1)
    logs = 4 + 0.1 * rng.standard_normal((40, 2, len(LOBES)))
    mixing = 0.9 * np.eye(len(LOBES)) + 0.1 * rng.uniform(-1, 1, (len(LOBES), len(LOBES)))
    squeezed = 3.9 + (logs - 4) @ mixing.T
    true, measured = ([[dict(zip(LOBES, np.exp(s), strict=True)) for s in p] for p in v] for v in (logs, squeezed))
    fit = fit_calibration(measured, true)
    for name in LOBES:
        assert fit.raw[name].slope == pytest.approx(0.9, abs=0.15)
        assert fit.raw[name].bias == pytest.approx(-10, abs=2)
    read = calibrated(measured[3][1], fit)
    assert read == pytest.approx(true[3][1], rel=2e-3)
    assert set(read) == set(LOBES)


def test_calibration_is_fair_to_changes_whatever_the_levels_say() -> None:
    """Where white matter betrays an error between people it is taken back; changes of lobes stay what they are."""
    rng = np.random.default_rng(2)
    names = [*LOBES, "white_matter"]
    logs = 4 + 0.1 * rng.standard_normal((200, 1, 7)) + 0.05 * rng.standard_normal((200, 2, 7)) * (np.arange(7) < 6)
    found = logs + 0.02 * rng.standard_normal(logs.shape) * (np.arange(7) < 6)
    found[..., :6] += 0.3 * (logs[..., 6:] - 4)
    true, measured = ([[dict(zip(names, np.exp(s), strict=True)) for s in p] for p in v] for v in (logs, found))
    fit = fit_calibration(measured, true)
    read = np.log([[list(calibrated(state, fit).values()) for state in p] for p in measured])
    truly, moved = ((v[:, 1] - v[:, 0])[:, :6] for v in (logs, read))
    assert np.linalg.lstsq(truly, moved, rcond=None)[0] == pytest.approx(np.eye(6), abs=1e-6)
    assert np.std((read - logs)[..., :6]) < 0.7 * np.std((found - logs)[..., :6])


def test_calibration_of_an_impossible_reading_stays_finite() -> None:
    fit = read_record(WEIGHTS / CALIBRATION, Calibration, "a calibration")
    read = calibrated(dict.fromkeys(fit.names, 0.0), fit)
    assert all(np.isfinite(v) and v >= 0 for v in read.values())


def test_stored_calibration_shows_its_raw_slopes() -> None:
    stored = read_record(WEIGHTS / CALIBRATION, Calibration, "a calibration")
    assert set(LOBE_NAMES) < set(stored.raw)
    assert all(0.3 < error.slope < 1.5 for error in stored.raw.values())


def test_a_damaged_calibration_is_named(tmp_path: Path) -> None:
    (tmp_path / CALIBRATION).write_text('{"names": ["frontal"]')
    with pytest.raises(UserError, match=r"calibration\.json: not a calibration"):
        read_record(tmp_path / CALIBRATION, Calibration, "a calibration")
