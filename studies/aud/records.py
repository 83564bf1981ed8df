"""What the AUD study says of a row, as records: the numbers of its tables and of the leaderboard.

The paper's rule and the sound one stay apart. Lobes are columns of their own, since a mean over lobes would let a
method that shrinks too much pay for it with a lobe that shrinks too little.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.results.estimates import with_estimate
from pcgm_bench.statistics.reference_error import error_share
from pcgm_bench.statistics.reference_error import mean_of
from pcgm_bench.studies.aud import terms
from pcgm_bench.studies.aud.comparisons import CELLS
from pcgm_bench.studies.aud.comparisons import COLUMNS
from pcgm_bench.studies.aud.comparisons import COUNTED
from pcgm_bench.studies.aud.paper_rule import PaperColumn
from pcgm_bench.studies.aud.pattern import Pattern
from pcgm_bench.studies.aud.row_scoring import RowScores
from pcgm_bench.studies.aud.rows import COPY
from pcgm_bench.studies.aud.rows import REAL
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.scoring import Scored
from pcgm_bench.studies.aud.spill_over import STILL

ON_BOARD = {"2": "recovery, controls made patients", "3": "recovery, patients made controls"}
"""Columns whose recovery is on the leaderboard: the same people in both groups, so that their differences cancel."""

TARGETS = {terms.OF_REAL: 1.0, terms.OF_PLANTED: 1.0, terms.SPILL_OVER: 0.0, terms.ACHIEVED: 1.0}
"""Of metrics that are the better the nearer they come to a value."""


@dataclass(frozen=True)
class Setting:
    """What a row's records need to know beside the row.

    Attributes:
        people: real people measured.
        real_correct: the paper's count on real scans: the floor of columns that compare the diagnoses.
        unchanged: lobe -> error to the oracle of the input copied; empty without an oracle.
        planted: lobe -> true loss in per cent; empty where it is not known.
        pattern: what counts as right.
    """

    people: int
    real_correct: int
    unchanged: Mapping[str, Estimate]
    planted: Mapping[str, float]
    pattern: Pattern


def row_records(scored: Scored, planted: Mapping[str, float]) -> list[Record]:
    """All records of all rows, in the protocol's order; rows with too few people say so."""
    copied = scored.by_row.get(COPY)
    setting = Setting(
        people=sum(scored.sizes),
        real_correct=scored.by_row[REAL].paper["real"].correct,
        unchanged=copied.errors if copied else {},
        planted=planted,
        pattern=scored.pattern,
    )
    records: list[Record] = []
    for row in scored.rows:
        scores = scored.by_row.get(row.name)
        records += _of_missing(row, scored.pattern.name) if scores is None else _of_row(scores, setting)
    return records


def _of_row(scores: RowScores, setting: Setting) -> Iterator[Record]:
    left_out = Record(scores.row.name, scores.row.kind, terms.LEFT_OUT, scores.dropped, n=scores.people)
    yield replace(left_out, unit="people")
    yield from _paper(scores, setting)
    yield from _effects(scores)
    yield from _counts(scores, setting)
    yield from _error_share(scores, setting)
    if scores.nearest is not None:
        column = "own scan nearest, share"
        nearest = _record(scores, terms.OWN_NEAREST, direction="higher", unit="share", column=column)
        yield with_estimate(nearest, scores.nearest)
    yield from _recovery(scores, setting)
    for lobe, error in scores.errors.items():
        column = f"error to the oracle (rms, % of the lobe): {lobe}"
        record = _record(scores, terms.ORACLE_ERROR, region=lobe, unit="%", direction="lower", column=column)
        yield with_estimate(record, error)
    yield from _spill_over(scores)
    yield from _achieved(scores)
    yield from _verdict(scores)


def _of_missing(row: Row, expect: str) -> Iterator[Record]:
    reason = "too few people with a measurement"
    yield Record(row.name, row.kind, terms.TOO_FEW, reason=reason)
    for name in COUNTED:
        record = Record(row.name, row.kind, terms.correct(name, expect), contrast=name, rule="paper", reason=reason)
        yield replace(record, direction="higher", column=_correct_heading(name))


