"""Evidence about rows of simulated people, for parts of the verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from aud_simulation import LEVELS
from aud_simulation import Simulated

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.studies.aud.achieved import achieved_over_asked
from pcgm_bench.studies.aud.achieved import asked_by_truth
from pcgm_bench.studies.aud.pattern import Pattern
from pcgm_bench.studies.aud.pattern import aud_pattern
from pcgm_bench.studies.aud.row_evidence import RowEvidence
from pcgm_bench.studies.aud.row_scoring import Powers
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import Sample
from pcgm_bench.studies.aud.sample import sample_of
from pcgm_bench.studies.aud.sample import visits_of
from pcgm_bench.studies.aud.sound_rule import sound_rule

FEW, MANY = 12, 100
"""People a group."""


def errors_of(value: float) -> dict[str, Estimate]:
    return {lobe: Estimate(value, value, value, 20) for lobe in LOBES}


def some_of(sample: Sample, per_group: int) -> Sample:
    """The first people of each group."""
    rows = np.concatenate([np.flatnonzero(sample.patient == level)[:per_group] for level in (False, True)])
    return replace(
        sample,
        subjects=sample.subjects[rows],
        patient=sample.patient[rows],
        covariates=sample.covariates[rows],
        real=sample.real[rows],
        counterfactual=None if sample.counterfactual is None else sample.counterfactual[rows],
        people=sample.people.iloc[rows].reset_index(drop=True),
    )


def evidence_of(people: Simulated, row: str, per_group: int = MANY, pattern: Pattern | None = None) -> RowEvidence:
    """A row as a method that asked for the truth, and of which no oracle is known."""
    sample = some_of(sample_of(visits_of(people.measurements), row, LEVELS), per_group)
    pattern = pattern or aud_pattern(people.planted)
    powers = Powers.of(sample, pattern, 0)
    sound = sound_rule(sample, 60, 0)
    return RowEvidence(
        row=Row(row, RowKind.METHOD, row),
        sample=sample,
        sound=sound,
        groups=sound,
        pattern=pattern,
        power=powers.of_truth,
        change_power=powers.of_model,
        achieved=achieved_over_asked(sample, asked_by_truth(sample, aud_pattern(people.planted))),
    )
