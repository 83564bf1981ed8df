"""Aging metrics: against other people's code, against known truth, and what each of them cannot see."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pingouin
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import mean_squared_error

from pcgm_bench.metrics.aging_agreement import AgingAgreement
from pcgm_bench.metrics.aging_agreement import concordance
from pcgm_bench.metrics.aging_skill import AgingSkill
from pcgm_bench.metrics.aging_slope import AgingSlope
from pcgm_bench.metrics.ventricle_nmse import VentricleNMSE
from pcgm_bench.metrics.ventricle_pearson import VentriclePearson
from pcgm_bench.metrics.ventricle_pearson import correlation
from pcgm_bench.statistics.visits import annualised
from pcgm_bench.statistics.visits import mean
from pcgm_bench.statistics.visits import subject_interval

METRICS = (AgingSlope(), AgingSkill(), AgingAgreement(), VentricleNMSE(), VentriclePearson())
NOISE = 0.015


def cohort(
    people: int, years: list[float], rate: float, spread: float, made: str = "mean", times: float = 1.0, seed: int = 0
) -> pd.DataFrame:
    """Ventricles that grow at ``rate`` (``spread``) a year, read with 1.5 % noise; made ones by a generator that

    ``mean``: ages everybody at the mean rate, ``own``: everybody at their own; each ``times`` that.
    """
    rng = np.random.default_rng(seed)
    t = np.array([0.0, *years])
    own = rng.normal(rate, spread, (people, 1))
    start = np.exp(rng.normal(3, 0.4, (people, 1)))
    real = start * np.exp(own * t + NOISE * rng.standard_normal((people, len(t))))
    asked = times * (own if made == "own" else rate)
    fake = start * np.exp(asked * t + NOISE * rng.standard_normal((people, len(t))))
    n = len(years)
    return pd.DataFrame(
        {
            "subject": np.repeat([f"{i:05d}" for i in range(people)], n),
            "years": np.tile(years, people),
            "baseline": np.repeat(real[:, 0], n),
            "real": real[:, 1:].ravel(),
            "made": fake[:, 1:].ravel(),
            "made_baseline": np.repeat(fake[:, 0], n),
        }
    )


def with_baseline(visits: pd.DataFrame) -> pd.DataFrame:
    """The visits and, as one more, the baseline itself with a made image of its own."""
    first = visits.drop_duplicates("subject")
    first = first.assign(years=0.0, real=first["baseline"], made=first["made_baseline"])
    return pd.concat([visits, first], ignore_index=True)


def still(visits: pd.DataFrame) -> pd.DataFrame:
    """The same with no change made."""
    return visits.assign(made=visits["baseline"])


# What others compute.


def test_rates_are_least_squares_through_the_baseline() -> None:
    visits = cohort(5, [1, 2, 3.5], 0.03, 0.02)
    rates = annualised(visits)
    for subject, rows in visits.groupby("subject"):
        for name in ("real", "made"):
            fit = sm.OLS(100 * np.log(rows[name] / rows["baseline"]), rows["years"]).fit()
            assert rates.loc[subject, name] == pytest.approx(fit.params.iloc[0], rel=1e-10)


def test_slope_error_and_its_interval() -> None:
    visits = cohort(60, [2], 0.03, 0.02)
    found = AgingSlope()(visits, replicates=2000)
    error = 50 * np.log(visits["made"] / visits["real"]).to_numpy()
    assert found.parts["bias"].value == pytest.approx(error.mean())
    assert found.value == pytest.approx(np.abs(error).mean())
    assert found.parts["rmse"].value == pytest.approx(mean_squared_error(error, np.zeros(60)) ** 0.5)
    theirs = pingouin.compute_bootci(error, func="mean", method="bca", n_boot=2000, decimals=6, seed=1)
    ours = (found.parts["bias"].low, found.parts["bias"].high)
    assert ours == pytest.approx(theirs, abs=0.06 * (theirs[1] - theirs[0]))


def test_nmse_is_scikit_learns_error_over_the_mean_square() -> None:
    visits = cohort(4, [1, 2], 0.03, 0.02)
    found = VentricleNMSE()(visits)
    for subject, rows in visits.groupby("subject"):
        theirs = mean_squared_error(rows["real"], rows["made"]) / mean_squared_error(rows["real"], 0 * rows["real"])
        assert found.by_unit[subject] == pytest.approx(theirs)
    assert found.value == pytest.approx(np.mean(list(found.by_unit.values())))


def test_r_is_scipys_and_begins_with_the_baseline() -> None:
    visits = cohort(6, [1, 2, 3], 0.03, 0.02)
    found = VentriclePearson()(visits)
    late = []
    for subject, rows in visits.groupby("subject"):
        start = [rows["baseline"].iloc[0]]
        theirs = stats.pearsonr([*start, *rows["real"]], [*start, *rows["made"]]).statistic
        assert found.by_unit[subject] == pytest.approx(theirs)
        late.append(stats.pearsonr(rows["real"], rows["made"]).statistic)
    assert found.parts["sound"].value == pytest.approx(np.tanh(np.mean(np.arctanh(np.clip(late, -0.999, 0.999)))))
    assert found.details == {"visits_2": 0, "visits_3": 0, "visits_4+": 6, "flat": 0}
    assert found.note == ""


def test_concordance_is_pingouins_absolute_agreement_up_to_the_degrees_of_freedom() -> None:
    """ICC(A,1) and Lin's coefficient differ by terms of 1 / n only (Nickerson 1997, doi 10.2307/2533516)."""
    rng = np.random.default_rng(0)
    x = rng.normal(2, 1, 2000)
    y = 0.5 * x + rng.normal(0.3, 0.4, 2000)
    long = pd.DataFrame({"who": np.tile(np.arange(2000), 2), "rater": np.repeat(["x", "y"], 2000), "v": [*x, *y]})
    table = pingouin.intraclass_corr(long, targets="who", raters="rater", ratings="v").set_index("Type")["ICC"]
    theirs = next(value for name, value in table.items() if name in ("ICC2", "ICC(A,1)"))
    assert float(concordance(x, y)) == pytest.approx(theirs, abs=1e-3)


