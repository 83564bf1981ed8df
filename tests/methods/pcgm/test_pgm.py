"""PGM: abduction inverts prediction, group effects come out unshrunk, the real table is described well.

The last tests need the AOMIC-PIOP2 table (OpenNeuro ds002790, CC0): set ``PCGM_BENCH_PIOP2`` to its CSV file.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
import torch
from scipy import stats

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import LOBES
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.pgm import flows
from pcgm_bench.methods.pcgm.pgm.linear import linear_counterfactuals
from pcgm_bench.methods.pcgm.pgm.model import FIVE_LOBES
from pcgm_bench.methods.pcgm.pgm.model import PGM

LOSS = dict(zip(LOBE_NAMES, (-0.045, -0.044, -0.035, 0.0, -0.049, -0.052), strict=True))
LISTED = list(LOBE_NAMES)
PIOP2 = os.environ.get("PCGM_BENCH_PIOP2", "")


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


def people(seed: int, n: int = 80, visits: int = 1, curve: float = 0.0) -> pd.DataFrame:
    """``n`` controls and ``n`` cases, four years older, with head size, sex and (curved) age effects written in."""
    rng = np.random.default_rng([seed, 1])
    case = np.repeat([0, 1], n)
    age = np.clip(rng.normal(46 + 4 * case, 12), 25, 75)
    male = rng.random(2 * n) < 0.6
    head = np.exp(rng.normal(np.log(1290) + 0.13 * male, 0.07))
    shared = 0.028 * rng.standard_normal(2 * n)
    columns = {"subject": [f"{i:03d}" for i in range(2 * n)], "age": age, "sex": np.where(male, "M", "F")}
    table = pd.DataFrame(columns | {"diagnosis": np.where(case, "AUD", "control"), "head_size": head})
    for k, lobe in enumerate(LOBE_NAMES):
        log = 4 + 0.85 * np.log(head / 1290) - 0.004 * (age - 48) + case * np.log1p(LOSS[lobe])
        log -= curve * np.tanh((age - 55) / 4)
        table[lobe] = np.exp(log + shared + (0.04 + 0.004 * k) * rng.standard_normal(2 * n))
    if visits > 1:
        later = table.loc[table.index.repeat(visits)].reset_index(drop=True)
        later[LISTED] *= np.exp(0.015 * rng.standard_normal((len(later), len(LISTED))))
        return later
    return table


def shift(pgm: PGM, table: pd.DataFrame) -> np.ndarray:
    """Mean log change that the model makes when controls become cases, and cases controls (sign turned)."""
    controls, cases = (table[table["diagnosis"] == d] for d in ("control", "AUD"))
    to = np.log(pgm.counterfactual(controls, {"diagnosis": "AUD"})[LISTED] / controls[LISTED]).mean()
    back = np.log(pgm.counterfactual(cases, {"diagnosis": "control"})[LISTED] / cases[LISTED]).mean()
    return ((to - back) / 2).to_numpy()


@pytest.fixture(scope="module")
def curved() -> pd.DataFrame:
    return people(3, n=120, curve=0.12)


@pytest.fixture(scope="module", params=["affine", "spline", "fast"])
def fitted(request: pytest.FixtureRequest, curved: pd.DataFrame) -> PGM:
    if request.param == "fast":
        return PGM.fit(curved, 0, kind="linear")
    return PGM.fit(curved, 0, transform=request.param)


def test_prediction_inverts_abduction(fitted: PGM, curved: pd.DataFrame) -> None:
    volumes = fitted.predict(fitted.abduct(curved), curved)
    np.testing.assert_allclose(volumes, curved[LISTED], rtol=1e-9)


def test_network_is_used_where_the_truth_is_curved(curved: pd.DataFrame) -> None:
    model, linear = PGM.fit(curved, 0), PGM.fit(curved, 0, kind="linear")
    assert model.about["steps"] > 0
    unseen = people(4, n=120, curve=0.12)
    assert model.log_prob(unseen).mean() > linear.log_prob(unseen).mean() + 0.1


def test_network_is_not_used_where_the_truth_is_linear() -> None:
    table = people(0)
    model, linear = PGM.fit(table, 0), PGM.fit(table, 0, kind="linear")
    assert model.about["steps"] == 0
    np.testing.assert_allclose(model.log_prob(table), linear.log_prob(table), rtol=1e-12)


def test_null_intervention_changes_nothing(fitted: PGM, curved: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(fitted.counterfactual(curved, {}), curved)
    same = fitted.counterfactual(curved, {"diagnosis": curved["diagnosis"].to_numpy()})
    np.testing.assert_array_equal(same[LISTED], curved[LISTED])


def test_counterfactual_is_reversible_and_effective(fitted: PGM, curved: pd.DataFrame) -> None:
    controls = curved[curved["diagnosis"] == "control"]
    there = fitted.counterfactual(controls, {"diagnosis": "AUD"})
    assert (there["diagnosis"] == "AUD").all()
    assert (there["age"] == controls["age"]).all()
    back = fitted.counterfactual(there, {"diagnosis": "control"})
    np.testing.assert_allclose(back[LISTED], controls[LISTED], rtol=1e-9)


def test_fast_is_the_textbook_regression() -> None:
    table = people(1)
    model = PGM.fit(table, kind="linear")
    data = table.assign(y=np.log(table["frontal"]), h=np.log(table["head_size"]), case=table["diagnosis"] == "AUD")
    fit = smf.ols("y ~ age + I(age**2) + sex + h + case", data).fit()
    np.testing.assert_allclose(shift(model, table)[0], fit.params["case[T.True]"], rtol=1e-6)
    u = model.abduct(table)[:, 0]
    np.testing.assert_allclose(u, fit.resid / np.sqrt(fit.scale), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("visits", [1, 3])
@pytest.mark.parametrize("do", [{"diagnosis": "AUD"}, {"age": 70.0}, {"sex": "M", "head_size": 1400.0}])
def test_the_closed_form_for_bootstraps_is_the_fast_model(visits: int, do: dict[str, object]) -> None:
    table = people(5, 40, visits)
    asked = table.iloc[3::5]
    checked = PGM.fit(table, 0, kind="linear").counterfactual(asked, do)[LISTED].to_numpy()
    np.testing.assert_allclose(linear_counterfactuals(table, asked, [do] * len(asked), LISTED), checked, rtol=1e-8)


def test_the_closed_form_for_bootstraps_refuses_what_it_has_not_seen() -> None:
    table = people(6, 20)
    men = table[table["sex"] == "M"]
    for do, word in (({"diagnosis": "HIV"}, "HIV"), ({"weight": 70.0}, "weight"), ({"sex": "F"}, "sex 'F'")):
        with pytest.raises(UserError, match=word):
            linear_counterfactuals(men, table, [do] * len(table), LISTED)


def test_the_closed_form_for_bootstraps_survives_a_sample_of_one_sex() -> None:
    table = people(6, 20)
    men = table[table["sex"] == "M"]
    answers = linear_counterfactuals(men, table, [{"diagnosis": "AUD"}] * len(table), LISTED)
    shift = np.log(answers / table[LISTED].to_numpy())[(table["diagnosis"] == "control").to_numpy()]
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0], shift.shape), atol=1e-12)


def test_group_effect_of_the_closed_form_is_not_biased() -> None:
    planted = np.log1p([LOSS[k] for k in LOBE_NAMES])
    errors = [shift(PGM.fit(t, kind="linear"), t) - planted for t in (people(seed) for seed in range(10, 40))]
    error = np.std(errors, 0, ddof=1) / np.sqrt(len(errors))
    assert (np.abs(np.mean(errors, 0)) < 3.5 * error).all()
    assert (error < 0.003).all()


@pytest.mark.parametrize("transform", ["affine", "spline"])
def test_training_does_not_shrink_a_group_effect(transform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cases lose 30 % and are older, the age effect is curved; the network has weight decay, the effect has not."""
    monkeypatch.setattr(flows, "hold_out", lambda *_: flows.HeldOut(60, 1.0, 0.1))
    errors = []
    for seed in range(3):
        table = people(seed + 50, curve=0.12)
        table.loc[table["diagnosis"] == "AUD", LISTED] *= 0.7
        model = PGM.fit(table, seed, transform=transform)
        assert model.about["steps"] == 60
        errors.append(shift(model, table) - np.log(0.7) - np.log1p([LOSS[k] for k in LOBE_NAMES]))
    # One cohort's estimate has an s.d. of about 0.01.
    assert np.abs(np.mean(errors, 0)).max() < 0.025


