"""CMG: only csf and lobes trade, across their border only, exactly as much as was asked, whatever the order."""

from __future__ import annotations

import time

import numpy as np
import pytest
from cmg_heads import SHAPE
from cmg_heads import head
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import LOBES
from pcgm_bench.anatomy import dk_label
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.cmg import voxels
from pcgm_bench.methods.pcgm.cmg.change import check_ratios
from pcgm_bench.methods.pcgm.cmg.change import touches
from pcgm_bench.methods.pcgm.cmg.fractional import counterfactual_fractions
from pcgm_bench.methods.pcgm.cmg.voxels import counterfactual_mask

CSF, WHITE, FIRST = CHANNELS.index("csf"), CHANNELS.index("white_matter"), CHANNELS.index(LOBE_NAMES[0])
OTHERS = [i for i in range(len(CHANNELS)) if i not in (CSF, *range(FIRST, len(CHANNELS)))]
RATIOS = st.fixed_dictionaries({}, optional={lobe: st.floats(0.85, 1.15) for lobe in LOBE_NAMES})
SEEDS = st.integers(0, 2**31)
QUICK = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def label_map(seed: int, shape: tuple[int, int, int] = SHAPE) -> tuple[np.ndarray, np.ndarray]:
    channels, fractions = head(seed, shape)
    right = np.indices(shape)[0] >= shape[0] // 2
    numbers = {"background": 0, "csf": 24, "ventricles": 4, "white_matter": 2}
    labels = np.zeros(shape, np.int16)
    for c in np.unique(channels):
        name = CHANNELS[c]
        if c >= FIRST:
            left_label, right_label = (dk_label(LOBES[name][0], side) for side in ("lh", "rh"))
            labels[channels == c] = np.where(right, right_label, left_label)[channels == c]
        else:
            labels[channels == c] = numbers[name]
    noise = np.random.default_rng(seed).uniform(0.5, 1.5, fractions.shape)
    posteriors = (fractions + 0.02) * noise
    return labels, posteriors / posteriors.sum(0)


def lobe_index(labels: np.ndarray) -> np.ndarray:
    """Lobe number of every voxel, -1 outside, by a route of its own (the first region of each lobe)."""
    out = np.full(labels.shape, -1)
    for k, lobe in enumerate(LOBE_NAMES):
        for side in ("lh", "rh"):
            for region in LOBES[lobe]:
                out[labels == dk_label(region, side)] = k
    return out


# --- fractions -------------------------------------------------------------------------------------------------------


@QUICK
@given(SEEDS, RATIOS, st.sampled_from(["proportional", "ranked"]))
def test_fractions_only_csf_and_lobes_trade(seed: int, ratios: dict[str, float], allocation: str) -> None:
    _, old = head(seed)
    new = counterfactual_fractions(old, ratios, allocation=allocation).fractions
    assert new.dtype == old.dtype
    np.testing.assert_array_equal(new[OTHERS], old[OTHERS])
    for k, lobe in enumerate(LOBE_NAMES):
        step = new[FIRST + k] - old[FIRST + k]
        sign = np.sign(ratios.get(lobe, 1.0) - 1)
        assert (step * sign >= 0).all() if sign else (step == 0).all()
    assert new.min() >= 0
    np.testing.assert_allclose(new.sum(0, dtype=float), old.sum(0, dtype=float), atol=3e-7)


