"""One row of the AUD study, beside everything that it is held against: its scores by both rules, and its verdict."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.verdict import Verdict
from pcgm_bench.results.verdict import VerdictPart
from pcgm_bench.studies.aud.achieved import Achieved
from pcgm_bench.studies.aud.achieved import achieved_over_asked
from pcgm_bench.studies.aud.achieved import asked_by_model
from pcgm_bench.studies.aud.achieved import asked_by_truth
from pcgm_bench.studies.aud.paper_rule import PaperColumn
from pcgm_bench.studies.aud.paper_rule import PaperPattern
from pcgm_bench.studies.aud.paper_rule import paper_rule
from pcgm_bench.studies.aud.pattern import NO_EFFECT
from pcgm_bench.studies.aud.pattern import Pattern
from pcgm_bench.studies.aud.pattern import aud_pattern
from pcgm_bench.studies.aud.row_evidence import RowEvidence
from pcgm_bench.studies.aud.rows import COPY
from pcgm_bench.studies.aud.same_person import change_error
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import Sample
from pcgm_bench.studies.aud.sound_rule import Counts
from pcgm_bench.studies.aud.sound_rule import SoundScores
from pcgm_bench.studies.aud.sound_rule import counts_of
from pcgm_bench.studies.aud.spill_over import spill_over
from pcgm_bench.studies.aud.terms import OWN_NEAREST
from pcgm_bench.studies.aud.truth_power import READING
from pcgm_bench.studies.aud.truth_power import TruthPower
from pcgm_bench.studies.aud.truth_power import truth_power
from pcgm_bench.studies.aud.verdict import parts_of


@dataclass(frozen=True)
class RowScores:
    """What the study says of one row.

    Attributes:
        row: which one.
        dropped: people left out for want of a measurement.
        people: people that took part.
        paper: column -> the paper's rule.
        sound: the sound rule.
        counts: column -> lobes right, inconclusive and wrong by it.
        has_model: whether a causal model that was fitted stands behind the row.
        errors: lobe -> error to the oracle; empty without an oracle.
        spill: direction -> region -> change achieved minus asked; empty for real scans.
        nearest: share of images whose nearest factual scan is the person's own; None without images.
        achieved: lobe -> achieved over asked; empty where nothing was asked, or no image made.
        parts: of the verdict, in order; none for real scans.
    """

    row: Row
    dropped: int
    people: int
    paper: Mapping[str, PaperColumn]
    sound: SoundScores
    counts: Mapping[str, Counts]
    has_model: bool = False
    errors: Mapping[str, Estimate] = field(default_factory=dict)
    spill: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    nearest: Estimate | None = None
    achieved: Mapping[str, Achieved] = field(default_factory=dict)
    parts: Sequence[VerdictPart] = ()

    @property
    def verdict(self) -> Verdict | None:
        """Of the parts together; None for real scans."""
        return Verdict.of(self.parts) if self.parts else None


@dataclass(frozen=True)
class Powers:
    """What this n can decide, where the truth makes the counterfactuals and where a causal model is fitted first."""

    of_truth: TruthPower
    of_model: TruthPower

    @classmethod
    def of(cls, sample: Sample, pattern: Pattern, seed: int, reading: np.ndarray | float = READING) -> Powers:
        """Simulate both; for the arguments see `truth_power`."""
        return cls(*(truth_power(sample, pattern, seed, reading, is_fitted=is_fitted) for is_fitted in (False, True)))


def is_fitted(row: Row, rows: Sequence[Row]) -> bool:
    """Whether the row's causal model can be fitted anew."""
    says_volumes = any(other.kind is RowKind.VOLUMES for other in rows)
    return (row.kind is RowKind.METHOD and says_volumes) or row.kind is RowKind.VOLUMES or row.asks_permuted


@dataclass(frozen=True)
class Errors:
    """How far rows are from the oracle.

    Attributes:
        of: row -> lobe -> error to the oracle.
        noise: lobe -> what reading alone adds to it, in per cent.
    """

    of: Mapping[str, Mapping[str, Estimate]]
    noise: Mapping[str, float]

    @property
    def reading(self) -> np.ndarray:
        """``(6,)`` log-s.d. of one reading of each lobe: two readings are in the noise."""
        return np.array([self.noise[lobe] for lobe in LOBES]) / 100 / np.sqrt(2)