def test_repeated_visits_do_not_count_as_people() -> None:
    table = people(2, n=40)
    extra = pd.concat([table, *[table[table["subject"] == "000"]] * 30], ignore_index=True)
    once, often = PGM.fit(table, kind="linear"), PGM.fit(extra, kind="linear")
    np.testing.assert_allclose(shift(often, table), shift(once, table), rtol=1e-8)
    counted = PGM.fit(extra, kind="linear", weights=np.ones(len(extra)))
    assert np.abs(shift(counted, table) - shift(once, table)).max() > 1e-4


def test_sample_keeps_the_correlation_between_lobes() -> None:
    table = people(5, n=120)
    model = PGM.fit(table, kind="linear")
    many = table.loc[table.index.repeat(20)].reset_index(drop=True)
    drawn = model.sample(many, seed=1)
    pd.testing.assert_frame_equal(drawn, model.sample(many, seed=1))
    u = model.abduct(pd.concat([many[["age", "sex", "diagnosis", "head_size"]], drawn], axis=1))
    np.testing.assert_allclose(np.corrcoef(u, rowvar=False), model.copula, atol=0.06)
    assert model.log_prob(table, joint=True).mean() > model.log_prob(table).mean() + 0.1


def test_same_seed_same_model_and_state_round_trip(fitted: PGM, curved: pd.DataFrame, tmp_path: Path) -> None:
    again = PGM.fit(curved, 0, transform=fitted.about["transform"], kind="auto" if fitted.about["steps"] else "linear")
    np.testing.assert_array_equal(again.abduct(curved), fitted.abduct(curved))
    fitted.save(tmp_path)
    loaded = PGM.load(tmp_path)
    do = {"diagnosis": "AUD", "age": 60.0}
    pd.testing.assert_frame_equal(loaded.counterfactual(curved, do), fitted.counterfactual(curved, do))
    np.testing.assert_array_equal(loaded.sample(curved, 3), fitted.sample(curved, 3))