def test_concordance_is_r_times_lins_bias_correction() -> None:
    """Two peak flow meters, 17 people, first readings (Bland and Altman 1986, Lancet 327:307): r C_b by SciPy's r."""
    wright = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427], float)
    mini = np.array([512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451], float)
    assert (round((wright - mini).mean(), 1), round((wright - mini).std(ddof=1), 1)) == (-2.1, 38.8)  # as printed there
    scale = wright.std() / mini.std()
    shift = (wright.mean() - mini.mean()) / np.sqrt(wright.std() * mini.std())
    correction = 2 / (scale + 1 / scale + shift**2)
    theirs = stats.pearsonr(wright, mini).statistic * correction
    assert float(concordance(wright, mini)) == pytest.approx(theirs, rel=1e-12)
    assert theirs == pytest.approx(0.943, abs=5e-4)


def test_signs_have_scipys_wilson_interval() -> None:
    visits = cohort(30, [2], 0.02, 0.02)
    sign = AgingAgreement()(visits).parts["sign"]
    right = int((np.sign(visits["real"] - visits["baseline"]) == np.sign(visits["made"] - visits["baseline"])).sum())
    theirs = stats.binomtest(right, 30).proportion_ci(method="wilson")
    assert (sign.value, sign.low, sign.high) == pytest.approx((right / 30, theirs.low, theirs.high))


def test_skill_is_one_less_the_ratio_of_errors() -> None:
    visits = cohort(20, [2], 0.02, 0.02)
    visits["expected"] = visits["baseline"] * 1.04
    found = AgingSkill()(visits)
    error = {
        name: mean_squared_error(np.log(visits["real"]), np.log(visits[name]))
        for name in ("made", "baseline", "expected")
    }
    assert found.value == pytest.approx(1 - error["made"] / error["baseline"])
    assert found.parts["against_training"].value == pytest.approx(1 - error["made"] / error["expected"])


# What each record promises, and what each metric cannot see.


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.record.name)
def test_a_perfect_generator_scores_what_the_record_says(metric: AgingSlope) -> None:
    visits = cohort(30, [1, 2, 3], 0.03, 0.02)
    found = metric(visits.assign(made=visits["real"]))
    assert found.value == pytest.approx(metric.record.perfect)
    assert found.n == 30


def test_useless_generators_score_what_the_records_say() -> None:
    visits = cohort(30, [1, 2], 0.03, 0.02)
    for value in (VentriclePearson()(still(visits)), AgingAgreement()(still(visits))):
        assert value.value == pytest.approx(0)
    assert AgingSkill()(still(visits)).value == pytest.approx(0)
    far = visits.assign(made=visits["real"] * 1e6)
    assert AgingSlope()(far).value > 500
    assert AgingSkill()(far).value < -1000
    assert VentricleNMSE()(far).value > 1e11


def test_two_visits_make_r_one_or_minus_one_and_say_so() -> None:
    visits = cohort(40, [2], 0.02, 0.02)
    found = VentriclePearson()(visits)
    assert set(np.abs(list(found.by_unit.values()))) == {1.0}
    assert "40 of 40" in found.note
    assert "sound" not in found.parts
    assert VentriclePearson()(visits.assign(made=visits["baseline"] * 1.0000001)).details["flat"] == 40


