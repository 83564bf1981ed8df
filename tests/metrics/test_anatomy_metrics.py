"""Regional volumes of made brains against real ones: Cohen's d by two rules, Wasserstein distance, QC gate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pingouin
import pytest
from scipy.stats import wasserstein_distance

from pcgm_bench.anatomy import DK_REGIONS
from pcgm_bench.contracts import VolumeTables
from pcgm_bench.metrics.cohens_d import CohensD
from pcgm_bench.metrics.cohens_d import PaperCohensD
from pcgm_bench.metrics.qc_gate import QCGate
from pcgm_bench.metrics.regions_wasserstein import RegionsWasserstein


def brains(n: int, seed: int, shift: float = 0.0, spread: float = 1.0, head: float = 1400.0) -> pd.DataFrame:
    """Volumes in proportion to head size, with noise; ``shift`` in s.d. of that noise."""
    rng = np.random.default_rng(seed)
    size = rng.normal(head, 100, n)
    table = {"subject": [f"{i:03d}" for i in range(n)], "head_size": size, "qc": rng.uniform(0.7, 1, n)}
    table |= {"age": rng.uniform(20, 80, n), "sex": rng.choice(["F", "M"], n)}
    for k, region in enumerate(DK_REGIONS):
        mean = 2.0 + 0.1 * k
        own = spread * rng.standard_normal(n) + shift
        for side in ("lh", "rh"):
            table[f"{side}-{region}"] = mean * (size / 1400) + 0.1 * mean * own
    return pd.DataFrame(table)


def test_d_without_covariates_is_pingouins() -> None:
    real, made = brains(60, 0), brains(50, 1, shift=0.4)
    same = [table.assign(head_size=1400.0, age=np.nan, sex="") for table in (real, made)]
    found = CohensD()(*same)
    for region in ("insula", "precuneus"):
        x, y = (table[[f"lh-{region}", f"rh-{region}"]].mean(axis=1) for table in (made, real))
        assert found.parts[region].value == pytest.approx(pingouin.compute_effsize(x, y, eftype="cohen"), abs=1e-6)


def test_head_size_is_taken_out() -> None:
    real, made = brains(200, 0), brains(200, 1, head=1500.0)
    assert CohensD()(real, made).value < 0.25  # bigger heads, in proportion: no difference


def test_sound_and_paper_rule_part_where_heads_differ() -> None:
    real, made = brains(200, 0), brains(200, 1, shift=-0.5, head=1200.0)
    # The pooled line takes a part of the difference with it.
    assert abs(PaperCohensD()(real, made).value) < CohensD()(real, made).value


def test_intervals_of_d_cover_a_known_shift() -> None:
    """Of a region, and of the mean, for which the true d is near its expected value: all shifts are far from 0."""
    draws, options = 120, {"replicates": 150}
    found = [CohensD()(brains(50, 2 * k, 0.0), brains(50, 2 * k + 1, 0.6), **options) for k in range(draws)]
    ends = np.array([[[one.parts[name].low, one.parts[name].high] for name in DK_REGIONS] for one in found])
    # 120 draws of 34 independent regions know a share to a third of a per cent.
    assert 0.92 <= ((ends[..., 0] <= 0.6) & (ends[..., 1] >= 0.6)).mean() <= 0.97
    values, low, high = np.array([[one.value, one.low, one.high] for one in found]).T
    assert values.mean() == pytest.approx(0.6, abs=0.02)
    assert 0.90 <= ((low <= values.mean()) & (values.mean() <= high)).mean() <= 0.99  # known to 2 %
    assert (high - low).mean() / 2 == pytest.approx(1.96 * values.std(), rel=0.2)


def test_d_of_two_samples_of_one_population_is_near_its_floor() -> None:
    null = CohensD()(brains(100, 90), brains(100, 91))
    assert null.value == pytest.approx(0.8 * np.sqrt(2 / 100), rel=0.25)
    assert null.details["floor"] == pytest.approx(0.8 * np.sqrt(2 / 100), rel=0.1)


def test_wasserstein_sees_a_collapsed_spread_that_d_does_not() -> None:
    real, collapsed = brains(100, 0), brains(100, 1, spread=0.1)
    floor = RegionsWasserstein()(real, brains(100, 2)).value
    assert RegionsWasserstein()(real, collapsed).value > 3 * floor
    assert CohensD()(real, collapsed).value < 0.4


def test_wasserstein_is_scipys_on_residuals() -> None:
    real, made = brains(40, 0).assign(head_size=1400.0), brains(40, 1, 1.0).assign(head_size=1400.0)
    real, made = (table.assign(age=np.nan, sex="") for table in (real, made))
    found = RegionsWasserstein()(real, made).value
    sums = []
    for region in DK_REGIONS:
        x, y = (table[[f"lh-{region}", f"rh-{region}"]].mean(axis=1) for table in (real, made))
        sums.append(wasserstein_distance(x / x.std(ddof=1), y / x.std(ddof=1)))
    assert found == pytest.approx(np.mean(sums), rel=0.03)


@pytest.mark.parametrize("metric", [CohensD, PaperCohensD, RegionsWasserstein])
@pytest.mark.parametrize("side", ["real", "made"])
@pytest.mark.parametrize("column", ["rh-insula", "head_size"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_volume_that_is_no_number_is_named(metric: type, side: str, column: str, value: float) -> None:
    tables = {"real": brains(12, 0), "made": brains(12, 1)}
    tables[side].loc[[4, 7], column] = value
    with pytest.raises(ValueError, match=f"{column} of subject 004 is {value}, not mL .2 of 12 images"):
        metric()(tables["real"], tables["made"])
    nameless = {name: table.drop(columns="subject") for name, table in tables.items()}
    with pytest.raises(ValueError, match=f"{column} of row 4 is {value}"):
        metric()(nameless["real"], nameless["made"])


@pytest.mark.parametrize("metric", [CohensD, PaperCohensD, RegionsWasserstein])
def test_too_few_images_or_people_are_refused(metric: type) -> None:
    real, made = brains(12, 0), brains(12, 1)
    with pytest.raises(ValueError, match=r"needs several people of a kind, has 12 images of one"):
        metric()(real, made.assign(subject="001"))
    with pytest.raises(ValueError, match=r"needs (5|10) images of a kind, has 4"):
        metric()(real, made[:4])
    with pytest.raises(ValueError, match="lacks head_size"):
        metric()(real.drop(columns="head_size"), made)


def test_qc_gate() -> None:
    real, made = brains(40, 0), brains(40, 1)
    good = QCGate()(real, made)
    assert (good.value, good.details["passed"]) == (1.0, 1.0)
    made.loc[:9, "qc"] = 0.2
    bad = QCGate()(real, made)
    assert (bad.value, bad.details["passed"]) == (0.75, 0.0)
    assert bad.low < 0.75 < bad.high
    assert bad.parts["qc"].value == 0.75
    assert "FreeSurfer" not in bad.note


def test_qc_gate_judges_no_score_without_a_name_or_a_threshold() -> None:
    real, made = brains(40, 0), brains(40, 1)
    nameless, euler = (QCGate()(real, made, score=name) for name in ("", "Euler number"))
    assert np.isnan([nameless.value, euler.value]).all()
    assert "nobody says whose" in nameless.reason
    assert euler.reason.startswith("Euler number has no accepted threshold")
    given = QCGate()(real, made, score="Euler number", threshold=0.75)
    assert (given.value, given.details["threshold"]) == (pytest.approx((made["qc"] >= 0.75).mean()), 0.75)


def test_qc_gate_takes_score_and_threshold_from_its_input_and_says_so() -> None:
    real, made = brains(40, 0), brains(40, 1)
    made.loc[:9, "qc"] = 0.2
    synthseg = VolumeTables(real, made, "SynthSeg QC")
    assert QCGate().measure(synthseg).value == 0.75
    assert QCGate().settings(synthseg) == QCGate().measure(synthseg).note == "SynthSeg QC >= 0.65"
    lenient = VolumeTables(real, made, "SynthSeg QC", 0.1)
    assert QCGate().measure(lenient).value == 1.0
    assert QCGate().settings(lenient) == "SynthSeg QC >= 0.1"
    assert QCGate().measure(VolumeTables(real, made)).reason
    assert CohensD().settings(synthseg) == ""