def test_five_lobes_leave_the_occipital_alone() -> None:
    table = people(6)
    model = PGM.fit(table, kind="linear", lobes=FIVE_LOBES)
    changed = model.counterfactual(table, {"diagnosis": "AUD"})
    np.testing.assert_array_equal(changed["occipital"], table["occipital"])
    assert model.predict(model.abduct(table), table).columns.tolist() == list(FIVE_LOBES)


def test_head_size_stays_unless_asked() -> None:
    table = people(7)
    women = table[table["sex"] == "F"]
    model = PGM.fit(table, kind="linear")
    direct = model.counterfactual(women, {"sex": "M"})
    total = model.counterfactual(women, {"sex": "M"}, mediated=True)
    assert (direct["head_size"] == women["head_size"]).all()
    men = table.loc[table["sex"] == "M", "head_size"]
    assert np.log(total["head_size"]).mean() == pytest.approx(np.log(men).mean(), abs=0.02)
    assert (total["frontal"] / direct["frontal"]).mean() == pytest.approx(np.exp(0.85 * 0.13), abs=0.03)


def test_one_row_as_a_mapping() -> None:
    table = people(8)
    model = PGM.fit(table, kind="linear")
    row = table.iloc[3]
    one = model.counterfactual(dict(row), {"diagnosis": "AUD"})
    whole = model.counterfactual(table, {"diagnosis": "AUD"})
    np.testing.assert_allclose(one[LISTED].iloc[0].astype(float), whole[LISTED].iloc[3].astype(float))


def test_fit_is_quick() -> None:
    table = people(9, n=165)
    start = time.process_time()
    PGM.fit(table, kind="linear")
    assert time.process_time() - start < 0.2


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"diagnosis": "flu"}, "'flu' was not in"),
        ({"sex": "female"}, "write F or M"),
        ({"age": float("nan")}, "age"),
        ({"head_size": -3.0}, "head_size"),
        ({"weight": 70.0}, "weight"),
    ],
)
def test_bad_interventions_are_refused(change: dict[str, object], word: str) -> None:
    table = people(0, n=20)
    model = PGM.fit(table, kind="linear")
    with pytest.raises(UserError, match=word):
        model.counterfactual(table, change)


def test_bad_tables_are_refused(tmp_path: Path) -> None:
    table = people(0, n=20)
    with pytest.raises(UserError, match="head_size"):
        PGM.fit(table.drop(columns="head_size"))
    with pytest.raises(UserError, match=r"subject 003.*insula"):
        PGM.fit(table.assign(insula=table["insula"].where(table.index != 3)))
    with pytest.raises(UserError, match="too few"):
        PGM.fit(table.iloc[[0, 1, 2, 20, 21, 22]])
    with pytest.raises(UserError, match="only 1 person"):
        PGM.fit(table.iloc[:21])
    with pytest.raises(UserError, match="transform"):
        PGM.fit(table, transform="cubic")
    with pytest.raises(UserError, match="no PGM here"):
        PGM.load(tmp_path)


