"""Every row of the AUD study by both rules, and as people: one `RowScores` a row, in the protocol's order."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import UserError
from pcgm_bench.statistics.matched_folds import Levels
from pcgm_bench.statistics.matched_folds import find_levels
from pcgm_bench.studies.aud.paper_rule import PaperPattern
from pcgm_bench.studies.aud.paper_rule import paper_rule
from pcgm_bench.studies.aud.pattern import AUD
from pcgm_bench.studies.aud.pattern import Pattern
from pcgm_bench.studies.aud.pattern import aud_pattern
from pcgm_bench.studies.aud.pattern import cohort_pattern
from pcgm_bench.studies.aud.pattern import expectation
from pcgm_bench.studies.aud.row_scoring import Errors
from pcgm_bench.studies.aud.row_scoring import Powers
from pcgm_bench.studies.aud.row_scoring import RowScores
from pcgm_bench.studies.aud.row_scoring import RunEvidence
from pcgm_bench.studies.aud.row_scoring import is_fitted
from pcgm_bench.studies.aud.rows import REAL
from pcgm_bench.studies.aud.same_person import change_error
from pcgm_bench.studies.aud.same_person import oracle_volumes
from pcgm_bench.studies.aud.same_person import reading_noise
from pcgm_bench.studies.aud.sample import Sample
from pcgm_bench.studies.aud.sample import sample_of
from pcgm_bench.studies.aud.sample import visits_of
from pcgm_bench.studies.aud.sound_rule import SoundScores
from pcgm_bench.studies.aud.sound_rule import sound_rule
from pcgm_bench.studies.aud.truth_power import READING

REPLICATES = 1000
REPLICATES_QUICK = 200

LEAST = 3
"""Fewest people a group that a row is scored with."""


@dataclass(frozen=True)
class Scored:
    """All rows of a run.

    Attributes:
        rows: those that were measured, in the protocol's order.
        by_row: name -> scores; without the rows that have fewer than `LEAST` measured people in a group.
        sizes: real controls and real patients that were measured.
        replicates: of the bootstrap.
        pattern: what counts as right.
        power: what this n can decide of images of the truth, and of a fitted causal model.
    """

    rows: Sequence[Row]
    by_row: Mapping[str, RowScores]
    sizes: tuple[int, int]
    replicates: int
    pattern: Pattern
    power: Powers


def score_rows(evidence: Evidence) -> Scored:
    """Score all rows of a run.

    Raises:
        UserError: there are no measurements of real scans, too few of them, the cohort has no two groups, or the
            expected pattern is not one that the study knows.
    """
    rows = [row for row in evidence.rows if any(m.row == row.name for m in evidence.measurements)]
    levels = find_levels(evidence.table["diagnosis"].tolist())
    expect = expectation(evidence.expect, evidence.table, levels, is_phantom=evidence.is_phantom)
    samples = _samples(evidence, rows, levels)
    most = REPLICATES_QUICK if evidence.quick else REPLICATES
    replicates = min(most, evidence.replicates or REPLICATES)
    scored = [row for row in rows if row.name in samples]
    sound = {row.name: _sound(row, scored, samples[row.name], evidence, replicates) for row in scored}
    is_aud = expect == AUD
    pattern = aud_pattern(evidence.planted) if is_aud else cohort_pattern(sound[REAL].effects["real"])
    truth = _errors(scored, samples, evidence.seed)
    reading = truth.reading if truth else READING
    run = RunEvidence(
        rows=scored,
        samples=samples,
        sound=sound,
        pattern=pattern,
        paper=PaperPattern() if is_aud else PaperPattern.of_real(paper_rule(samples[REAL])["real"]),
        reading=reading,
        powers=Powers.of(samples[REAL], pattern, evidence.seed, reading),
        truth=truth,
        evidence=evidence,
    )
    return Scored(
        rows=rows,
        by_row={row.name: run.score(row) for row in scored},
        sizes=_sizes(samples[REAL]),
        replicates=replicates,
        pattern=pattern,
        power=run.powers,
    )


def _samples(evidence: Evidence, rows: Sequence[Row], levels: Levels) -> dict[str, Sample]:
    """Row -> its people, for rows with enough of them in both groups."""
    if REAL not in {row.name for row in rows}:
        raise UserError("the AUD study has no measurements of the real scans: segment them first, then score")
    frames = visits_of(evidence.measurements)
    samples = {row.name: sample_of(frames, row.name, levels) for row in rows}
    if min(sizes := _sizes(samples[REAL])) < LEAST:
        raise UserError(f"the AUD study needs {LEAST} measured people a group, has {sizes[0]} and {sizes[1]}")
    return {name: sample for name, sample in samples.items() if min(_sizes(sample)) >= LEAST}


def _sizes(sample: Sample) -> tuple[int, int]:
    """Controls and patients."""
    return int((~sample.patient).sum()), int(sample.patient.sum())


def _sound(row: Row, rows: Sequence[Row], sample: Sample, evidence: Evidence, replicates: int) -> SoundScores:
    return sound_rule(
        sample,
        replicates,
        evidence.seed,
        evidence.refitter if is_fitted(row, rows) else None,
        evidence.planted,
        partial(evidence.progress, f"bootstrap {row.name}"),
    )


def _errors(rows: Sequence[Row], samples: Mapping[str, Sample], seed: int) -> Errors | None:
    """Errors to the oracle; None without an oracle.

    People with permuted labels are sent the other way than the oracle was, and have none.
    """
    oracle = next((samples[row.name] for row in rows if row.kind is RowKind.CEILING), None)
    if oracle is None:
        return None
    compared = [row for row in rows if row.kind not in (RowKind.REAL, RowKind.CEILING) and not row.asks_permuted]
    truths = {row.name: oracle_volumes(samples[row.name], oracle) for row in compared}
    return Errors(
        of={name: change_error(samples[name], truth, seed) for name, truth in truths.items()},
        noise=reading_noise(oracle.unchanged(), oracle.other_lobes),
    )
