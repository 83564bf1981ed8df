"""Counterfactual axioms as metrics: numbers worked by hand, and scipy's answers on the same arrays."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pcgm_bench.metrics.composition import CYCLES
from pcgm_bench.metrics.composition import Composition
from pcgm_bench.metrics.composition import cycled
from pcgm_bench.metrics.dose_response import DoseResponse
from pcgm_bench.metrics.dose_response import Line
from pcgm_bench.metrics.dose_response import log_changes
from pcgm_bench.metrics.effectiveness import Effectiveness
from pcgm_bench.metrics.mask_adherence import MaskAdherence
from pcgm_bench.metrics.minimality import Minimality
from pcgm_bench.metrics.reversibility import Reversibility

METRICS = (Composition, DoseResponse, Effectiveness, MaskAdherence, Minimality, Reversibility)
FACTORS = (0.9, 0.95, 1.0, 1.05, 1.1)


def changes(n: int = 40, gain: float = 1.0, noise: float = 0.01, seed: int = 0) -> pd.DataFrame:
    """People of whom one region is asked to change, and changes by ``gain`` of it (log) with noise."""
    rng = np.random.default_rng(seed)
    factual = rng.uniform(20, 200, n)
    factor = np.array([FACTORS[i % len(FACTORS)] for i in range(n)])
    made = factual * factor**gain * np.exp(noise * rng.standard_normal(n))
    subject = [f"{i:03d}" for i in range(n)]
    return pd.DataFrame({"subject": subject, "factual": factual, "asked": factual * factor, "made": made})


@pytest.mark.parametrize("metric", METRICS)
def test_records_say_what_the_metric_is_called_with(metric: type) -> None:
    assert metric.record.inputs in ("images", "changes")
    assert metric.record.range[0] <= metric.record.perfect <= metric.record.range[1]


def test_slope_and_r_are_scipys() -> None:
    table = changes(gain=0.7, noise=0.03)
    found = DoseResponse()(table)
    asked, made = log_changes(table)
    line = stats.linregress(asked, made)
    assert found["value"] == pytest.approx(line.slope, rel=1e-9)
    assert found["r"]["value"] == pytest.approx(line.rvalue, rel=1e-9)
    still = made[asked == 0]
    assert found["bias"]["value"] == pytest.approx(still.mean())
    assert found["bias"]["sd"] == pytest.approx(still.std(ddof=1))
    assert (found["n"], found["null"]) == (40, 8)


def test_the_slopes_interval_is_about_the_classical_one() -> None:
    table = changes(n=200, noise=0.03)
    found = DoseResponse()(table, replicates=2000)
    line = stats.linregress(*log_changes(table))
    half = 1.96 * line.stderr
    assert found["low"] == pytest.approx(line.slope - half, abs=0.15 * half)
    assert found["high"] == pytest.approx(line.slope + half, abs=0.15 * half)


def test_the_interval_covers_the_true_slope() -> None:
    covered = 0
    for seed in range(60):
        found = DoseResponse()(changes(n=60, gain=0.8, noise=0.04, seed=seed), seed=seed, replicates=200)
        covered += found["low"] <= 0.8 <= found["high"]
    assert covered >= 51  # 95 % of 60 is 57; fewer than 51 has a probability of 0.5 %


def test_a_persons_images_are_drawn_together() -> None:
    """Ten copies of everybody's image say nothing new: a bootstrap over people keeps its width, one over rows not."""
    x = np.tile([-1.0, 0.0, 1.0], 10)
    y = x + np.random.default_rng(0).normal(size=30)
    people = np.arange(30)
    once = Line(people, x, y).slope()
    often = Line(np.repeat(people, 10), np.repeat(x, 10), np.repeat(y, 10)).slope()
    assert often == pytest.approx(once)


def test_there_is_no_slope_of_one_dose_or_of_two_people_and_no_r_of_no_movement() -> None:
    assert np.isnan(Line(np.arange(3), np.ones(3), np.arange(3.0)).slope()["value"])
    assert np.isnan(Line(np.arange(2), np.arange(2.0), np.arange(2.0)).slope()["value"])
    table = changes()
    found = DoseResponse()(table.assign(made=table["factual"]))
    assert found["value"] == 0
    assert np.isnan(found["r"]["value"])