@dataclass(frozen=True)
class RunEvidence:
    """All rows of a run on their way to scores.

    Attributes:
        rows: those with enough people.
        samples: row -> its people.
        sound: row -> the sound rule.
        pattern: what counts as right.
        paper: the same for the paper's count.
        powers: what this n can decide.
        reading: log-s.d. of one reading of each lobe: the cohort's own where it has an oracle.
        truth: errors to the oracle; None without one.
        evidence: of the run.
    """

    rows: Sequence[Row]
    samples: Mapping[str, Sample]
    sound: Mapping[str, SoundScores]
    pattern: Pattern
    paper: PaperPattern
    reading: np.ndarray | float
    powers: Powers
    truth: Errors | None
    evidence: Evidence

    def score(self, row: Row) -> RowScores:
        """One row by both rules, and its verdict."""
        sample, sound = self.samples[row.name], self.sound[row.name]
        paper, people = paper_rule(sample, self.paper), len(sample.patient)
        pattern = NO_EFFECT if row.asks_permuted else self.pattern
        counts = counts_of(sound, pattern)
        if row.kind is RowKind.REAL:
            return RowScores(row, sample.dropped, people, paper, sound, counts)
        has_model = is_fitted(row, self.rows) or row.kind is RowKind.PERMUTED
        facts = self._facts(row, pattern, has_model=has_model)
        model = self._model_behind(row)
        return RowScores(
            row=row,
            dropped=sample.dropped,
            people=people,
            paper=paper,
            sound=sound,
            counts=counts,
            has_model=has_model,
            errors=self._errors_of(row),
            spill=spill_over(sample, self.samples[model.name] if model else None, self.evidence.planted),
            nearest=facts.nearest,
            achieved=facts.achieved,
            parts=parts_of(facts),
        )

    def _of_kind(self, kind: RowKind) -> Row | None:
        return next((row for row in self.rows if row.kind is kind), None)

    def _model_behind(self, row: Row) -> Row | None:
        """The causal model whose volumes a method's images were to have; None for other rows."""
        return self._of_kind(RowKind.VOLUMES) if row.kind is RowKind.METHOD else None

    def _errors_of(self, row: Row) -> Mapping[str, Estimate]:
        return self.truth.of.get(row.name, {}) if self.truth else {}

    def _facts(self, row: Row, pattern: Pattern, *, has_model: bool) -> RowEvidence:
        sample, seed = self.samples[row.name], self.evidence.seed
        model = self._model_behind(row)
        asked = self._asked(row) if row.makes_images else None
        errors, unchanged = self._errors_of(row), self.truth.of.get(COPY, {}) if self.truth else {}
        has_truth = bool(errors and unchanged)
        if not has_truth and asked is not None:
            wanted = sample.lobes * np.exp(asked)
            errors = change_error(sample, wanted, seed)
            unchanged = change_error(sample.unchanged(), wanted, seed)
        powers = Powers.of(sample, pattern, seed, self.reading) if row.asks_permuted else self.powers
        images = self.evidence.images
        ceiling = self._of_kind(RowKind.CEILING)
        return RowEvidence(
            row=row,
            sample=sample,
            sound=self.sound[row.name],
            groups=self.sound[(model or row).name],
            pattern=pattern,
            power=powers.of_model if has_model else powers.of_truth,
            change_power=powers.of_model,
            achieved={} if asked is None else achieved_over_asked(sample, asked),
            errors=errors,
            unchanged=unchanged,
            noise=self.truth.noise if has_truth and self.truth else {},
            has_truth=has_truth,
            nearest=images.get(row.name, {}).get(OWN_NEAREST),
            images=images.get(row.name, {}),
            ceiling={} if ceiling is None else images.get(ceiling.name, {}),
        )

    def _asked(self, row: Row) -> np.ndarray | None:
        """``(n, 6)`` log-change that was asked of a row's images; None where nobody says.

        A method answers for what its causal model asked, a control for what the run's model did; where there is no
        model, and for the oracle, the planted truth was asked for.
        """
        sample, volumes = self.samples[row.name], self._of_kind(RowKind.VOLUMES)
        if volumes is not None and row.kind is not RowKind.CEILING:
            return asked_by_model(sample, self.samples[volumes.name])
        return asked_by_truth(sample, aud_pattern(self.evidence.planted)) if self.evidence.planted else None