def _record(
    scores: RowScores,
    metric: str,
    *,
    rule: str = "sound",
    contrast: str = "",
    region: str = "",
    group: str = "",
    unit: str = "1",
    direction: str = "",
    text: str = "",
    column: str = "",
) -> Record:
    """A record of the row without its numbers."""
    row, target = scores.row, TARGETS.get(metric)
    return Record(
        row.name, row.kind, metric, rule=rule, contrast=contrast, region=region, group=group, unit=unit,
        direction=direction, target=target, text=text, column=column,
    )  # fmt: skip


def _correct_heading(name: str) -> str:
    return f"# correct of {len(LOBES)} lobes: {name}. {COLUMNS[name].title}"


def _paper(scores: RowScores, setting: Setting) -> Iterator[Record]:
    for name, column in scores.paper.items():
        base = _record(scores, terms.PAPER_P, rule="paper", contrast=name)
        for lobe in LOBES:
            yield replace(base, region=lobe, estimate=column.p[lobe], n=column.n)
            difference = replace(base, region=lobe, metric=terms.PAPER_DIFFERENCE, unit="mL")
            yield replace(difference, estimate=column.difference[lobe], n=column.n)
        yield _correct(base, column, setting)
    wrong = _record(scores, terms.WRONG_SIGNS, rule="paper", unit="lobes", direction="lower")
    yield replace(wrong, estimate=sum(len(column.wrong_sign) for column in scores.paper.values()))


def _correct(base: Record, column: PaperColumn, setting: Setting) -> Record:
    record = replace(
        base,
        metric=terms.correct(base.contrast, setting.pattern.name),
        estimate=column.correct,
        n=setting.people,
        unit="lobes",
    )
    if base.contrast not in COUNTED:  # what the real scans show is no merit of a row
        return record
    floor = setting.real_correct if COLUMNS[base.contrast].effect else None
    return replace(record, direction="higher", floor=floor, column=_correct_heading(base.contrast))


def _effects(scores: RowScores) -> Iterator[Record]:
    for name, by_lobe in scores.sound.effects.items():
        paired = scores.sound.paired.get(name, {})
        for lobe, effect in by_lobe.items():
            base = replace(_record(scores, terms.D, contrast=name, region=lobe), n=effect.n)
            yield replace(base, estimate=effect.d, low=effect.low, high=effect.high)
            for metric, value in (
                (terms.P_HOLM, effect.p_holm),
                (terms.TOST_P, effect.tost_p),
                (terms.TOST_POWER, effect.tost_power),
            ):
                yield replace(base, metric=metric, estimate=value)
            percent = replace(base, metric=terms.DIFFERENCE, unit="%", estimate=effect.percent)
            yield replace(percent, low=effect.percent_low, high=effect.percent_high)
            if lobe in paired:
                yield replace(base, metric=terms.D_Z, estimate=paired[lobe].d_z)
                yield replace(base, metric=terms.R, estimate=paired[lobe].r)
            yield replace(base, metric=terms.EFFECT_VERDICT, text=effect.verdict)
    if scores.has_model:
        is_refitted = scores.sound.refitted
        yield replace(_record(scores, terms.REFITTED, text="yes" if is_refitted else "no"), estimate=int(is_refitted))


def _counts(scores: RowScores, setting: Setting) -> Iterator[Record]:
    for name, counts in scores.counts.items():
        base = _record(scores, terms.LOBES_RIGHT, contrast=name, unit="lobes")
        yield replace(base, estimate=counts.right)
        yield replace(base, metric=terms.LOBES_INCONCLUSIVE, estimate=counts.inconclusive)
        yield replace(base, metric=terms.LOBES_WRONG, estimate=counts.wrong)
    counted = [counts for name, counts in scores.counts.items() if name in COUNTED]
    if not counted:
        return
    for metric, word, direction, total in (
        (terms.right(setting.pattern.name), "right", "higher", sum(counts.right for counts in counted)),
        (terms.wrong(setting.pattern.name), "wrong", "lower", sum(counts.wrong for counts in counted)),
    ):
        record = _record(scores, metric, unit="lobes", direction=direction, column=f"lobes {word}, of {CELLS}")
        yield replace(record, estimate=total, n=setting.people)