@QUICK
@given(SEEDS, RATIOS, st.sampled_from(["proportional", "ranked"]))
def test_fractions_achieve_what_is_asked_or_sell_out(seed: int, ratios: dict[str, float], allocation: str) -> None:
    _, old = head(seed)
    result = counterfactual_fractions(old, ratios, allocation=allocation)
    for k, lobe in enumerate(LOBE_NAMES):
        change = result.changes[lobe]
        volume = old[FIRST + k].sum(dtype=float)
        assert change.asked == pytest.approx(volume * (ratios.get(lobe, 1.0) - 1), abs=1e-9)
        new_volume = result.fractions[FIRST + k].sum(dtype=float)
        assert new_volume - volume == pytest.approx(change.achieved, abs=1e-4)
        if change.shortfall > 1e-4 * (1 + abs(change.asked)):
            # Short only when nothing is left to trade within reach: the border csf, or the cortex above its floor.
            assert change.layers == 2
            if change.asked > 0:
                mine = old[FIRST + k] >= 0.05
                border = mine | touches(mine)
                bought = np.maximum(result.fractions - old, 0)[FIRST:].sum(0)
                assert (old[CSF] - bought)[border].sum() < 1e-3


@QUICK
@given(SEEDS, st.sampled_from(LOBE_NAMES), st.sampled_from(["proportional", "ranked"]), st.booleans())
def test_fractions_are_nested_in_the_ratio(seed: int, lobe: str, allocation: str, grow: bool) -> None:
    _, old = head(seed)
    sign = 1 if grow else -1
    steps = [
        counterfactual_fractions(old, {lobe: 1 + sign * size}, allocation=allocation).fractions
        for size in (0.01, 0.03, 0.08, 0.15)
    ]
    k = CHANNELS.index(lobe)
    for small, large in zip([old, *steps[:-1]], steps, strict=True):
        assert (sign * (large[k] - small[k]) >= -1e-7).all()


@QUICK
@given(SEEDS, RATIOS, st.permutations(range(len(LOBE_NAMES))), st.sampled_from(["proportional", "ranked"]))
def test_fractions_do_not_depend_on_the_order_of_lobes(
    seed: int, ratios: dict[str, float], order: list[int], allocation: str
) -> None:
    _, old = head(seed)
    # Distinct ranks: with ties the paper's greedy rule has to prefer someone.
    ranks = old + np.random.default_rng(seed).uniform(0, 1e-3, old.shape)
    mixed, mixed_ranks = old.copy(), ranks.copy()
    mixed[FIRST:], mixed_ranks[FIRST:] = old[FIRST:][order], ranks[FIRST:][order]
    renamed = {LOBE_NAMES[new]: ratios.get(LOBE_NAMES[was], 1.0) for new, was in enumerate(order)}
    one = counterfactual_fractions(old, ratios, allocation=allocation, posteriors=ranks).fractions
    two = counterfactual_fractions(mixed, renamed, allocation=allocation, posteriors=mixed_ranks).fractions
    np.testing.assert_allclose(two[FIRST:], one[FIRST:][order], atol=1e-6)


def test_fractions_identity_to_the_bit() -> None:
    _, old = head(3)
    np.testing.assert_array_equal(counterfactual_fractions(old, dict.fromkeys(LOBE_NAMES, 1.0)).fractions, old)


def test_fractions_clip_and_flag() -> None:
    _, old = head(3)
    change = counterfactual_fractions(old, {"frontal": 0.5}, voxel_ml=0.027).changes["frontal"]
    assert change.clipped
    assert change.asked_ml == pytest.approx(-0.15 * change.before * 0.027)
    assert not counterfactual_fractions(old, {"frontal": 0.9}).changes["frontal"].clipped


def test_cortex_on_white_matter_keeps_its_floor() -> None:
    old = np.zeros((len(CHANNELS), 3, 3, 6), np.float32)
    frontal = CHANNELS.index("frontal")
    old[WHITE, ..., :2], old[frontal, ..., 2], old[CSF, ..., 3:] = 1, 1, 1
    result = counterfactual_fractions(old, {"frontal": 0.1}, limit=0.9)
    np.testing.assert_allclose(result.fractions[frontal, ..., 2], 0.5)
    assert result.changes["frontal"].shortfall == pytest.approx(0.4 * 9, rel=1e-6)
    assert result.changes["frontal"].shortfall_ml == pytest.approx(0.4 * 9 * 0.027, rel=1e-6)


