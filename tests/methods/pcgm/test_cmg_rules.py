"""CMG's two rules, and its ventricles: who moves first, how far a change reaches, and what nobody asked to move."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from cmg_heads import FIRST
from cmg_heads import head
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.cmg.border import CONTACT
from pcgm_bench.methods.pcgm.cmg.change import face_max
from pcgm_bench.methods.pcgm.cmg.change import touches
from pcgm_bench.methods.pcgm.cmg.fractional import counterfactual_fractions

CSF, VENTRICLES = CHANNELS.index("csf"), CHANNELS.index("ventricles")
WHITE, DEEP = CHANNELS.index("white_matter"), CHANNELS.index("deep_grey")
LARGE = (24, 24, 24)
SEEDS = st.integers(0, 2**31)
RULES = st.sampled_from(["ranked", "proportional"])
OPENING = st.one_of(st.floats(0.7, 0.99), st.floats(1.01, 1.4))
QUICK = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def deep_head(seed: int) -> np.ndarray:
    """Fractions of a head whose ventricle borders on white matter and deep grey."""
    return head(seed, LARGE, deep_grey=True)[1]


def total(fractions: np.ndarray, channel: int) -> float:
    return float(fractions[channel].sum(dtype=float))


@QUICK
@given(SEEDS, OPENING, RULES)
def test_ventricles_have_the_volume_asked_and_only_their_walls_give_way(seed: int, ratio: float, rule: str) -> None:
    old = deep_head(seed)
    result = counterfactual_fractions(old, {"ventricles": ratio}, allocation=rule)
    new, change = result.fractions, result.changes["ventricles"]
    assert total(new, VENTRICLES) / total(old, VENTRICLES) == pytest.approx(ratio, rel=1e-3)
    assert change.achieved == pytest.approx(change.asked, rel=1e-3)
    moved = [c for c in range(len(CHANNELS)) if not np.array_equal(new[c], old[c])]
    assert set(moved) == {VENTRICLES, WHITE, DEEP}
    sign = np.sign(ratio - 1)
    assert (sign * (new[VENTRICLES] - old[VENTRICLES]) >= 0).all()
    for wall in (WHITE, DEEP):
        assert (sign * (new[wall] - old[wall]) <= 1e-7).all()
    assert new.min() >= 0
    np.testing.assert_allclose(new.sum(0, dtype=float), old.sum(0, dtype=float), atol=3e-7)


@QUICK
@given(SEEDS, OPENING, RULES)
def test_ventricles_move_at_their_border_alone(seed: int, ratio: float, rule: str) -> None:
    old = deep_head(seed)
    result = counterfactual_fractions(old, {"ventricles": ratio}, allocation=rule)
    wall = old[WHITE] + old[DEEP]
    reach = [np.maximum(tissue, face_max(tissue)) >= CONTACT for tissue in (old[VENTRICLES], wall)]
    border = reach[0] & reach[1]
    for _ in range(result.changes["ventricles"].layers):
        border |= touches(border)
    assert not (result.fractions != old)[:, ~border].any()


@QUICK
@given(SEEDS, st.floats(0.93, 1.07), st.sampled_from(LOBE_NAMES), RULES)
def test_a_lobe_has_the_volume_asked(seed: int, ratio: float, lobe: str, rule: str) -> None:
    _, old = head(seed, LARGE)
    new = counterfactual_fractions(old, {lobe: ratio}, allocation=rule).fractions
    k = CHANNELS.index(lobe)
    assert total(new, k) / total(old, k) == pytest.approx(ratio, rel=1e-3)
    lobe_border, fluid_border = (np.maximum(old[c], face_max(old[c])) >= CONTACT for c in (k, CSF))
    near = touches(lobe_border & fluid_border) | (lobe_border & fluid_border)
    assert not (new != old)[:, ~near].any()


def rivals(old: np.ndarray, region: str) -> np.ndarray:
    """What a region trades with."""
    return old[WHITE] + old[DEEP] if region == "ventricles" else old[CSF]


@pytest.mark.parametrize("ratio", [0.97, 1.03])
@pytest.mark.parametrize("region", ["frontal", "insula", "ventricles"])
def test_the_ranked_rule_takes_the_best_voxels_whole_and_the_last_in_part(region: str, ratio: float) -> None:
    """The posterior difference decides alone: no voxel moves before one that ranks higher has given all."""
    old = deep_head(3)
    rng = np.random.default_rng(0)
    ranks = (old + 0.02) * rng.uniform(0.5, 1.5, old.shape)
    ranks /= ranks.sum(0)
    k, sign = CHANNELS.index(region), np.sign(ratio - 1)
    result = counterfactual_fractions(old, {region: ratio}, posteriors=ranks)
    assert result.changes[region].layers == 1
    step = sign * (result.fractions[k] - old[k])
    could = rivals(old, region) if sign > 0 else old[k]
    if sign < 0 and region != "ventricles":
        white = np.maximum(old[WHITE], face_max(old[WHITE])) >= CONTACT
        could = could * np.where(white, 0.5, 1.0)
    score = sign * (ranks[k] - rivals(ranks, region))
    other = old[k] if sign > 0 else rivals(old, region)
    border = (could > 0) & (np.maximum(other, face_max(other)) >= CONTACT)
    moved = border & (step > 1e-6)
    whole = moved & (step > could - 1e-5)
    assert moved.sum() - whole.sum() <= 1
    assert score[moved].min() >= score[border & ~moved].max()
    assert (step[~border] <= 1e-6).all()


def test_the_paper_s_rule_is_the_default() -> None:
    old = deep_head(4)
    asked = {"frontal": 0.96, "insula": 1.03, "ventricles": 1.1}
    plain = counterfactual_fractions(old, asked).fractions
    np.testing.assert_array_equal(plain, counterfactual_fractions(old, asked, allocation="ranked").fractions)
    assert np.abs(plain - counterfactual_fractions(old, asked, allocation="proportional").fractions).max() > 0.1


def test_among_equal_ranks_the_larger_border_goes_first() -> None:
    """Two voxels of pure fluid: one touches the lobe with three faces."""
    old = np.zeros((len(CHANNELS), 7, 7, 7), np.float32)
    old[CSF] = 1
    solid = np.zeros((7, 7, 7), bool)
    solid[2:5, 2:5, 2:5] = True
    solid[4, 4, 4] = False
    old[FIRST, solid], old[CSF, solid] = 1, 0
    new = counterfactual_fractions(old, {"frontal": 1 + 1 / solid.sum()}).fractions
    assert np.argwhere(new[FIRST] - old[FIRST] > 0.99).tolist() == [[4, 4, 4]]


def test_lobes_and_ventricles_do_not_wait_for_each_other() -> None:
    old = deep_head(5)
    lobes = {"frontal": 0.96, "temporal": 1.04}
    both = counterfactual_fractions(old, {**lobes, "ventricles": 1.2}).fractions
    apart = counterfactual_fractions(counterfactual_fractions(old, lobes).fractions, {"ventricles": 1.2}).fractions
    np.testing.assert_array_equal(both, apart)


@pytest.mark.parametrize("measure", [lambda f: total(f, WHITE), lambda f: total(f, DEEP)])
def test_what_the_ventricles_take_they_give_back_to_the_same_walls(measure: Callable[[np.ndarray], float]) -> None:
    old = deep_head(6)
    opened = counterfactual_fractions(old, {"ventricles": 1.2}, allocation="proportional").fractions
    closed = counterfactual_fractions(opened, {"ventricles": 1 / 1.2}, allocation="proportional").fractions
    assert measure(opened) < measure(old)
    assert abs(measure(closed) - measure(old)) < 0.2 * abs(measure(opened) - measure(old))


def test_ventricles_beyond_their_limit_are_clipped_and_said() -> None:
    change = counterfactual_fractions(deep_head(7), {"ventricles": 1.8}).changes["ventricles"]
    assert change.clipped
    assert change.ratio == 1.5
    with pytest.raises(UserError, match="ventricles is 0"):
        counterfactual_fractions(deep_head(7), {"ventricles": 0.0})