def _error_share(scores: RowScores, setting: Setting) -> Iterator[Record]:
    """Mean over the affected lobes of the error to the oracle over the unchanged scan's."""
    affected = [lobe for lobe in LOBES if setting.planted.get(lobe)]
    if not scores.errors or not setting.unchanged or not affected:
        return
    column = "error to the oracle, share of copy-input's"
    record = _record(scores, terms.ERROR_SHARE, direction="lower", unit="share", column=column)
    yield with_estimate(record, mean_of([_share(scores, setting, lobe) for lobe in affected]))


def _share(scores: RowScores, setting: Setting, lobe: str) -> Estimate:
    error = scores.errors[lobe]
    if scores.row.name == COPY:
        return Estimate(1.0, 1.0, 1.0, error.n)
    return error_share(error, setting.unchanged[lobe])


def _recovery(scores: RowScores, setting: Setting) -> Iterator[Record]:
    shown = terms.OF_PLANTED if setting.planted else terms.OF_REAL
    words = "of the planted loss" if setting.planted else "of the real d"
    for name, by_lobe in scores.sound.recovery.items():
        for lobe, recovery in by_lobe.items():
            for metric, ratio in ((terms.OF_REAL, recovery.of_real), (terms.OF_PLANTED, recovery.of_planted)):
                if ratio is None:
                    continue
                has_effect = bool(setting.planted) or lobe in setting.pattern.affected
                is_shown = metric == shown and name in ON_BOARD and has_effect
                column = f"{ON_BOARD[name]} ({words}): {lobe}" if is_shown else ""
                record = _record(scores, metric, contrast=name, region=lobe, direction="nearest", column=column)
                yield with_estimate(record, ratio)


def _spill_over(scores: RowScores) -> Iterator[Record]:
    for direction, by_region in scores.spill.items():
        for region, excess in by_region.items():
            heading = f"spill-over {direction} (%): {region.replace('_', ' ')}"
            column = heading if region in STILL else ""
            record = _record(
                scores, terms.SPILL_OVER, group=direction, region=region, unit="%", direction="nearest", column=column
            )
            yield with_estimate(record, excess)


def _achieved(scores: RowScores) -> Iterator[Record]:
    """What was asked of a lobe, the share of it that the images show, and what they show beyond it."""
    for lobe, achieved in scores.achieved.items():
        asked = _record(scores, terms.ASKED, region=lobe, unit="log-%")
        yield replace(asked, estimate=achieved.asked, by_unit=achieved.asked_of)
        yield replace(asked, metric=terms.SHOWN, estimate=achieved.shown, by_unit=achieved.shown_by)
        column = f"achieved over asked: {lobe}"
        ratio = _record(scores, terms.ACHIEVED, region=lobe, direction="nearest", column=column)
        yield with_estimate(ratio, achieved.ratio)
        for direction, excess in achieved.excess.items():
            yield with_estimate(_record(scores, terms.EXCESS, region=lobe, group=direction, unit="log-%"), excess)


def _verdict(scores: RowScores) -> Iterator[Record]:
    verdict = scores.verdict
    if verdict is None:
        return
    for part in scores.parts:
        record = _record(scores, terms.PART, group=part.name, region=part.region, contrast=part.contrast)
        yield replace(record, text=part.outcome.value, reason=part.reason)
    record = _record(scores, terms.VERDICT, direction="higher", text=verdict.outcome.value)
    yield replace(record, estimate=verdict.outcome.rank, reason=verdict.reason)
