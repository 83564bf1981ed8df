"""Every row of the AUD study by both rules, and as people: one `RowScores` a row, in the protocol's order."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from functools import partial

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import UserError
from pcgm_bench.statistics.matched_folds import find_levels
from pcgm_bench.studies.aud.comparisons import UNAFFECTED
from pcgm_bench.studies.aud.paper_rule import PaperColumn
from pcgm_bench.studies.aud.paper_rule import paper_rule
from pcgm_bench.studies.aud.rows import COPY
from pcgm_bench.studies.aud.rows import REAL
from pcgm_bench.studies.aud.same_person import SamePerson
from pcgm_bench.studies.aud.same_person import oracle_error
from pcgm_bench.studies.aud.same_person import same_person
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import Sample
from pcgm_bench.studies.aud.sample import sample_of
from pcgm_bench.studies.aud.sample import visits_of
from pcgm_bench.studies.aud.sound_rule import SoundScores
from pcgm_bench.studies.aud.sound_rule import sound_rule
from pcgm_bench.studies.aud.spill_over import spill_over
from pcgm_bench.studies.aud.terms import OWN_NEAREST

REPLICATES = 1000
REPLICATES_QUICK = 200

LEAST = 3
"""Fewest people a group that a row is scored with."""


@dataclass(frozen=True)
class RowScores:
    """What the study says of one row.

    Attributes:
        row: which one.
        dropped: people left out for want of a measurement.
        people: people that took part.
        paper: column -> the paper's rule.
        sound: the sound rule.
        has_model: whether a causal model that was fitted stands behind the row.
        errors: lobe -> error to the oracle; empty without an oracle.
        spill: direction -> region -> change achieved minus asked; empty for real scans.
        nearest: share of images whose nearest factual scan is the person's own; None without images.
        person: whether it shows the same people; None for real scans.
    """

    row: Row
    dropped: int
    people: int
    paper: Mapping[str, PaperColumn]
    sound: SoundScores
    has_model: bool = False
    errors: Mapping[str, Estimate] = field(default_factory=dict)
    spill: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    nearest: Estimate | None = None
    person: SamePerson | None = None

    @property
    def verdict(self) -> str:
        """One word for the row by the sound rule: ``fail``, ``inconclusive`` or ``pass``; empty for real scans.

        ``fail``: a cell of the five columns is wrong, or the people are not the same. ``inconclusive``: nothing is
        wrong, but not all of it is shown.
        """
        if self.person is None:
            return ""
        counts = [count for column, count in self.sound.counts.items() if column != "real"]
        if any(count.wrong for count in counts) or not self.person.passed:
            return "fail"
        return "inconclusive" if any(count.inconclusive for count in counts) else "pass"


@dataclass(frozen=True)
class Scored:
    """All rows of a run.

    Attributes:
        rows: those that were measured, in the protocol's order.
        by_row: name -> scores; without the rows that have fewer than `LEAST` measured people in a group.
        sizes: real controls and real patients that were measured.
        replicates: of the bootstrap.
    """

    rows: Sequence[Row]
    by_row: Mapping[str, RowScores]
    sizes: tuple[int, int]
    replicates: int


def score_rows(evidence: Evidence) -> Scored:
    """Score all rows of a run.

    Raises:
        UserError: there are no measurements of real scans, too few of them, or the cohort has no two groups.
    """
    rows = [row for row in evidence.rows if any(m.row == row.name for m in evidence.measurements)]
    samples = _samples(evidence, rows)
    most = REPLICATES_QUICK if evidence.quick else REPLICATES
    replicates = min(most, evidence.replicates or REPLICATES)
    scored = [row for row in rows if row.name in samples]
    errors = _errors(scored, samples, evidence.seed)
    return Scored(
        rows=rows,
        by_row={row.name: _score(row, scored, samples, errors, evidence, replicates) for row in scored},
        sizes=_sizes(samples[REAL]),
        replicates=replicates,
    )


def affected_lobes(planted: Mapping[str, float]) -> list[str]:
    """Lobes that the diagnosis changes: those with a planted loss, or all but one where that is not known."""
    return [lobe for lobe in LOBES if (planted.get(lobe) if planted else lobe != UNAFFECTED)]


def _samples(evidence: Evidence, rows: Sequence[Row]) -> dict[str, Sample]:
    """Row -> its people, for rows with enough of them in both groups."""
    if REAL not in {row.name for row in rows}:
        raise UserError("the AUD study has no measurements of the real scans: segment them first, then score")
    levels = find_levels(evidence.table["diagnosis"].tolist())
    frames = visits_of(evidence.measurements)
    samples = {row.name: sample_of(frames, row.name, levels) for row in rows}
    if min(sizes := _sizes(samples[REAL])) < LEAST:
        raise UserError(f"the AUD study needs {LEAST} measured people a group, has {sizes[0]} and {sizes[1]}")
    return {name: sample for name, sample in samples.items() if min(_sizes(sample)) >= LEAST}


def _sizes(sample: Sample) -> tuple[int, int]:
    """Controls and patients."""
    return int((~sample.patient).sum()), int(sample.patient.sum())


def _errors(rows: Sequence[Row], samples: Mapping[str, Sample], seed: int) -> dict[str, dict[str, Estimate]]:
    """Row -> error to the oracle, where there is an oracle.

    People with permuted labels are sent the other way than the oracle was, and have none.
    """
    oracle = next((samples[row.name] for row in rows if row.kind is RowKind.CEILING), None)
    if oracle is None:
        return {}
    compared = [row for row in rows if row.kind not in (RowKind.REAL, RowKind.CEILING) and not row.asks_permuted]
    return {row.name: oracle_error(samples[row.name], oracle, seed) for row in compared}


def _score(
    row: Row,
    rows: Sequence[Row],
    samples: Mapping[str, Sample],
    errors: Mapping[str, Mapping[str, Estimate]],
    evidence: Evidence,
    replicates: int,
) -> RowScores:
    sample = samples[row.name]
    volumes = next((samples[other.name] for other in rows if other.kind is RowKind.VOLUMES), None)
    is_fitted = (row.kind is RowKind.METHOD and volumes is not None) or row.kind is RowKind.VOLUMES or row.asks_permuted
    sound = sound_rule(
        sample,
        replicates,
        evidence.seed,
        evidence.refitter if is_fitted else None,
        evidence.planted,
        partial(evidence.progress, f"bootstrap {row.name}"),
    )
    paper = paper_rule(sample)
    people = len(sample.patient)
    if row.kind is RowKind.REAL:
        return RowScores(row, sample.dropped, people, paper, sound)
    nearest = evidence.images.get(row.name, {}).get(OWN_NEAREST)
    affected = affected_lobes(evidence.planted)
    mine = errors.get(row.name)
    return RowScores(
        row=row,
        dropped=sample.dropped,
        people=people,
        paper=paper,
        sound=sound,
        has_model=is_fitted or row.kind is RowKind.PERMUTED,
        errors=mine or {},
        spill=spill_over(sample, volumes if row.kind is RowKind.METHOD else None),
        nearest=nearest,
        person=same_person(sound.paired, mine, errors.get(COPY), affected, nearest),
    )
