"""The scores of the aging study as records; ``contrast`` is the heading of a number in the tables."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.estimates import directed
from pcgm_bench.results.estimates import with_estimate
from pcgm_bench.studies.aging.scores import AGREEMENT
from pcgm_bench.studies.aging.scores import BETTER
from pcgm_bench.studies.aging.scores import INCONCLUSIVE
from pcgm_bench.studies.aging.scores import NMSE
from pcgm_bench.studies.aging.scores import PEARSON
from pcgm_bench.studies.aging.scores import SKILL
from pcgm_bench.studies.aging.scores import SLOPE
from pcgm_bench.studies.aging.scores import WORSE
from pcgm_bench.studies.aging.scores import Comparison
from pcgm_bench.studies.aging.scores import GroupScore
from pcgm_bench.studies.aging.scores import PaperScore
from pcgm_bench.studies.aging.scores import RowScore
from pcgm_bench.studies.aging.scores import Scorer

UNIT = "log-% / year"
EVERYBODY = "everybody"
"""What the tables call people of all groups; their records have no group."""
RANKS = {BETTER: 2, INCONCLUSIVE: 1, WORSE: 0}
BIAS, ABSOLUTE, SQUARED, LESS = "slope bias", "mean absolute", "root mean square", "mean absolute less no change's"
NO_CHANGE, TRAINING = "skill: no change", "skill: training rate"
CONCORDANCE, SIGN, VERDICT = "concordance", "same sign", "against no change"
PAPER_NMSE, PAPER_R, MEDIAN, TWO_VISITS, LONG_R = (
    "NMSE",
    "r",
    "NMSE, median",
    "r, of whom 2 visits",
    "r, 4 visits or more",
)
R_WARNING = "r, warning"
PEOPLE, VISITS, FOLLOW_UPS = "people", ("2 visits", "3 visits", "4 or more visits"), "follow-ups"
REAL_RATE, REAL_RATE_SD, TRAINING_RATE = "real slope", "real slope s.d.", "training slope"
DETECTABLE = "detectable slope bias"
DROPPED = "people without an image"
RATIO, T, P_T, P, P_HOLM = "NMSE ratio", "t (paper)", "p (paper)", "p (Wilcoxon)", "p (Holm)"
COMPARED = (RATIO, T, P_T, P, P_HOLM)
VENTRICLES = "ventricles"
OWN = "own scan nearest"


def group_records(score: GroupScore, scorer: Scorer) -> Iterator[Record]:
    """The people of a group, and every row by both rules."""
    facts = [
        (PEOPLE, float(score.people)), *zip(VISITS, map(float, score.visits), strict=True),
        (FOLLOW_UPS, float(score.follow_ups)),
    ]  # fmt: skip
    for metric, count in facts:
        yield _fact(score.group, metric, count, n=int(count))
    yield with_estimate(_fact(score.group, REAL_RATE, unit=UNIT), score.real_rate)
    yield _fact(score.group, REAL_RATE_SD, score.real_rate_sd, unit=UNIT)
    yield _fact(score.group, TRAINING_RATE, score.training_rate, unit=UNIT)
    yield _fact(score.group, DETECTABLE, score.detectable_bias, unit="s.d.")
    for row in score.rows:
        yield from _sound_records(row, score.group, scorer)
        yield from paper_records(row.paper, score.group, scorer)


def _fact(group: str, metric: str, value: float | None = None, n: int | None = None, unit: str = "1") -> Record:
    return Record("", RowKind.REAL, metric, value, n=n, group=group, unit=unit)


def _of(
    row: Row, group: str, metric: MetricRecord, heading: str, estimate: Estimate, part: str = "", column: str = ""
) -> Record:
    """What a metric, or a part of what it says, is in a group."""
    identity = f"{metric.name}-{metric.version}" + (f" {part}" if part else "")
    record = Record(row.name, row.kind, identity, group=group, contrast=heading, unit=metric.unit, column=column)
    return directed(with_estimate(record, estimate), metric)


def _sound_records(score: RowScore, group: str, scorer: Scorer) -> Iterator[Record]:
    row, slope, skill, agreement = score.paper.row, score.slope, score.skill, score.agreement
    slopes, skills, agreements = (scorer.record(name) for name in (SLOPE, SKILL, AGREEMENT))
    bias = _of(row, group, slopes, BIAS, slope.parts["bias"], "bias", f"{group}: slope bias, {UNIT}")
    yield replace(bias, direction="nearest", target=0.0, n=slope.n)
    yield _of(row, group, slopes, ABSOLUTE, slope, column=f"{group}: slope error, {UNIT}")
    yield _of(row, group, slopes, SQUARED, slope.parts["rmse"], "rmse")
    if "against_no_change" in slope.parts:
        less = _of(row, group, slopes, LESS, slope.parts["against_no_change"], "against no change")
        yield replace(less, direction="")
    yield _of(row, group, skills, NO_CHANGE, skill, column=f"{group}: skill against no change")
    if "against_training" in skill.parts:
        column = f"{group}: skill against training rate"
        yield _of(row, group, skills, TRAINING, skill.parts["against_training"], "training", column)
    yield _of(row, group, agreements, CONCORDANCE, agreement, column=f"{group}: concordance of change")
    yield _of(row, group, agreements, SIGN, agreement.parts["sign"], "sign", f"{group}: sign agreement")
    rank, verdict = RANKS[score.verdict], score.verdict
    yield Record(
        row.name, row.kind, VERDICT, rank, group=group, contrast=VERDICT, direction="higher", text=verdict
    )  # fmt: skip
    yield Record(row.name, row.kind, DROPPED, score.dropped, n=score.dropped, group=group)


def paper_records(score: PaperScore, group: str, scorer: Scorer) -> Iterator[Record]:
    """A row by the paper's rule; on the leaderboard over everybody alone (no ``group``)."""
    row, nmse, pearson = score.row, score.nmse, score.pearson
    errors, correlations = scorer.record(NMSE), scorer.record(PEARSON)
    columns = ("", "") if group else ("NMSE, everybody", "Pearson r, everybody")
    yield _of(row, group, errors, PAPER_NMSE, nmse, column=columns[0])
    median = Estimate(nmse.details["median"], n=nmse.n)
    yield replace(_of(row, group, errors, MEDIAN, median, "median"), direction="")
    yield _of(row, group, correlations, PAPER_R, pearson, column=columns[1])
    two = Estimate(pearson.details["visits_2"])
    yield replace(_of(row, group, correlations, TWO_VISITS, two, "2 visits"), direction="", n=int(two.value))
    if "sound" in pearson.parts:
        kept = _of(row, group, correlations, LONG_R, pearson.parts["sound"], "4 visits")
        yield replace(kept, direction="")
    if pearson.note:
        warning = _of(row, group, correlations, R_WARNING, Estimate(), "warning")
        yield replace(warning, direction="", text=pearson.note)


