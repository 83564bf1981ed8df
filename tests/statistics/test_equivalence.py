"""Equivalence tests and the subject bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcgm_bench.statistics import _pingouin
from pcgm_bench.statistics import bootstrap
from pcgm_bench.statistics import equivalence
from pcgm_bench.statistics.effects import ancova


def test_tost_equals_pingouins_for_independent_samples() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 80), rng.normal(0.05, 1, 60)
    fit = ancova(a[:, None], b[:, None], np.zeros((140, 1)))
    p = equivalence.tost_p(fit.difference, fit.se * fit.sd, fit.dof, bound=0.3)
    assert p[0] == pytest.approx(_pingouin.tost(a, b, bound=0.3, paired=False))


def test_tost_equals_pingouins_for_pairs() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(0, 1, 50)
    b = a + rng.normal(0.02, 0.3, 50)
    se = (b - a).std(ddof=1) / np.sqrt(50)
    p = equivalence.tost_p(np.array([(b - a).mean()]), np.array([se]), 49, bound=0.15)
    assert p[0] == pytest.approx(_pingouin.tost(a, b, bound=0.15, paired=True))


@pytest.mark.parametrize(("bound", "power"), [(0.20, 0.31), (0.25, 0.64), (0.30, 0.84), (0.35, 0.95), (0.40, 0.98)])
def test_power_of_equivalence_at_the_papers_size(bound: float, power: float) -> None:
    se = np.sqrt(1 / 222 + 1 / 199)
    assert float(equivalence.tost_power(se, 419, bound)) == pytest.approx(power, abs=0.01)


def test_copies_of_each_other_are_equivalent_and_a_shift_without_spread_is_certain() -> None:
    estimate, none = np.array([0.0, 0.5, 0.1]), np.zeros(3)
    assert equivalence.difference_p(estimate, none, 10).tolist() == [1.0, 0.0, 0.0]
    assert equivalence.tost_p(estimate, none, 10, bound=0.3).tolist() == [0.0, 1.0, 0.0]


def test_unmeasured_stays_unmeasured() -> None:
    missing = np.array([np.nan])
    assert np.isnan(equivalence.difference_p(missing, np.array([0.1]), 10)).all()
    assert np.isnan(equivalence.tost_p(np.array([0.1]), missing, 10, bound=0.3)).all()


@given(st.floats(-2, 2), st.floats(0.01, 1), st.floats(0.05, 1))
def test_tost_agrees_with_the_90_percent_interval(estimate: float, se: float, bound: float) -> None:
    low, high = bootstrap.interval(np.array([estimate]), np.array([se]), 50, level=0.90)
    inside = -bound < low[0] and high[0] < bound
    p = equivalence.tost_p(np.array([estimate]), np.array([se]), 50, bound)[0]
    assert (p < 0.05) == inside or abs(p - 0.05) < 1e-9


def test_replicates_keep_group_sizes_and_depend_on_seed_and_number_alone() -> None:
    groups = np.repeat([0, 1], [7, 12])

    def draw(indices: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
        assert (groups[indices] == groups).all()
        return indices

    long, short = bootstrap.replicate(draw, groups, 5, seed=3), bootstrap.replicate(draw, groups, 3, seed=3)
    assert (long[:3] == short).all()
    assert (long[0] != long[1]).any()
    assert (bootstrap.replicate(draw, groups, 3, seed=4) != short).any()


def test_bootstrap_error_of_a_mean_is_the_textbooks() -> None:
    values = np.random.default_rng(5).normal(0, 2, 100)
    drawn = bootstrap.replicate(lambda i, _rng: values[i].mean(keepdims=True), np.zeros(100), 2000, seed=0)
    se = bootstrap.standard_error(drawn, 100, parameters=1)[0]
    assert se == pytest.approx(values.std(ddof=1) / 10, rel=0.06)


def test_all_missing_replicates_give_a_missing_error_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    assert np.isnan(bootstrap.standard_error(np.full((10, 1), np.nan), 10, 1)).all()
    assert np.isnan(bootstrap.percentiles(np.full((10, 1), np.nan))[0]).all()
    assert not recwarn.list