def test_background_acts_as_csf_only_on_request_and_when_short() -> None:
    old = np.zeros((len(CHANNELS), 4, 4, 6), np.float32)
    frontal, background = CHANNELS.index("frontal"), CHANNELS.index("background")
    old[WHITE, ..., :1], old[frontal, ..., 1:4], old[background, ..., 4:] = 1, 1, 1
    short = counterfactual_fractions(old, {"frontal": 1.1})
    np.testing.assert_array_equal(short.fractions, old)
    assert short.changes["frontal"].shortfall == pytest.approx(0.1 * 48, rel=1e-6)
    enough = counterfactual_fractions(old, {"frontal": 1.1}, background_as_csf=True)
    assert enough.changes["frontal"].shortfall == pytest.approx(0, abs=1e-5)
    assert enough.fractions[background].sum() == pytest.approx(32 - 4.8, rel=1e-6)
    np.testing.assert_allclose(enough.fractions.sum(0), 1, atol=1e-6)


def test_proportional_is_spread_and_ranked_is_concentrated() -> None:
    _, old = head(5, (24, 24, 24))
    moved = {
        a: np.abs(counterfactual_fractions(old, {"frontal": 0.95}, allocation=a).fractions - old)[FIRST]
        for a in ("proportional", "ranked")
    }
    assert moved["ranked"].sum() == pytest.approx(moved["proportional"].sum(), rel=1e-5)
    assert moved["proportional"].max() < 0.5 * moved["ranked"].max()


def test_fractions_speed_on_the_default_grid() -> None:
    _, old = head(1, (56, 64, 56))
    ratios = dict(zip(LOBE_NAMES, (0.95, 1.05, 0.96, 1.04, 0.95, 1.05), strict=True))
    times = []
    for _ in range(3):
        start = time.process_time()
        counterfactual_fractions(old, ratios)
        times.append(time.process_time() - start)
    assert min(times) < 0.4


@pytest.mark.parametrize(
    ("ratios", "options", "word"),
    [
        ({"thalamus": 1.0}, {}, "thalamus"),
        ({"frontal": float("nan")}, {}, "frontal"),
        ({"frontal": 0.0}, {}, "positive"),
        ({}, {"allocation": "magic"}, "magic"),
    ],
)
def test_bad_requests_are_refused(ratios: dict[str, float], options: dict[str, str], word: str) -> None:
    _, old = head(0)
    with pytest.raises(UserError, match=word):
        counterfactual_fractions(old, ratios, **options)  # type: ignore[arg-type]


def test_bad_fractions_are_refused() -> None:
    _, old = head(0)
    with pytest.raises(UserError, match="shape"):
        counterfactual_fractions(old[:5], {})
    old[0, 0, 0, 0] = np.nan
    with pytest.raises(UserError, match="not numbers"):
        counterfactual_fractions(old, {})


def test_ratios_come_in_one_order() -> None:
    assert list(check_ratios({"insula": 1.2, "frontal": 0.99})) == list(LOBE_NAMES)
    assert check_ratios({"insula": 1.2})["insula"] == (1.15, True)


# --- voxels ----------------------------------------------------------------------------------------------------------


@QUICK
@given(SEEDS, RATIOS, st.sampled_from(["difference", "ratio"]), st.booleans())
def test_voxels_only_csf_and_lobes_trade(seed: int, ratios: dict[str, float], rank: str, sides: bool) -> None:
    old, posteriors = label_map(seed)
    new = counterfactual_mask(old, posteriors, ratios, rank=rank, per_hemisphere=sides).labels
    before, after = lobe_index(old), lobe_index(new)
    changed = old != new
    assert (((old == 24) & (after >= 0)) | ((before >= 0) & (new == 24)))[changed].all()
    np.testing.assert_array_equal(new == 2, old == 2)
    fluid = new == 24
    newly_bare = (old == 2) & touches(fluid) & ~touches(old == 24)
    assert not newly_bare.any()