def test_perfect_and_useless_are_as_recorded() -> None:
    table = changes()
    perfect, copied = table.assign(made=table["asked"]), table.assign(made=table["factual"])
    assert DoseResponse()(perfect)["value"] == pytest.approx(DoseResponse.record.perfect)
    assert DoseResponse()(copied)["value"] == pytest.approx(DoseResponse.record.useless)
    assert Effectiveness()(perfect)["value"] == pytest.approx(0, abs=1e-9)
    assert Effectiveness()(copied)["share"] == pytest.approx(1)


def test_effectiveness_by_hand() -> None:
    table = pd.DataFrame(
        {
            "subject": ["a", "a", "b", "c"],
            "factual": [10.0, 10.0, 20.0, 30.0],
            "asked": [9.0, 11.0, 22.0, 30.0],
            "made": [9.9, 11.0, 20.0, 99.0],
        }
    )
    found = Effectiveness()(table)
    a, b = 100 * np.log(1.1) / 2, 100 * np.log(1.1)
    assert found["n"] == 2  # c was asked for nothing
    assert found["people"] == pytest.approx({"a": a, "b": b})
    assert found["value"] == pytest.approx((a + b) / 2)
    assert found["native"]["value"] == pytest.approx((0.9 / 2 + 2) / 2)


def test_minimality_by_hand() -> None:
    table = pd.DataFrame(
        {
            "subject": ["a", "a", "a", "b"],
            "factual": [10.0, 10.0, 10.0, 10.0],
            "asked": [9.0, 10.0, 10.0, 10.0],
            "made": [5.0, 11.0, 10.0, 10 / 1.1],
        }
    )
    found = Minimality()(table)
    one = 100 * np.log(1.1)
    assert found["people"] == pytest.approx({"a": one / 2, "b": one})
    assert found["value"] == pytest.approx(0.75 * one)
    assert found["signed"]["value"] == pytest.approx((one / 2 - one) / 2)


def test_composition_by_hand_after_one_and_ten_cycles() -> None:
    scans = [np.array([[[0.0, 1.0], [0.8, 0.0]]]) * k for k in (1.0, 0.5, 0.25)]
    found = {}
    for times in CYCLES:
        made = [cycled(scan, lambda image: image * 0.99, times) for scan in scans]
        volumes = pd.DataFrame({"frontal": [100.0, 110.0, 120.0], "insula": [10.0, 11.0, 12.0]})
        found[times] = Composition()(scans, made, (volumes, volumes * 0.99**times), cycles=times)
    for times, result in found.items():
        lost = 1 - 0.99**times
        assert result["value"] == pytest.approx(lost * 0.9 * (1 + 0.5 + 0.25) / 3)  # background does not count
        assert result["volumes"]["regions"]["frontal"]["value"] == pytest.approx(-110 * lost)
        assert result["volumes"]["value"] == pytest.approx((110 + 11) / 2 * lost)
        assert result["cycles"] == times
    assert found[10]["value"] > found[1]["value"]


def test_the_interval_of_a_mean_is_scipys_bootstrap() -> None:
    rng = np.random.default_rng(1)
    factual = [np.ones((3, 3, 3))] * 30
    made = [image + shift for image, shift in zip(factual, rng.normal(0, 0.1, 30), strict=True)]
    each = np.array([np.abs(b - a).mean() for a, b in zip(factual, made, strict=True)])
    expected = stats.bootstrap((each,), np.mean, n_resamples=4000, rng=np.random.default_rng(5)).confidence_interval
    found = Composition()(factual, made, replicates=4000)
    assert found["value"] == pytest.approx(each.mean())
    assert (found["low"], found["high"]) == pytest.approx(tuple(expected), rel=0.03)


