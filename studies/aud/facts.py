"""Facts about the cohort and the run as records: groups and their sizes, what could be seen, what was planted."""

from __future__ import annotations

from collections.abc import Iterator

from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.statistics.effects import detectable
from pcgm_bench.statistics.matched_folds import find_levels
from pcgm_bench.studies.aud import terms
from pcgm_bench.studies.aud.comparisons import COLUMNS
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.scoring import Scored


def fact_records(evidence: Evidence, scored: Scored) -> Iterator[Record]:
    """One record a fact; they belong to no row."""
    levels = find_levels(evidence.table["diagnosis"].tolist())
    groups = (("control", levels.control, scored.sizes[0]), ("patient", levels.patient, scored.sizes[1]))
    for group, level, _ in groups:
        yield Record("", RowKind.REAL, terms.LEVEL, group=group, text=level)
    for group, _, size in groups:
        yield Record("", RowKind.REAL, terms.N, size, n=size, group=group, unit="people")
    yield Record("", RowKind.REAL, terms.DETECTABLE, detectable(*scored.sizes, len(LOBES)), n=sum(scored.sizes))
    for name, column in COLUMNS.items():
        yield Record("", RowKind.REAL, terms.BOUND, column.bound, contrast=name)
    yield Record("", RowKind.REAL, terms.REPLICATES, scored.replicates)
    for lobe in LOBES:
        if lobe in evidence.planted:
            yield Record("", RowKind.REAL, terms.PLANTED, evidence.planted[lobe], region=lobe, unit="%")
