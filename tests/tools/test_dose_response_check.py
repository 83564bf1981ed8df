"""The report of `tools/dose_response_check.py`: slopes and spills that were put in come out."""

from __future__ import annotations

import numpy as np
import pytest
from dose_response_check import DOSE
from dose_response_check import NAMES
from dose_response_check import TOGETHER
from dose_response_check import report
from dose_response_check import with_settings

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.methods.pcgm.mgd.phantom import PHANTOM

PEOPLE, DOSES = 30, 2


def test_report_tells_a_lobe_s_own_slope_from_what_its_neighbours_add() -> None:
    rng = np.random.default_rng(3)
    lobes = len(LOBE_NAMES)
    random = 100 * rng.uniform(-DOSE, DOSE, (PEOPLE, DOSES, lobes))
    joint = np.broadcast_to(100 * np.array(TOGETHER)[:, None], (PEOPLE, len(TOGETHER), lobes))
    asked = np.concatenate([np.zeros((PEOPLE, 1, lobes)), random, joint], axis=1)
    answers = np.zeros((lobes, len(NAMES)))
    answers[:, :lobes] = 0.9 * np.eye(lobes)
    answers[1:, 0] = 0.02
    null = rng.normal(0.1, 0.05, (PEOPLE, 1, len(NAMES)))
    table = report(asked, asked @ answers + null)
    assert table.loc["frontal", ["slope", "together", "spill %"]].tolist() == pytest.approx([0.9, 1.0, 0.2])
    assert table.loc["insula", ["slope", "together", "spill %"]].tolist() == pytest.approx([0.9, 0.9, 0.0])
    assert table["null bias %"].to_numpy() == pytest.approx(0.1, abs=0.03)
    assert np.isnan(table.loc["ventricles", ["slope", "together"]].astype(float)).all()


def test_report_without_joint_changes_leaves_that_column_empty() -> None:
    rng = np.random.default_rng(4)
    asked = np.concatenate([np.zeros((9, 1, 6)), rng.uniform(-10, 10, (9, DOSES, 6))], axis=1)
    table = report(asked, np.concatenate([asked, np.zeros((9, 3, 2))], axis=2))
    assert table["slope"][:6].to_numpy() == pytest.approx(1)
    assert table["together"].isna().all()


def test_settings_from_the_command_line() -> None:
    config = with_settings(PHANTOM, ["sampler.steps=7", "sampler.shift_times=0.1,0.2", "sampler.guidance=2"])
    assert (config.sampler.steps, config.sampler.guidance) == (7, 2.0)
    assert config.sampler.shift_times == (0.1, 0.2)
    assert with_settings(PHANTOM, ["sampler.shift_times="]).sampler.shift_times == ()