def comparison_records(comparisons: Sequence[Comparison], group: str) -> Iterator[Record]:
    """Two rows by NMSE: ``row`` against ``contrast``."""
    for pair in comparisons:
        test = pair.test
        numbers = zip(COMPARED, (test.ratio, test.t, test.p_t, test.p, pair.p_holm), strict=True)
        for metric, value in numbers:
            yield Record(
                pair.first.name, pair.first.kind, metric, value, n=test.n, group=group, contrast=pair.second.name,
                rule="paper" if metric in (T, P_T) else "sound",
            )  # fmt: skip


def trajectory_records(real: pd.DataFrame, made: Sequence[tuple[Row, pd.DataFrame]]) -> Iterator[Record]:
    """Ventricles (mL) by age, person by person: of the real scans from the baseline on, of a row's images after it.

    ``contrast`` is the person, ``by_unit`` the volume by age (years).
    """
    for (group, subject), visits in real.groupby(["group", "subject"], sort=True):
        ages = [float(visits["age"].iloc[0] - visits["years"].iloc[0]), *visits["age"].to_list()]
        volumes = [float(visits["baseline"].iloc[0]), *visits["real"].to_list()]
        lines: list[tuple[Row, list[float], list[float]]] = [(Row("real", RowKind.REAL), ages, volumes)]
        for row, table in made:
            shown = table["made"].reindex(visits.index).to_numpy(float)
            lines.append((row, ages[1:], shown.tolist()))
        for row, years, values in lines:
            if np.isfinite(values).any():
                by_age = {repr(float(age)): value for age, value in zip(years, values, strict=True)}
                yield Record(
                    row.name, row.kind, VENTRICLES, n=len(by_age), group=str(group), contrast=str(subject), unit="mL",
                    by_unit=by_age,
                )  # fmt: skip
