"""The card of a cheat."""

from __future__ import annotations

from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Job

JOBS = frozenset({Job.COUNTERFACTUAL, Job.VOLUMES, Job.REGIONS})


def card(name: str, title: str, notes: str) -> Card:
    """A control that changes diagnoses and lobes, and says volumes."""
    return Card(
        name=name,
        title=title,
        version="1",
        reference="pcgm-bench",
        licence="Apache-2.0",
        jobs=JOBS,
        trained_on="the study's own folds (PGM)",
        is_control=True,
        notes=notes,
    )
