"""Numbers that R prints for its own example data, to the digits printed.

``sleep`` (Student 1908): ``t.test(extra ~ group, sleep, var.equal = TRUE)``, ``t.test(..., paired = TRUE)``,
``effectsize::cohens_d`` and ``TOSTER::t_TOST(paired = TRUE, eqb = 1)``. ``cbpp`` (lme4):
``glmer(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp, binomial)``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

from pcgm_bench.statistics import bootstrap
from pcgm_bench.statistics import effects
from pcgm_bench.statistics import equivalence

FIRST = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])[:, None]
SECOND = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])[:, None]
"""``sleep``: hours of sleep gained by ten people with two drugs."""
HERD = {
    "2/14 3/12 4/9 0/5": 1, "3/22 1/18 1/21": 2, "8/22 2/16 0/16 2/20": 3, "2/10 0/10 2/9 0/6": 4,
    "5/18 0/25 0/24 1/4": 5, "3/17 0/17 0/18 1/20": 6, "8/16 1/10 3/9 0/5": 7, "12/34": 8, "2/9 0/6 0/8 0/6": 9,
    "1/22 1/22 0/18 2/22": 10, "0/25 5/27 3/22 1/22": 11, "2/10 1/8 0/6 0/5": 12, "1/21 2/24 0/19 0/23": 13,
    "11/19 0/2 0/3 0/2": 14, "1/19 1/15 1/15 0/15": 15,
}  # fmt: skip
"""``cbpp``: incidence / size in up to four periods of 15 herds."""


def test_two_samples() -> None:
    """t = -1.8608, df = 18, p-value = 0.07919; 95 percent confidence interval -3.363874 0.203874; d -0.8321811."""
    fit = effects.ancova(FIRST, SECOND, np.zeros((20, 1)))
    assert (fit.d / fit.se)[0] == pytest.approx(1.8608, abs=5e-5)
    assert fit.dof.tolist() == [18]
    assert fit.p[0] == pytest.approx(0.07919, abs=5e-6)
    assert effects.student(FIRST, SECOND)[0] == pytest.approx(0.07919, abs=5e-6)
    assert fit.d[0] == pytest.approx(0.8321811, abs=5e-8)
    low, high = bootstrap.interval(fit.difference, fit.se * fit.sd, 18)
    assert [low[0], high[0]] == pytest.approx([-0.203874, 3.363874], abs=5e-7)


def test_pairs() -> None:
    """t = -4.0621, df = 9, p-value = 0.002833; -2.4598858 -0.7001142."""
    change = SECOND - FIRST
    mean, se = change.mean(axis=0), change.std(axis=0, ddof=1) / np.sqrt(10)
    assert se[0] == pytest.approx(0.3889587, abs=5e-8)
    assert effects.paired(FIRST, SECOND).d_z[0] * np.sqrt(10) == pytest.approx(4.062128, abs=5e-7)
    assert equivalence.difference_p(mean, se, 9)[0] == pytest.approx(2.832890e-03, abs=5e-10)
    low, high = bootstrap.interval(mean, se, 9)
    assert [low[0], high[0]] == pytest.approx([0.7001142, 2.4598858], abs=5e-8)


def test_equivalence() -> None:
    """TOST Lower -1.491161, p 9.149441e-01 (the larger, and so the test's); TOST Upper -6.633095, p 4.778596e-05."""
    change = SECOND - FIRST
    se = change.std(axis=0, ddof=1) / np.sqrt(10)
    assert equivalence.tost_p(change.mean(axis=0), se, 9, bound=1.0)[0] == pytest.approx(9.149441e-01, abs=5e-8)


def test_mixed_logistic_model() -> None:
    """Variational Bayes, as in the reader study, against glmer's Laplace fit: estimates within a tenth of an error.

    Its errors are those of a mean-field posterior, and smaller: of contrasts within herds by a sixth at most, of the
    intercept, which is a mean of herds, by half.
    """
    rows = [
        (herd, period, int(k < int(cell.split("/")[0])))
        for line, herd in HERD.items()
        for period, cell in enumerate(line.split(), 1)
        for k in range(int(cell.split("/")[1]))
    ]
    data = pd.DataFrame(rows, columns=["herd", "period", "ill"])
    assert len(data) == 842
    found = BinomialBayesMixedGLM.from_formula("ill ~ C(period)", {"herd": "0 + C(herd)"}, data).fit_vb(rng=0)
    estimate, error = np.array([-1.3983, -0.9919, -1.1282, -1.5797]), np.array([0.2312, 0.3032, 0.3228, 0.4220])
    assert (np.abs(found.fe_mean - estimate) < 0.1 * error).all()
    assert found.fe_sd[1:] / error[1:] == pytest.approx([0.9] * 3, abs=0.1)
    assert found.fe_sd[0] / error[0] == pytest.approx(0.5, abs=0.1)