# --- the real table --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def piop2() -> pd.DataFrame:
    if not PIOP2:
        pytest.skip("PIOP2 NOT TESTED: set PCGM_BENCH_PIOP2 to the table of AOMIC-PIOP2 volumes (OpenNeuro ds002790)")
    raw = pd.read_csv(PIOP2)
    columns = {"subject": raw["participant_id"], "age": raw["age"], "sex": raw["sex"], "diagnosis": "control"}
    table = pd.DataFrame(columns | {"head_size": raw["EstimatedTotalIntraCranialVol"] / 1000})
    for lobe, regions in LOBES.items():
        table[lobe] = raw[[f"{side}_{r}_volume" for side in ("lh", "rh") for r in regions]].sum(axis=1) / 1000
    return table.dropna().reset_index(drop=True)


def held_out(table: pd.DataFrame) -> pd.DataFrame:
    """Five folds: held-out log-likelihood a person of each model, and the flow's u."""
    fold = np.random.default_rng(10).permutation(len(table)) % 5
    models = {"affine": {}, "spline": {"transform": "spline"}, "fast": {"kind": "linear"}}
    out = pd.DataFrame(index=table.index)
    for k in range(5):
        train, test = table[fold != k], table[fold == k]
        data = [f.assign(h=np.log(f["head_size"])) for f in (train, test)]
        reference = np.zeros(len(test))
        for lobe in LOBE_NAMES:
            fit = smf.ols(f"np.log({lobe}) ~ age + sex + h", data[0]).fit()
            scale = np.sqrt(fit.scale)
            reference += stats.norm.logpdf(np.log(test[lobe]), fit.predict(data[1]), scale)
        out.loc[test.index, "linear-Gaussian"] = reference
        for name, options in models.items():
            model = PGM.fit(train, 0, **options)
            out.loc[test.index, name] = model.log_prob(test)
            out.loc[test.index, f"{name} joint"] = model.log_prob(test, joint=True)
            out.loc[test.index, [f"{name} u {lobe}" for lobe in LOBE_NAMES]] = model.abduct(test)
    return out


def test_piop2_likelihood_and_calibration(piop2: pd.DataFrame) -> None:
    scores = held_out(piop2)
    means = scores[[c for c in scores if " u " not in c]].mean()
    print(f"\nPIOP2, {len(piop2)} people, held-out nats a person:\n{means.round(3).to_string()}")
    for name in ("affine", "spline"):
        gain = scores[name] - scores["linear-Gaussian"]
        error = gain.std() / np.sqrt(len(gain))
        p = {k: float(stats.kstest(scores[f"{name} u {k}"], "norm").pvalue) for k in LOBE_NAMES}
        listed = ", ".join(f"{k} {v:.2f}" for k, v in p.items())
        print(f"{name}: gain {gain.mean():+.4f} +- {error:.4f}; KS p: {listed}")
        assert gain.mean() > -max(2 * error, 0.02)
        assert min(p.values()) > 0.05 / len(p)


def test_piop2_sex_intervention(piop2: pd.DataFrame) -> None:
    model = PGM.fit(piop2, 0)
    women, men = (piop2[piop2["sex"] == s] for s in "FM")
    print("\nPIOP2, women made men, % (observed difference in brackets): at their head size; with a man's head size")
    for lobe in LOBE_NAMES:
        data = piop2.assign(h=np.log(piop2["head_size"]))
        adjusted = smf.ols(f"np.log({lobe}) ~ age + sex + h", data).fit()
        answers = [model.counterfactual(women, {"sex": "M"}, mediated=m)[lobe] for m in (False, True)]
        direct, total = (float(np.log(a / women[lobe]).mean()) for a in answers)
        raw = float(np.log(men[lobe]).mean() - np.log(women[lobe]).mean())
        seen, error = adjusted.params["sex[T.M]"], adjusted.bse["sex[T.M]"]
        print(f"{lobe}: {100 * direct:+.2f} ({100 * seen:+.2f}); {100 * total:+.2f} ({100 * raw:+.2f})")
        assert abs(direct - seen) < error
        assert abs(total - raw) < error