@pytest.mark.parametrize(
    ("years", "rate", "spread", "nmse", "nmse_still"),
    [([2], 0.02, 0.02, 0.0013, 0.0020), ([1, 2, 3], 0.035, 0.020, 0.0020, 0.0060)],
    ids=["HIV-like", "ADNI-like"],
)
def test_nmse_hardly_asks_whether_anything_aged(
    years: list[float], rate: float, spread: float, nmse: float, nmse_still: float
) -> None:
    """The published table: right mean rate for everybody against no change, the baseline among the visits."""
    visits = with_baseline(cohort(5000, years, rate, spread))
    assert VentricleNMSE()(visits, replicates=10).value == pytest.approx(nmse, abs=1e-4)
    unchanged = with_baseline(cohort(5000, years, rate, spread, times=0))
    assert VentricleNMSE()(unchanged, replicates=10).value == pytest.approx(nmse_still, abs=1e-4)


def test_r_of_pairs_cannot_tell_right_aging_from_fivefold_and_the_sound_numbers_can() -> None:
    right, fivefold, own = (
        cohort(3000, [2], 0.02, 0.02, made, times) for made, times in (("mean", 1), ("mean", 5), ("own", 1))
    )
    options = {"replicates": 10}
    r = [VentriclePearson()(visits, **options).value for visits in (right, fivefold)]
    # Here both sequences begin with one reading, whose noise they share: .60 instead of .58 for readings apart.
    assert r == pytest.approx([0.60, 0.61], abs=0.03)
    assert VentriclePearson()(still(right), **options).value == 0.0
    skill = [AgingSkill()(visits, **options).value for visits in (right, fivefold, own)]
    assert skill[1] < -5 < 0.4 < skill[0] < skill[2]
    bias = [AgingSlope()(visits, **options).parts["bias"].value for visits in (right, fivefold, still(right))]
    assert bias == pytest.approx([0, 8, -2], abs=0.15)
    agreement = [AgingAgreement()(visits, **options).value for visits in (right, fivefold, own)]
    assert agreement[1] < 0.15
    assert agreement[0] < agreement[2] - 0.4


def test_intervals_cover_the_truth() -> None:
    """Bias of the slope over 41 people: the share of 95 % intervals that hold it, give or take Monte Carlo error."""
    inside = 0
    for seed in range(200):
        visits = cohort(41, [2], 0.02, 0.02, times=2, seed=seed)
        error = 50 * np.log(visits["made"] / visits["real"]).to_numpy()
        low, high = subject_interval(mean, error, seed=seed, replicates=400)
        inside += low <= 2 <= high
    assert 0.88 <= inside / 200 <= 0.99


# What they refuse, and what does not matter to them.


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), factor=st.floats(0.1, 10))
def test_order_of_rows_and_unit_of_volume_do_not_matter(seed: int, factor: float) -> None:
    visits = cohort(6, [1, 2, 3], 0.03, 0.02, seed=seed)
    volumes = ["baseline", "real", "made"]
    other = visits.sample(frac=1, random_state=seed).assign(**{name: visits[name] * factor for name in volumes})
    for metric in METRICS:
        one, two = metric(visits, replicates=50), metric(other, replicates=50)
        assert two.value == pytest.approx(one.value, rel=1e-6)
        assert two.low == pytest.approx(one.low, rel=1e-6)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.record.name)
def test_bad_tables_are_refused(metric: AgingSlope) -> None:
    visits = cohort(3, [1], 0.03, 0.02)
    with pytest.raises(ValueError, match="lacks made"):
        metric(visits.drop(columns="made"))
    with pytest.raises(ValueError, match="at least one visit"):
        metric(visits.iloc[:0])
    for bad in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="follow-up of 00001"):
            metric(visits.assign(made=[20.0, bad, 20.0]))


def test_a_follow_up_before_the_baseline_has_no_rate() -> None:
    with pytest.raises(ValueError, match="after its baseline"):
        annualised(cohort(3, [0], 0.03, 0.02))


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.record.name)
def test_one_or_two_people_have_a_value_and_no_interval(metric: AgingSlope) -> None:
    found = metric(cohort(2, [1, 2], 0.03, 0.02))
    assert np.isfinite(found.value)
    assert np.isnan(found.low)
    assert np.isnan(found.high)


def test_flat_sequences_have_no_correlation() -> None:
    assert np.isnan(correlation(np.array([1.0, 2.0]), np.array([3.0, 3.0])))
    assert correlation(np.array([1.0, 2.0]), np.array([3.0, 2.0])) == -1.0
