"""Metrics of where an image changed, on heads whose change is known: right, elsewhere, none, noise, darkening."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from fakes_heads import NOISE
from fakes_heads import PARCELS
from fakes_heads import anatomy
from fakes_heads import image
from fakes_heads import radius
from scipy import ndimage as ndi

from pcgm_bench.anatomy import PARCELS as PARCEL_LABELS
from pcgm_bench.anatomy import dk_label
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import TrueChange
from pcgm_bench.metrics.band_share import BandShare
from pcgm_bench.metrics.change_map import ChangeCorrelation
from pcgm_bench.metrics.change_map import ChangeError
from pcgm_bench.metrics.grey_level_drift import GreyLevelDrift
from pcgm_bench.metrics.parcel_recovery import ParcelRecovery
from pcgm_bench.metrics.patch_distance import PatchDistance
from pcgm_bench.runner.true_changes import true_change

ALL = (ChangeCorrelation, ChangeError, BandShare, ParcelRecovery, GreyLevelDrift, PatchDistance)

Made = Callable[[TrueChange, np.random.Generator], np.ndarray]


@cache
def truths(loss: float = 0.15) -> tuple[TrueChange, ...]:
    made = []
    for person in range(8):
        before, after = anatomy(0.0, person), anatomy(loss, person)
        images = image(before.fractions, person), image(after.fractions, person)
        made.append(true_change(f"{person:02d}", f"sub-{person:02d}", images, before, after))
    return tuple(made)


def score(metric: type, made: Made) -> Estimate:
    people = truths()
    estimate = metric()(people, [made(truth, np.random.default_rng([5, k])) for k, truth in enumerate(people)])
    assert isinstance(estimate, Estimate)
    return estimate


def right(truth: TrueChange, _rng: np.random.Generator) -> np.ndarray:
    return truth.oracle


def fresh(truth: TrueChange, rng: np.random.Generator) -> np.ndarray:
    """The truth under other noise."""
    person = int(truth.subject)
    return image(anatomy(0.15, person).fractions, 1000 + int(rng.integers(10**6)))


def copy(truth: TrueChange, _rng: np.random.Generator) -> np.ndarray:
    return truth.factual


def noisy_copy(truth: TrueChange, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(truth.factual + rng.normal(0, NOISE, truth.factual.shape) * truth.head, np.float32)


def half(truth: TrueChange, _rng: np.random.Generator) -> np.ndarray:
    return truth.factual + 0.5 * (truth.oracle - truth.factual)


def twice(truth: TrueChange, _rng: np.random.Generator) -> np.ndarray:
    return truth.factual + 2 * (truth.oracle - truth.factual)


def one_place(truth: TrueChange, _rng: np.random.Generator) -> np.ndarray:
    """All of the change in one parcel, multiplied so that the sum is right."""
    change = truth.oracle - truth.factual
    here = truth.parcels == dk_label(PARCELS[0], "lh")
    return np.asarray(truth.factual + np.where(here, change * change.sum() / change[here].sum(), 0), np.float32)


def inside_out(truth: TrueChange, _rng: np.random.Generator) -> np.ndarray:
    """The right amount of change, at the wrong border: between cortex and white matter."""
    change = truth.oracle - truth.factual
    r = radius(int(truth.subject))
    ring = np.exp(-0.5 * ((r - 8.0) / 0.7) ** 2)
    return np.asarray(truth.factual + ring * change.sum() / ring.sum(), np.float32)


def darker(truth: TrueChange, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(right(truth, rng) - 0.02 * truth.head, np.float32)


def blurred(truth: TrueChange, _rng: np.random.Generator) -> np.ndarray:
    return np.asarray(ndi.gaussian_filter(truth.factual, 1.0))


def test_the_truth_scores_perfectly_to_the_bit() -> None:
    assert score(ChangeCorrelation, right).value == pytest.approx(1, abs=1e-6)
    assert score(ChangeError, right).value == pytest.approx(0, abs=1e-6)
    assert score(ParcelRecovery, right).value == pytest.approx(0, abs=1e-6)
    assert score(BandShare, right).value > 0.93  # smoothing by a voxel carries a little out of the band
    assert score(GreyLevelDrift, right).value < 0.05


def test_fresh_noise_costs_the_truth_hardly_anything() -> None:
    assert score(ChangeCorrelation, fresh).value > 0.95
    assert score(ChangeError, fresh).value < 0.3
    assert score(ChangeError, fresh).parts["gain"].value == pytest.approx(1, abs=0.07)
    assert score(BandShare, fresh).value > 0.9
    assert score(ParcelRecovery, fresh).value < 0.15
    assert score(GreyLevelDrift, fresh).value < 0.4
    assert score(PatchDistance, fresh).value == pytest.approx(1, abs=0.05)
    # Without taking it away, the noise would be most of the change.
    assert score(BandShare, fresh).parts["absolute"].value < 0.85
    assert score(GreyLevelDrift, fresh).parts["absolute"].value > 2


@pytest.mark.parametrize("made", [copy, noisy_copy])
def test_a_copy_has_changed_nowhere_whatever_its_noise(made: Made) -> None:
    assert abs(score(ChangeCorrelation, made).value) < 0.2
    assert score(ChangeError, made).value == pytest.approx(1, abs=0.1)
    assert score(ParcelRecovery, made).value == pytest.approx(1, abs=0.1)
    assert score(ChangeError, made).parts["gain"].value == pytest.approx(0, abs=0.07)
    assert score(BandShare, made).reason == "nothing changed beyond noise"
    assert score(GreyLevelDrift, made).value < 0.4


def test_a_copy_has_no_patches_that_were_redrawn() -> None:
    assert score(PatchDistance, copy).reason == "nothing changed"


@pytest.mark.parametrize(("made", "dose", "error"), [(half, 0.5, 0.5), (twice, 2.0, 1.0)])
def test_a_wrong_dose_is_in_the_right_place(made: Made, dose: float, error: float) -> None:
    assert score(ChangeCorrelation, made).value == pytest.approx(1, abs=1e-3)
    for metric, part in ((ChangeError, "gain"), (ParcelRecovery, "slope")):
        assert score(metric, made).value == pytest.approx(error, abs=0.01)
        assert score(metric, made).parts[part].value == pytest.approx(dose, abs=0.01)
    assert score(BandShare, made).value == pytest.approx(score(BandShare, right).value, abs=0.01)


@pytest.mark.parametrize(("dose", "is_told"), [(0.25, True), (0.2, False)])
def test_a_change_is_told_from_none_from_a_twentieth_of_the_truth_s_squares(dose: float, is_told: bool) -> None:
    """.22 of the true change has .05 of its squares. Below it a share of the band would be a share of nothing."""

    def made(truth: TrueChange, _rng: np.random.Generator) -> np.ndarray:
        return truth.factual + dose * (truth.oracle - truth.factual)

    share = score(BandShare, made)
    assert np.isfinite(share.value) == is_told
    assert share.reason == ("" if is_told else "nothing changed beyond noise")
    # A change too small to be told has the right shape, and is not called right for it.
    correlation = score(ChangeCorrelation, made).value
    assert correlation == pytest.approx(min(dose / 0.05**0.5, 1.0), abs=0.01)


def test_one_place_has_the_right_sum_and_the_wrong_parcels() -> None:
    estimate = score(ParcelRecovery, one_place)
    assert estimate.value > 1.2
    assert estimate.parts["lh-superiorfrontal"].value > 2.5
    assert estimate.parts["lh-precentral"].value == pytest.approx(0, abs=0.05)
    assert score(ChangeCorrelation, one_place).value < 0.7
    assert score(ChangeError, one_place).value > 1.2
    assert score(BandShare, one_place).value > 0.9


def test_the_wrong_border_is_outside_the_band() -> None:
    assert score(BandShare, inside_out).value < 0.3
    assert score(ChangeCorrelation, inside_out).value < 0.4


def test_darkening_is_seen_deep_in_tissue_and_nowhere_else() -> None:
    estimate = score(GreyLevelDrift, darker)
    assert estimate.value == pytest.approx(2, abs=0.2)
    assert estimate.parts["white_matter"].value == pytest.approx(-2, abs=0.05)
    assert score(GreyLevelDrift, right).parts["white_matter"].value == pytest.approx(0, abs=0.05)


def test_redrawn_patches_of_another_texture_are_not_like_scans() -> None:
    def rough(truth: TrueChange, rng: np.random.Generator) -> np.ndarray:
        noise = rng.normal(0, 0.15, truth.factual.shape)
        return np.asarray(truth.oracle + noise * truth.band, np.float32)

    assert score(PatchDistance, rough).value > 1.2


def test_noise_is_not_taken_from_a_map_that_has_none() -> None:
    """A blurred image has lost noise; its low frequencies must not be forgiven more than they hold."""
    assert score(ChangeError, blurred).value > 0.9


@pytest.mark.parametrize("metric", ALL)
def test_people_are_drawn_with_all_their_images(metric: type) -> None:
    twins = [*truths(), *truths()]
    made = [half(truth, np.random.default_rng(0)) for truth in twins]
    once = metric()(truths(), made[:8], seed=1)
    assert metric()(twins, made, seed=1).n == 16
    if metric is not PatchDistance:  # its places are drawn anew for every image
        assert metric()(twins, made, seed=1).low == pytest.approx(once.low)
    assert set(once.by_unit) == {truth.subject for truth in truths()}


@pytest.mark.parametrize("metric", ALL)
def test_images_and_truths_belong_together(metric: type) -> None:
    with pytest.raises(ValueError, match="image for every truth"):
        metric()(truths(), [])
    with pytest.raises(ValueError, match="voxels for a scan"):
        metric()(truths()[:2], [np.zeros((20, 20, 20), np.float32)] * 2)


def test_a_parcel_is_judged_alone_from_a_tenth_of_the_mean_change() -> None:
    names, scan = list(PARCEL_LABELS), np.ones((68, 4, 4), np.float32)
    loss = np.full(68, 0.3)
    loss[:3] = 0.3 * np.array([0.05, 0.09, 0.12])
    oracle = (scan - loss[:, None, None]).astype(np.float32)
    parcels = np.broadcast_to(np.array(list(PARCEL_LABELS.values()))[:, None, None], scan.shape).copy()
    band = np.ones(scan.shape, bool)
    truth = TrueChange("01", "sub-01", scan, oracle, band, band, np.full(scan.shape, -1), parcels)
    assert set(ParcelRecovery()([truth], [oracle]).parts) == {"slope", *names[2:]}


def test_a_parcel_outside_the_change_is_not_judged_alone() -> None:
    parts = score(ParcelRecovery, right).parts
    assert {f"lh-{name}" for name in PARCELS} == set(parts) - {"slope"}
