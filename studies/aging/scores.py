"""What the metrics say of the rows, group by group, and which row is better than which."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.power import TTestPower

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import Metric
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import VisitMetric
from pcgm_bench.statistics.paired_ratio import PairedRatio
from pcgm_bench.statistics.paired_ratio import holm_of
from pcgm_bench.statistics.paired_ratio import paired_ratio
from pcgm_bench.statistics.visits import annualised
from pcgm_bench.statistics.visits import estimate
from pcgm_bench.statistics.visits import mean

SLOPE, SKILL, AGREEMENT = "aging-slope", "aging-skill", "aging-agreement"
NMSE, PEARSON = "ventricle-nmse", "ventricle-pearson"
METRICS = (SLOPE, SKILL, AGREEMENT, NMSE, PEARSON)
BETTER, WORSE, INCONCLUSIVE = "better", "worse", "inconclusive"


@dataclass(frozen=True)
class Scorer:
    """The metrics of the study, and how they are called.

    Attributes:
        metrics: at least `METRICS`, by name.
        seed: of the bootstrap over people.
        replicates: of the bootstrap.
    """

    metrics: Mapping[str, Metric[Any]]
    seed: int
    replicates: int

    def score(self, name: str, visits: pd.DataFrame) -> Estimate:
        """What a metric says of a table of follow-ups."""
        metric = self.metrics[name]
        if not isinstance(metric, VisitMetric):
            raise TypeError(f"the aging study calls {name!r} with a table of visits, and it is no VisitMetric")
        return metric(visits, seed=self.seed, replicates=self.replicates)

    def record(self, name: str) -> MetricRecord:
        """What a metric is."""
        return self.metrics[name].record


@dataclass(frozen=True)
class PaperScore:
    """A row by the paper's rule."""

    row: Row
    nmse: Estimate
    pearson: Estimate


@dataclass(frozen=True)
class RowScore:
    """A row in a group.

    Attributes:
        paper: by the paper's rule.
        slope: error of the yearly rate of change.
        skill: against no change, and against the rate of training people.
        agreement: of made with real change.
        dropped: people of the group without an image.
    """

    paper: PaperScore
    slope: Estimate
    skill: Estimate
    agreement: Estimate
    dropped: int

    @property
    def verdict(self) -> str:
        """By the interval of the skill against no change."""
        if self.skill.low > 0:
            return BETTER
        return WORSE if self.skill.high < 0 else INCONCLUSIVE


@dataclass(frozen=True)
class Comparison:
    """Two rows by NMSE, and the p of Wilcoxon's test after Holm's correction."""

    first: Row
    second: Row
    test: PairedRatio
    p_holm: float


@dataclass(frozen=True)
class GroupScore:
    """A group of people.

    Attributes:
        group: its name.
        people: how many.
        visits: how many people have 2, 3, and 4 or more visits, baseline included.
        follow_ups: visits after the baseline.
        real_rate: mean yearly log-change (%) of the real ventricles.
        real_rate_sd: its standard deviation over people.
        training_rate: mean rate that the folds' training people teach.
        detectable_bias: slope bias, in standard deviations of the slope error, that a paired t-test shows four times
            in five; NaN of fewer than three people.
        rows: in their order; those without an image of the group are left out.
    """

    group: str
    people: int
    visits: tuple[int, int, int]
    follow_ups: int
    real_rate: Estimate
    real_rate_sd: float
    training_rate: float
    detectable_bias: float
    rows: Sequence[RowScore]


def score_group(
    real: pd.DataFrame, visits_of_rows: Sequence[tuple[Row, pd.DataFrame]], group: str, scorer: Scorer
) -> GroupScore:
    """Score all rows in one group.

    Args:
        real: follow-ups of the real scans.
        visits_of_rows: rows with their follow-ups.
        group: which.
        scorer: metrics, seed and replicates.
    """
    own = real[real["group"] == group]
    visits = own.groupby("subject").size() + 1
    rates = annualised(own.assign(made=own["real"]))["real"].to_numpy()
    n = len(visits)
    tables = [(row, table[table["group"] == group]) for row, table in visits_of_rows]
    return GroupScore(
        group=group,
        people=n,
        visits=(int((visits == 2).sum()), int((visits == 3).sum()), int((visits >= 4).sum())),
        follow_ups=len(own),
        real_rate=estimate(mean, rates, seed=scorer.seed, replicates=scorer.replicates),
        real_rate_sd=float(np.std(rates, ddof=1)) if n > 1 else float("nan"),
        training_rate=float(own.drop_duplicates("subject")["rate"].mean()),
        detectable_bias=float(TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8)) if n > 2 else float("nan"),
        rows=[_score_row(row, table, n, scorer) for row, table in tables if len(table)],
    )


def _score_row(row: Row, visits: pd.DataFrame, people: int, scorer: Scorer) -> RowScore:
    return RowScore(
        paper=score_paper(row, visits, scorer),
        slope=scorer.score(SLOPE, visits),
        skill=scorer.score(SKILL, visits),
        agreement=scorer.score(AGREEMENT, visits),
        dropped=people - int(visits["subject"].nunique()),
    )


def score_paper(row: Row, visits: pd.DataFrame, scorer: Scorer) -> PaperScore:
    """Score a row by the paper's rule, over everybody in the table."""
    return PaperScore(row, scorer.score(NMSE, visits), scorer.score(PEARSON, visits))


def compare(scores: Sequence[PaperScore]) -> list[Comparison]:
    """Every method against every later method and every other row, on the people that both have.

    As published: paired t-test of NMSE. Sound: Wilcoxon's signed-rank test of log NMSE, which is skewed, corrected over
    all pairs.
    """
    methods = [score for score in scores if score.row.kind is RowKind.METHOD]
    others = [score for score in scores if score.row.kind is not RowKind.METHOD]
    pairs = [(first, second) for k, first in enumerate(methods) for second in [*methods[k + 1 :], *others]]
    tests = [paired_ratio(first.nmse.by_unit, second.nmse.by_unit) for first, second in pairs]
    return [
        Comparison(first.row, second.row, test, p)
        for (first, second), test, p in zip(pairs, tests, holm_of(tests), strict=True)
    ]
