"""Counterfactual axioms on changes and masks whose answer is known by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pcgm_bench.metrics.composition import Composition
from pcgm_bench.metrics.composition import CompositionVoxels
from pcgm_bench.metrics.dose_response import DoseResponse
from pcgm_bench.metrics.effectiveness import Effectiveness
from pcgm_bench.metrics.mask_adherence import MaskAdherence
from pcgm_bench.metrics.minimality import Minimality
from pcgm_bench.metrics.minimality import MinimalityVoxels
from pcgm_bench.metrics.reversibility import Reversibility
from pcgm_bench.metrics.reversibility import ReversibilityVoxels

REGIONS = ("frontal", "insula")


def changes(n: int, slope: float, noise: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """People asked for a change of the frontal lobe by -10 to +10 %, answered with a slope; the insula stays."""
    rng = np.random.default_rng(seed)
    dose = np.linspace(-0.1, 0.1, n)
    before = {"frontal": rng.uniform(150, 200, n), "insula": rng.uniform(12, 16, n)}
    log = {"frontal": slope * dose, "insula": np.zeros(n)}
    table = {"subject": [f"{i:03d}" for i in range(n)], "asked_frontal": before["frontal"] * np.exp(dose)}
    for name in REGIONS:
        table[f"before_{name}"] = before[name]
        table[f"after_{name}"] = before[name] * np.exp(log[name] + noise * rng.standard_normal(n))
    return pd.DataFrame(table)


def test_dose_response_is_least_squares() -> None:
    table = changes(40, 0.8, 0.005)
    found = DoseResponse()(table)
    x = np.log(table["asked_frontal"] / table["before_frontal"])
    y = np.log(table["after_frontal"] / table["before_frontal"])
    line = stats.linregress(x, y)
    assert found.value == pytest.approx(line.slope)
    assert found.parts["frontal"].details["r"] == pytest.approx(line.rvalue)
    assert found.parts["frontal"].details["bias"] == pytest.approx(100 * line.intercept)
    half = stats.t.ppf(0.975, 38) * line.stderr
    assert found.high - found.value == pytest.approx(half, rel=0.35)
    with pytest.raises(ValueError, match="fewer than two doses"):
        DoseResponse()(table.assign(asked_frontal=table["before_frontal"]))


def test_effectiveness_of_perfect_halfway_and_idle() -> None:
    perfect, half, idle = (Effectiveness()(changes(20, slope)) for slope in (1.0, 0.5, 0.0))
    assert [one.value for one in (perfect, half, idle)] == pytest.approx([1.0, 0.5, 0.0])
    assert half.n == 20
    assert half.details["percent"] == pytest.approx(100 * 0.5 * np.abs(np.linspace(-0.1, 0.1, 20)).mean())
    with pytest.raises(ValueError, match="asked_"):
        Effectiveness()(changes(4, 1.0).assign(asked_frontal=np.nan))


def test_composition_drift() -> None:
    table = pd.DataFrame(
        {
            "subject": ["a", "b"],
            "before_insula": [10.0, 20.0],
            "after_insula": [10.0 * np.exp(0.05), 20.0 * np.exp(-0.05)],
        }
    )
    drift = Composition()(table)
    assert drift.value == pytest.approx(5.0)
    assert drift.by_unit == pytest.approx({"a": 5.0, "b": 5.0})
    assert drift.parts["insula"].value == pytest.approx(0.0)
    assert drift.parts["ml"].value == pytest.approx((10 * np.expm1(0.05) - 20 * np.expm1(-0.05)) / 2)
    with pytest.raises(ValueError, match="not positive"):
        Composition()(table.assign(after_insula=0.0))


def test_composition_voxels_of_copies_and_others() -> None:
    rng = np.random.default_rng(0)
    scans = list(rng.uniform(0.2, 1, (6, 4, 4, 4)))
    assert CompositionVoxels()(scans, scans).value == 0
    others = CompositionVoxels()(scans, [*scans[1:], scans[0]])
    assert others.details["relative"] == pytest.approx(1.0)
    shifted = CompositionVoxels()(scans, [scan + 0.1 for scan in scans])
    assert shifted.value == pytest.approx(0.1)


def test_reversibility_of_a_round_trip() -> None:
    table = pd.DataFrame({"subject": list("abc"), "before_insula": [10.0, 11.0, 12.0]})
    table["there_insula"] = table["before_insula"] * 0.9
    back = table.assign(after_insula=table["before_insula"] * 0.98)
    assert Reversibility()(back).value == pytest.approx(0.2)
    # Who never moved has nothing to reverse.
    still = back.assign(there_insula=back["before_insula"])
    assert np.isnan(Reversibility()(still).value)
    scans = [np.full((2, 2, 2), value) for value in (0.0, 1.0)]
    trip = ReversibilityVoxels()(scans, [scan + 1.0 for scan in scans], [scan + 0.25 for scan in scans])
    assert trip.value == pytest.approx(0.25)


def test_minimality_counts_what_was_to_stay() -> None:
    table = changes(20, 1.0)
    assert Minimality()(table).value == pytest.approx(0.0)
    spilled = table.assign(after_insula=table["before_insula"] * np.exp(0.02))
    found = Minimality()(spilled)
    assert found.value == pytest.approx(2.0)
    assert found.parts["insula"].value == pytest.approx(2.0)
    assert "frontal" not in found.parts
    band = np.zeros((2, 2, 2), bool)
    band[0] = True
    scan = np.ones((2, 2, 2))
    made = scan + np.where(band, 0.3, 0.1)
    assert MinimalityVoxels()([scan], [made], [band]).value == pytest.approx(0.25)


def test_mask_adherence_sees_the_change_that_plain_dice_does_not() -> None:
    factual = np.zeros((1, 10, 10, 10))
    factual[:, :5] = 1.0
    target = factual.copy()
    target[:, 4, :3] = 0.5  # 3 % of the region
    idle, done, half, wrong = factual, target, (factual + target) / 2, 2 * factual - target
    values = [MaskAdherence()([factual] * 2, [target] * 2, [found] * 2) for found in (idle, done, half, wrong)]
    assert [one.value for one in values] == pytest.approx([0.0, 1.0, 2 / 3, 0.0])
    assert [one.details["slope"] for one in values] == pytest.approx([0.0, 1.0, 0.5, -1.0])
    assert values[0].details["plain_dice"] > 0.98
    with pytest.raises(ValueError, match="nothing was to change"):
        MaskAdherence()([factual], [factual], [target])