def test_reversibility_by_hand() -> None:
    factual = [np.ones(4)] * 4
    there, back = [np.full(4, 1.2)] * 4, [np.full(4, 1.05)] * 4
    found = Reversibility()(factual, back, there)
    assert found["value"] == pytest.approx(0.05)
    assert found["share"] == pytest.approx(0.25)
    assert np.isnan(Reversibility()(factual, factual, factual)["share"])
    assert np.isnan(Reversibility()(factual, back)["share"])


def test_mask_adherence_by_hand() -> None:
    before = np.array([1.0, 1.0, 1.0, 0.0, 0.0])
    asked = np.array([0.5, 1.0, 1.0, 0.5, 0.0])
    ideal = MaskAdherence()([before], [asked], [asked], 2.0)
    assert ideal["value"] == 1
    assert ideal["volume_error"]["value"] == 0
    copied = MaskAdherence()([before], [asked], [before], 2.0)
    assert copied["value"] == 0
    # Half of the loss, the gain the wrong way round is impossible at 0, and 0.2 lost where nothing was asked.
    made = np.array([0.75, 1.0, 0.8, 0.0, 0.0])
    found = MaskAdherence()([before], [asked], [made], 2.0)
    assert found["value"] == pytest.approx(2 * 0.25 / (1.0 + 0.25))
    assert found["volume_error"]["value"] == pytest.approx(2 * (2.55 - 3.0))
    assert found["outside"] == pytest.approx(0.2)


def test_a_change_the_wrong_way_has_no_overlap() -> None:
    before, asked, made = np.array([0.5, 0.5]), np.array([0.4, 0.5]), np.array([0.6, 0.5])
    assert MaskAdherence()([before], [asked], [made], 1.0)["value"] == 0


def test_results_are_json_with_an_interval_around_the_value() -> None:
    table = changes()
    images = [np.full((2, 2), 1 + i / 10) for i in range(5)]
    masks = [image / 2 for image in images]
    shifted = [mask * (0.8 + i / 50) for i, mask in enumerate(masks)]
    results = [
        DoseResponse()(table),
        Effectiveness()(table),
        Minimality()(table),
        Composition()(images, [image**2 for image in images]),
        Reversibility()(images, [image**2 for image in images]),
        MaskAdherence()(masks, shifted, [mask * 0.9 for mask in masks], 1.0),
    ]
    for result in results:
        json.dumps(result)
        assert result["low"] <= result["value"] <= result["high"]
        assert result["low"] < result["high"]


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (changes().drop(columns="asked"), "lacks asked"),
        (changes().iloc[:0], "at least one"),
        (changes().assign(made=0.0), "of 000 has a quantity"),
        (changes().assign(made=np.nan), "of 000 has a quantity"),
    ],
)
def test_bad_tables_are_refused(broken: pd.DataFrame, says: str) -> None:
    for metric in (DoseResponse(), Effectiveness(), Minimality()):
        with pytest.raises(ValueError, match=says):
            metric(broken)


def test_nothing_to_score_is_refused() -> None:
    table = changes()
    with pytest.raises(ValueError, match="asks for a change"):
        Effectiveness()(table.assign(asked=table["factual"]))
    with pytest.raises(ValueError, match="not asked to change"):
        Minimality()(table[table["asked"] != table["factual"]])
    with pytest.raises(ValueError, match="ask for a change"):
        MaskAdherence()([np.ones(2)], [np.ones(2)], [np.ones(2)], 1.0)


def test_unlike_images_are_refused() -> None:
    with pytest.raises(ValueError, match="pairs of images"):
        Composition()([np.ones(2)], [])
    with pytest.raises(ValueError, match="cannot be compared"):
        Reversibility()([np.ones(2)], [np.ones(3)])
    with pytest.raises(ValueError, match="cannot be compared"):
        MaskAdherence()([np.ones(2)], [np.ones(3)], [np.ones(2)], 1.0)
    with pytest.raises(ValueError, match="of every person"):
        MaskAdherence()([np.ones(2)], [np.ones(2)], [], 1.0)
    volumes = pd.DataFrame({"insula": [1.0]})
    with pytest.raises(ValueError, match="same regions"):
        Composition()([np.ones(2)], [np.ones(2)], (volumes, volumes.rename(columns={"insula": "frontal"})))
