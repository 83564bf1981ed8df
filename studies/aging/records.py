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
from pcgm_bench.studies.aging import terms
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

RANKS = {BETTER: 2, INCONCLUSIVE: 1, WORSE: 0}
"""A verdict as a number, the greater the better."""
PERSON, AGAINST = "sub-", "against "
"""Before a person, and before a row that another is compared with."""


def group_records(score: GroupScore, scorer: Scorer) -> Iterator[Record]:
    """The people of a group, and every row by both rules."""
    facts = [
        (terms.PEOPLE, float(score.people)), *zip(terms.VISITS, map(float, score.visits), strict=True),
        (terms.FOLLOW_UPS, float(score.follow_ups)),
    ]  # fmt: skip
    for metric, count in facts:
        yield _fact(score.group, metric, count, n=int(count))
    yield with_estimate(_fact(score.group, terms.REAL_RATE, unit=terms.UNIT), score.real_rate)
    yield _fact(score.group, terms.REAL_RATE_SD, score.real_rate_sd, unit=terms.UNIT)
    yield _fact(score.group, terms.TRAINING_RATE, score.training_rate, unit=terms.UNIT)
    yield _fact(score.group, terms.DETECTABLE, score.detectable_bias, unit="s.d.")
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
    bias = _of(row, group, slopes, terms.BIAS, slope.parts["bias"], "bias", f"{group}: slope bias, {terms.UNIT}")
    yield replace(bias, direction="nearest", target=0.0, n=slope.n)
    yield _of(row, group, slopes, terms.ABSOLUTE, slope, column=f"{group}: slope error, {terms.UNIT}")
    yield _of(row, group, slopes, terms.SQUARED, slope.parts["rmse"], "rmse")
    if "against_no_change" in slope.parts:
        less = _of(row, group, slopes, terms.LESS, slope.parts["against_no_change"], "against no change")
        yield replace(less, direction="")
    yield _of(row, group, skills, terms.NO_CHANGE, skill, column=f"{group}: skill against no change")
    if "against_training" in skill.parts:
        column = f"{group}: skill against training rate"
        yield _of(row, group, skills, terms.TRAINING, skill.parts["against_training"], "training", column)
    yield _of(row, group, agreements, terms.CONCORDANCE, agreement, column=f"{group}: concordance of change")
    yield _of(row, group, agreements, terms.SIGN, agreement.parts["sign"], "sign", f"{group}: sign agreement")
    rank, verdict = RANKS[score.verdict], score.verdict
    yield Record(
        row.name, row.kind, terms.VERDICT, rank, group=group, contrast=terms.VERDICT, direction="higher", text=verdict
    )  # fmt: skip
    yield Record(row.name, row.kind, terms.DROPPED, score.dropped, n=score.dropped, group=group)


def paper_records(score: PaperScore, group: str, scorer: Scorer) -> Iterator[Record]:
    """A row by the paper's rule; on the leaderboard over everybody alone (no ``group``)."""
    row, nmse, pearson = score.row, score.nmse, score.pearson
    errors, correlations = scorer.record(NMSE), scorer.record(PEARSON)
    columns = ("", "") if group else ("NMSE, everybody", "Pearson r, everybody")
    yield _of(row, group, errors, terms.NMSE, nmse, column=columns[0])
    median = Estimate(nmse.details["median"], n=nmse.n)
    yield replace(_of(row, group, errors, terms.MEDIAN, median, "median"), direction="")
    yield _of(row, group, correlations, terms.R, pearson, column=columns[1])
    two = Estimate(pearson.details["visits_2"])
    yield replace(_of(row, group, correlations, terms.TWO_VISITS, two, "2 visits"), direction="", n=int(two.value))
    if "sound" in pearson.parts:
        kept = _of(row, group, correlations, terms.LONG_R, pearson.parts["sound"], "4 visits")
        yield replace(kept, direction="")
    if pearson.note:
        warning = _of(row, group, correlations, terms.R_WARNING, Estimate(), "warning")
        yield replace(warning, direction="", text=pearson.note)


def comparison_records(comparisons: Sequence[Comparison], group: str) -> Iterator[Record]:
    """Two rows by NMSE; ``contrast`` names the second: ``against oracle``."""
    for pair in comparisons:
        test = pair.test
        numbers = zip(terms.COMPARED, (test.ratio, test.t, test.p_t, test.p, pair.p_holm), strict=True)
        for metric, value in numbers:
            rule = "paper" if metric in (terms.T, terms.P_T) else "sound"
            contrast = f"{AGAINST}{pair.second.name}"
            record = Record(pair.first.name, pair.first.kind, metric, value, n=test.n, group=group, rule=rule)
            yield replace(record, contrast=contrast)


def trajectory_records(real: pd.DataFrame, visits_of_rows: Sequence[tuple[Row, pd.DataFrame]]) -> Iterator[Record]:
    """Ventricles (mL) by age, person by person: of the real scans from the baseline on, of a row's images after it.

    ``contrast`` names the person, ``sub-001``; ``by_unit`` is the volume by age (years).
    """
    for (group, subject), visits in real.groupby(["group", "subject"], sort=True):
        ages = [float(visits["age"].iloc[0] - visits["years"].iloc[0]), *visits["age"].to_list()]
        volumes = [float(visits["baseline"].iloc[0]), *visits["real"].to_list()]
        lines: list[tuple[Row, list[float], list[float]]] = [(Row("real", RowKind.REAL), ages, volumes)]
        for row, table in visits_of_rows:
            shown = table["made"].reindex(visits.index).to_numpy(float)
            lines.append((row, ages[1:], shown.tolist()))
        for row, years, values in lines:
            if np.isfinite(values).any():
                by_age = {repr(float(age)): value for age, value in zip(years, values, strict=True)}
                record = Record(row.name, row.kind, terms.VENTRICLES, n=len(by_age), group=str(group), unit="mL")
                yield replace(record, contrast=f"{PERSON}{subject}", by_unit=by_age)
