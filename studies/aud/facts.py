"""Facts about the cohort and the run as records: groups and their sizes, what could be seen, what was planted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.statistics.effects import detectable
from pcgm_bench.statistics.matched_folds import find_levels
from pcgm_bench.studies.aud import terms
from pcgm_bench.studies.aud.comparisons import COLUMNS
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import REGIONS
from pcgm_bench.studies.aud.scoring import Scored

TRUTH, MODEL = "the truth", "a right causal model"
"""Whose counterfactuals are simulated; see `truth_power`."""


def fact_records(evidence: Evidence, scored: Scored) -> Iterator[Record]:
    """One record a fact; they belong to no row."""
    levels = find_levels(evidence.table["diagnosis"].tolist())
    groups = (("control", levels.control, scored.sizes[0]), ("patient", levels.patient, scored.sizes[1]))
    for group, level, _ in groups:
        yield Record("", RowKind.REAL, terms.LEVEL, group=group, text=level)
    for group, _, size in groups:
        yield Record("", RowKind.REAL, terms.N, size, n=size, group=group, unit="people")
    yield Record("", RowKind.REAL, terms.DETECTABLE, detectable(*scored.sizes, len(LOBES)), n=sum(scored.sizes))
    for comparison in COLUMNS.values():
        yield Record("", RowKind.REAL, terms.BOUND, comparison.bound, contrast=comparison.name)
    yield Record("", RowKind.REAL, terms.REPLICATES, scored.replicates)
    for region in REGIONS:
        if region in evidence.planted:
            yield Record("", RowKind.REAL, terms.PLANTED, evidence.planted[region], region=region, unit="%")
    yield Record("", RowKind.REAL, terms.EXPECT, text=scored.pattern.name)
    for lobe in LOBES:
        reason = "the real groups show neither a difference nor that there is none"
        percent = scored.pattern.percent[lobe]
        expected = Record("", RowKind.REAL, terms.EXPECTED, percent, region=lobe, unit="%")
        yield expected if expected.estimate is not None else replace(expected, reason=reason)
    for group, power in ((TRUTH, scored.power.of_truth), (MODEL, scored.power.of_model)):
        for (name, lobe), chance in power.chance.items():
            base = Record("", RowKind.REAL, terms.CHANCE, chance, contrast=name, region=lobe, group=group)
            yield base
            is_taken = (name, lobe) in power.decidable
            yield replace(base, metric=terms.DECIDABLE, estimate=int(is_taken), text="yes" if is_taken else "no")
