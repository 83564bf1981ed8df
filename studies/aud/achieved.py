"""Achieved over asked: do the images show the volumes that were asked for? On every cohort, real ones included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

import numpy as np
from scipy import stats

from pcgm_bench.contracts import Estimate
from pcgm_bench.statistics.fieller import fieller_ratio
from pcgm_bench.statistics.t_interval import mean_of
from pcgm_bench.studies.aud.pattern import Pattern
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import Sample
from pcgm_bench.studies.aud.truth_power import READING

LEAST_RATIO, MOST_RATIO = 0.8, 1.25
"""A lobe's achieved over asked must lie between these with its whole interval. Half and double are far outside; the
segmenter itself over- or under-reads by up to .1; 20 people a group show a ratio to about .1."""

MEASURABLE = 2.0
"""Least change asked for, in log-per cent: of less, 20 people a group show no ratio to better than a quarter."""

STAY = 1.0
"""A lobe that is asked to change by less than `MEASURABLE` may be off by this, in log-per cent, with its whole
interval: a quarter of the planted effects, a third of the published ones."""

LEAST_CHANCE = 0.8
"""Chance that exact images are shown to be right, below which a lobe is beyond these people."""

DIRECTIONS = ("to patient", "to control")


@dataclass(frozen=True)
class Achieved:
    """One lobe: what was asked and what the images show; changes in log-per cent, towards the patients.

    Attributes:
        asked: mean change asked for of controls made patients, less that of patients made controls, halved.
        shown: the same of the change that the images show.
        ratio: achieved over asked, both directions together; without an estimate where too little was asked.
        excess: direction -> achieved minus asked, mean over people.
        chance: that images which do exactly what is asked are shown to be right, at this n and the usual reading error.
        asked_of: person -> change asked of them, in their own direction.
        shown_by: person -> change that their image shows.
    """

    asked: float
    shown: float
    ratio: Estimate
    excess: Mapping[str, Estimate]
    chance: float
    asked_of: Mapping[str, float] = field(default_factory=dict)
    shown_by: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_measurable(self) -> bool:
        """Whether enough was asked for a ratio."""
        return abs(self.asked) >= MEASURABLE


def asked_by_model(sample: Sample, volumes: Sample) -> np.ndarray:
    """``(n, 6)`` log-change that a causal model asked of each person; NaN where it does not say."""
    place = {subject: i for i, subject in enumerate(volumes.subjects)}
    asked = np.full_like(sample.lobes, np.nan)
    for i, subject in enumerate(sample.subjects):
        if subject in place:
            asked[i] = np.log(volumes.other_lobes[place[subject]] / sample.lobes[i])
    return asked


def asked_by_truth(sample: Sample, pattern: Pattern) -> np.ndarray:
    """``(n, 6)`` log-change that the diagnosis makes in truth, one way for controls and back for patients."""
    return np.where(sample.patient[:, None], -1.0, 1.0) * pattern.log_change


def achieved_over_asked(sample: Sample, asked: np.ndarray) -> dict[str, Achieved]:
    """Every lobe of a row with images; lobes that were asked of fewer than two people a direction are left out."""
    shown = 100 * np.log(sample.other_lobes / sample.lobes)
    wanted = 100 * asked
    known = np.isfinite(shown) & np.isfinite(wanted)
    result = {}
    for k, lobe in enumerate(LOBES):
        sides = [known[:, k] & ~sample.patient, known[:, k] & sample.patient]
        if min(int(side.sum()) for side in sides) >= 2:
            achieved = _achieved([(shown[side, k], wanted[side, k]) for side in sides])
            people = sample.subjects[known[:, k]]
            result[lobe] = replace(
                achieved,
                asked_of=dict(zip(people, wanted[known[:, k], k], strict=True)),
                shown_by=dict(zip(people, shown[known[:, k], k], strict=True)),
            )
    return result


def _achieved(sides: list[tuple[np.ndarray, np.ndarray]]) -> Achieved:
    (done_up, asked_up), (done_back, asked_back) = sides
    asked = float(asked_up.mean() - asked_back.mean()) / 2
    done = float(done_up.mean() - done_back.mean()) / 2
    spread = np.sum([np.cov(done, wanted) / len(done) for done, wanted in sides], axis=0) / 4
    n = len(done_up) + len(done_back)
    ratio = Estimate(n=n, reason=f"asked to change by less than {MEASURABLE:g} %")
    if abs(asked) >= MEASURABLE:
        ratio = fieller_ratio(done, asked, spread[0, 0], spread[1, 1], spread[0, 1], n - 2, n)
    excess = {name: _mean(done - wanted) for name, (done, wanted) in zip(DIRECTIONS, sides, strict=True)}
    return Achieved(asked, done, ratio, excess, _chance(asked, len(done_up), len(done_back)))


def _mean(values: np.ndarray) -> Estimate:
    mean = mean_of(values)
    return Estimate(mean.value, mean.low, mean.high, mean.n)


def _chance(asked: float, n_up: int, n_back: int) -> float:
    """Chance that exact images pass, each reading off by `READING`: of the ratio, or of both directions that stay."""
    one = 100 * np.sqrt(2) * READING
    if abs(asked) >= MEASURABLE:
        se = one * np.sqrt(1 / n_up + 1 / n_back) / 2 / abs(asked)
        half = stats.t.ppf(0.975, n_up + n_back - 2) * se
        return _inside(LEAST_RATIO - 1 + half, MOST_RATIO - 1 - half, se)
    chances = [
        _inside(-STAY + half, STAY - half, se)
        for n in (n_up, n_back)
        for se in (one / np.sqrt(n),)
        for half in (stats.t.ppf(0.975, n - 1) * se,)
    ]
    return float(np.prod(chances))


def _inside(low: float, high: float, se: float) -> float:
    return float(max(stats.norm.cdf(high / se) - stats.norm.cdf(low / se), 0.0))
