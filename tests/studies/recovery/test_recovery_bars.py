"""The bars of a region's verdict in the recovery study: a row just inside passes, one just outside does not.

Bars are written out as the documents say them, and not imported: a bar that moves must fail here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pcgm_bench.studies.recovery.region_scores import RegionScore
from pcgm_bench.studies.recovery.region_scores import score_region
from pcgm_bench.studies.recovery.responses import MEASURED
from pcgm_bench.studies.recovery.responses import Responses

DOSES = (-10.0, -5.0, 5.0, 10.0)
"""Log-per cent asked for."""
NULLS = 4
Answer = Callable[[np.ndarray], np.ndarray]


def answered(
    region: str, doses: tuple[float, ...] = DOSES, *, bias: float = 0.0, **answers: Answer | float
) -> Responses:
    """Images without noise: a region answers a dose by a share of it, or by a function of it; others stay."""
    asked = np.array([*doses, *[0.0] * NULLS])
    regions = np.array([region] * len(doses) + [""] * NULLS)
    changes = np.zeros((len(asked), len(MEASURED)))
    for name, answer in answers.items():
        changes[:, MEASURED.index(name)] = answer(asked) if callable(answer) else answer * asked
    changes[:, MEASURED.index(region)] += bias
    keys = tuple((f"{k:03d}", "01", str(regions[k]), float(np.exp(asked[k] / 100))) for k in range(len(asked)))
    return Responses(keys, regions, asked, np.full_like(changes, 100.0), changes)


def verdicts(score: RegionScore) -> dict[str, str]:
    assert score.fit is not None
    return dict(score.fit.verdicts)


@pytest.mark.parametrize(
    ("slope", "verdict"),
    [(0.89, "wrong"), (0.91, "right"), (1.0, "right"), (1.09, "right"), (1.11, "wrong"), (-1.0, "wrong")],
)
def test_a_slope_lies_between_nine_and_eleven_tenths(slope: float, verdict: str) -> None:
    score = score_region(answered("frontal", frontal=slope), "frontal", None)
    assert verdicts(score) == {"slope": verdict, "bias": "right", "spill": "right"}
    assert score.fit is not None
    assert score.fit.line.slope == pytest.approx(slope)


@pytest.mark.parametrize(("bias", "verdict"), [(0.99, "right"), (-0.99, "right"), (1.01, "wrong"), (-1.01, "wrong")])
def test_where_nothing_is_asked_a_region_moves_by_one_per_cent_at_most(bias: float, verdict: str) -> None:
    score = score_region(answered("frontal", bias=bias, frontal=1.0), "frontal", None)
    assert verdicts(score) == {"slope": "right", "bias": verdict, "spill": "right"}


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.099, "right"), (-0.099, "right"), (0.101, "wrong"), (-0.101, "wrong")]
)
def test_another_region_moves_by_one_per_cent_of_ten_at_most(share: float, verdict: str) -> None:
    score = score_region(answered("frontal", frontal=1.0, insula=share), "frontal", None)
    assert verdicts(score) == {"slope": "right", "bias": "right", "spill": verdict}
    assert score.fit is not None
    assert score.fit.spill["insula"].value == pytest.approx(10 * share)


@pytest.mark.parametrize(("share", "verdict"), [(0.599, "right"), (0.601, "wrong"), (0.401, "right"), (0.399, "wrong")])
def test_spill_over_is_that_beyond_the_oracle_s(share: float, verdict: str) -> None:
    truth = answered("frontal", frontal=1.0, insula=0.5).changes
    score = score_region(answered("frontal", frontal=1.0, insula=share), "frontal", truth)
    assert verdicts(score)["spill"] == verdict


@pytest.mark.parametrize(("region", "verdict"), [("ventricles", "right"), ("frontal", "wrong")])
def test_white_matter_gives_way_to_ventricles_and_to_nothing_else(region: str, verdict: str) -> None:
    score = score_region(answered(region, **{region: 1.0}, white_matter=-0.2), region, None)
    assert verdicts(score)["spill"] == verdict


@pytest.mark.parametrize(
    ("doses", "has_line"), [((-5.0, 5.0), False), ((-5.0, 5.0, 10.0), True), ((5.0, 5.0, 5.0, 5.0), False)]
)
def test_a_line_needs_three_images_at_two_doses(doses: tuple[float, ...], has_line: bool) -> None:
    score = score_region(answered("frontal", doses, frontal=1.0), "frontal", None)
    assert (score.fit is not None) == has_line
    assert score.n == len(doses)


@pytest.mark.parametrize(("off", "verdict"), [(0.99, "inconclusive"), (1.01, "wrong")])
def test_an_image_that_is_no_nearer_to_the_request_than_the_scan_is_wrong(off: float, verdict: str) -> None:
    """Off by a share of the dose in turns: the slope is 1 on average, and not known well."""
    doses = (*DOSES, *DOSES)
    signs = np.array([1.0] * len(DOSES) + [-1.0] * len(DOSES) + [0.0] * NULLS)
    answers = answered("frontal", doses, frontal=lambda asked: asked * (1 + off * signs))
    assert verdicts(score_region(answers, "frontal", None))["slope"] == verdict


@pytest.mark.parametrize(
    ("reads", "mine", "verdict"),
    [(0.91, 0.95, "right"), (0.89, 0.89 * 0.91, "right"), (0.89, 0.89 * 0.89, "wrong"), (1.11, 1.11 * 1.09, "right")],
)
def test_a_row_is_held_to_the_oracle_s_reading_where_that_is_outside_the_bounds(
    reads: float, mine: float, verdict: str
) -> None:
    truth = answered("frontal", frontal=reads).changes
    score = score_region(answered("frontal", frontal=mine), "frontal", truth)
    assert verdicts(score)["slope"] == verdict
    assert score.fit is not None
    assert score.fit.by_oracle == (not 0.9 <= reads <= 1.1)
