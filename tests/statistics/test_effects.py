"""Statistics against the libraries and against published numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.stats.multitest import multipletests

from pcgm_bench.contracts import UserError
from pcgm_bench.statistics import _pingouin
from pcgm_bench.statistics import effects
from pcgm_bench.statistics import multiplicity
from pcgm_bench.statistics.head_size import fit_head_size


@pytest.fixture
def groups() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    covariates = np.column_stack([rng.normal(48, 10, 70), rng.integers(0, 2, 70), rng.normal(1400, 100, 70)])
    volumes = 100 + covariates @ np.array([[-0.4, -0.2], [2.0, 1.0], [0.05, 0.08]]) + rng.normal(0, 5, (70, 2))
    volumes[30:] -= [4.0, 0.0]
    return volumes[:30], volumes[30:], covariates


def test_ancova_equals_ordinary_least_squares(groups: tuple[np.ndarray, ...]) -> None:
    first, second, covariates = groups
    fit = effects.ancova(first, second, covariates)
    table = pd.DataFrame(covariates, columns=["age", "sex", "hs"]).assign(group=[0] * 30 + [1] * 40)
    for k in range(2):
        table["v"] = np.concatenate([first, second])[:, k]
        ols = smf.ols("v ~ group + age + sex + hs", table).fit()
        assert fit.difference[k] == pytest.approx(ols.params["group"])
        assert fit.p[k] == pytest.approx(ols.pvalues["group"])
        assert fit.sd[k] == pytest.approx(np.sqrt(ols.scale))
        assert fit.se[0] * fit.sd[k] == pytest.approx(ols.bse["group"])
        assert _pingouin.ancova_p(table, "v", "group", ["age", "sex", "hs"]) == pytest.approx(fit.p[k], rel=1e-6)
    assert fit.dof.tolist() == [ols.df_resid]


def test_ancova_ignores_constant_and_repeated_covariates(groups: tuple[np.ndarray, ...]) -> None:
    first, second, covariates = groups
    wide = np.column_stack([covariates, np.ones(70), covariates[:, 0]])
    assert effects.ancova(first, second, wide).d == pytest.approx(effects.ancova(first, second, covariates).d)


def test_ancova_refuses_an_effect_that_a_covariate_explains_completely(groups: tuple[np.ndarray, ...]) -> None:
    first, second, _ = groups
    assert np.isnan(effects.ancova(first, second, np.repeat([[0.0], [1.0]], [30, 40], axis=0)).d).all()


def test_ancova_without_covariates_is_the_pooled_effect_size(groups: tuple[np.ndarray, ...]) -> None:
    first, second, _ = groups
    fit = effects.ancova(first, second, np.zeros((70, 1)))
    assert fit.d[0] == pytest.approx(_pingouin.cohen(first[:, 0], second[:, 0], "pooled"))
    assert fit.p == pytest.approx(effects.student(first, second))


def test_paired_effect_sizes_equal_pingouins(groups: tuple[np.ndarray, ...]) -> None:
    first = groups[0]
    second = first - 1 + np.random.default_rng(1).normal(0, 1, first.shape)
    fit = effects.paired(first, second)
    for k in range(2):
        assert fit.d_av[k] == pytest.approx(_pingouin.cohen(first[:, k], second[:, k], "av"))
        assert fit.d_z[k] == pytest.approx(_pingouin.cohen(first[:, k], second[:, k], "z"))
        assert fit.r[k] == pytest.approx(np.corrcoef(first[:, k], second[:, k])[0, 1])


@pytest.mark.parametrize(("n", "d"), [(20, 1.16), (30, 0.93), (40, 0.80), (60, 0.65), (100, 0.50), (200, 0.35)])
def test_detectable_effects(n: int, d: float) -> None:
    assert effects.detectable(n, n, regions=6) == pytest.approx(d, abs=0.01)


def test_detectable_effect_of_nobody_is_unknown() -> None:
    assert np.isnan(effects.detectable(2, 50, regions=6))


def test_head_size_is_gone_from_controls_and_kept_in_what_differs() -> None:
    rng = np.random.default_rng(2)
    head = rng.normal(1400, 120, 200)
    volumes = (40 + 0.06 * head + rng.normal(0, 2, 200))[:, None]
    fit = fit_head_size(volumes, head)
    assert abs(np.corrcoef(fit.residuals(volumes, head)[:, 0], head)[0, 1]) < 1e-10
    assert fit.residuals(volumes, head).mean() == pytest.approx(0, abs=1e-9)
    assert fit.residuals(volumes - 5, head).mean() == pytest.approx(-5)


def test_head_size_needs_three_controls() -> None:
    with pytest.raises(UserError, match="at least 3 real controls, found 2"):
        fit_head_size(np.ones((2, 6)), np.array([1400.0, 1500.0]))


def test_adjusted_p_leaves_the_missing_out() -> None:
    p = np.array([0.01, np.nan, 0.04, 0.03])
    for ours, method in ((multiplicity.holm, "holm"), (multiplicity.bonferroni, "bonferroni")):
        adjusted = ours(p)
        assert np.isnan(adjusted[1])
        assert adjusted[[0, 2, 3]] == pytest.approx(multipletests(p[[0, 2, 3]], method=method)[1])
    assert np.isnan(multiplicity.holm(np.array([np.nan]))).all()