@QUICK
@given(SEEDS, RATIOS)
def test_voxels_achieve_what_is_asked(seed: int, ratios: dict[str, float]) -> None:
    old, posteriors = label_map(seed)
    result = counterfactual_mask(old, posteriors, ratios, keep_sulci_open=False)
    before, after = lobe_index(old), lobe_index(result.labels)
    for k, lobe in enumerate(LOBE_NAMES):
        change = result.changes[lobe]
        n = int((before == k).sum())
        assert change.asked == round(round(n * (change.ratio - 1), 9))
        assert change.achieved == (after == k).sum() - n
        assert 0 <= change.shortfall <= abs(change.asked)
        room = (old == 24) & touches(before == k) if change.asked > 0 else (before == k) & touches(old == 24)
        room &= ~touches(old == 2) if change.asked < 0 else True
        rivals = sum(c.asked > 0 for c in result.changes.values()) > 1
        if room.sum() >= abs(change.asked) and not (rivals and change.asked > 0):
            assert change.shortfall == 0


@QUICK
@given(SEEDS, st.sampled_from(LOBE_NAMES), st.booleans())
def test_voxel_masks_are_nested_in_the_ratio(seed: int, lobe: str, grow: bool) -> None:
    old, posteriors = label_map(seed)
    k = LOBE_NAMES.index(lobe)
    sign = 1 if grow else -1
    masks = [
        lobe_index(counterfactual_mask(old, posteriors, {lobe: 1 + sign * size}, speckle=0).labels) == k
        for size in (0.02, 0.05, 0.1, 0.15)
    ]
    for small, large in zip([lobe_index(old) == k, *masks[:-1]], masks, strict=True):
        assert not (small & ~large).any() if grow else not (large & ~small).any()


@QUICK
@given(SEEDS, RATIOS, st.permutations(range(len(LOBE_NAMES))))
def test_voxels_do_not_depend_on_the_order_of_lobes(seed: int, ratios: dict[str, float], order: list[int]) -> None:
    old, posteriors = label_map(seed)
    was = lobe_index(old)
    mixed, mixed_posteriors = old.copy(), posteriors.copy()
    mixed_posteriors[FIRST:] = posteriors[FIRST:][order]
    for new, k in enumerate(order):
        mixed[was == k] = dk_label(LOBES[LOBE_NAMES[new]][0], "lh")
    renamed = {LOBE_NAMES[new]: ratios.get(LOBE_NAMES[k], 1.0) for new, k in enumerate(order)}
    one = lobe_index(counterfactual_mask(old, posteriors, ratios).labels)
    two = lobe_index(counterfactual_mask(mixed, mixed_posteriors, renamed).labels)
    np.testing.assert_array_equal(np.where(two >= 0, np.array(order)[two], -1), one)


def test_voxels_identity_and_rounding() -> None:
    old, posteriors = label_map(2)
    np.testing.assert_array_equal(counterfactual_mask(old, posteriors, {"frontal": 1.0}).labels, old)
    n = (lobe_index(old) == 0).sum()
    np.testing.assert_array_equal(counterfactual_mask(old, posteriors, {"frontal": 1 + 0.49 / n}).labels, old)


def slab(gap: int) -> tuple[np.ndarray, np.ndarray]:
    """Two flat banks of frontal cortex with ``gap`` voxels of csf between them."""
    labels = np.full((9, 9, 10 + gap), 24, np.int16)
    labels[..., :3] = labels[..., 7 + gap :] = 2
    labels[..., 3:5] = labels[..., 5 + gap : 7 + gap] = dk_label("precentral", "lh")
    return labels, np.full((len(CHANNELS), *labels.shape), 1 / len(CHANNELS))


def test_banks_of_a_sulcus_do_not_fuse() -> None:
    labels, posteriors = slab(1)
    kept = counterfactual_mask(labels, posteriors, {"frontal": 1.1})
    np.testing.assert_array_equal(kept.labels, labels)
    assert kept.changes["frontal"].shortfall == kept.changes["frontal"].asked > 0
    fused = counterfactual_mask(labels, posteriors, {"frontal": 1.1}, keep_sulci_open=False)
    assert fused.changes["frontal"].shortfall == 0
    wide, posteriors = slab(3)
    assert counterfactual_mask(wide, posteriors, {"frontal": 1.1}).changes["frontal"].shortfall == 0


def test_thickness_floor_and_ventricles() -> None:
    labels, posteriors = slab(3)
    # Each bank is two voxels thick: the outer one may go, the one on white matter stays.
    change = counterfactual_mask(labels, posteriors, {"frontal": 0.2}, limit=0.9, speckle=0).changes["frontal"]
    assert change.achieved == -change.before / 2
    ventricle = np.where(labels == 24, 4, labels)
    np.testing.assert_array_equal(counterfactual_mask(ventricle, posteriors, {"frontal": 0.9}).labels, ventricle)


def test_speckle_is_traded_not_lost() -> None:
    labels = np.full((9, 9, 9), 24, np.int16)
    frontal = dk_label("precentral", "lh")
    labels[1:8, 1:8, 2:4] = frontal
    labels[4, 4, 4:7] = frontal
    posteriors = np.zeros((len(CHANNELS), *labels.shape))
    posteriors[CHANNELS.index("frontal")] = 0.9
    posteriors[CHANNELS.index("frontal"), 4, 4, 4] = 0.1
    n = int((labels == frontal).sum())
    ratio = 1 - 3 / n
    for speckle, islands in ((0, 2), (5, 1)):
        result = counterfactual_mask(labels, posteriors, {"frontal": ratio}, speckle=speckle)
        assert (result.labels == frontal).sum() == n - 3
        assert ndi.label(result.labels == frontal)[1] == islands


def test_background_counts_as_csf_on_request() -> None:
    labels, posteriors = slab(3)
    bare = np.where(labels == 24, 0, labels)
    np.testing.assert_array_equal(counterfactual_mask(bare, posteriors, {"frontal": 1.1}).labels, bare)
    grown = counterfactual_mask(bare, posteriors, {"frontal": 1.1}, background_as_csf=1)
    assert grown.changes["frontal"].shortfall == 0


def test_hemispheres_can_have_their_own_quota() -> None:
    old, posteriors = label_map(8)
    result = counterfactual_mask(old, posteriors, {"frontal": 0.9}, per_hemisphere=True)
    for side, low in (("left", 1000), ("right", 2000)):
        change = result.changes[f"frontal-{side}"]
        assert change.before == ((lobe_index(old) == 0) & (old // 1000 * 1000 == low)).sum()
        assert change.asked == round(-0.1 * change.before)


def test_bank_test_agrees_with_counting_components() -> None:
    cortex = np.random.default_rng(0).random((12, 12, 12)) < 0.35
    where = np.flatnonzero(~cortex)
    fast = voxels._between_banks(cortex, where)
    padded = np.pad(cortex, 1)
    for index, answer in zip(where, fast, strict=True):
        i, j, k = np.unravel_index(index, cortex.shape)
        block = padded[i : i + 3, j : j + 3, k : k + 3].copy()
        block[1, 1, 1] = False
        pieces, _ = ndi.label(block)
        faces = {pieces[p] for p in ((0, 1, 1), (2, 1, 1), (1, 0, 1), (1, 2, 1), (1, 1, 0), (1, 1, 2))} - {0}
        assert answer == (len(faces) >= 2)


def test_bad_label_maps_are_refused() -> None:
    labels, posteriors = label_map(0)
    with pytest.raises(UserError, match="match"):
        counterfactual_mask(labels, posteriors[:4], {})
    with pytest.raises(UserError, match="rank"):
        counterfactual_mask(labels, posteriors, {}, rank="magic")
