"""The card of a cheat."""

from __future__ import annotations

from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Job
from pcgm_bench.methods.controls.fold import card as control_card

JOBS = frozenset({Job.COUNTERFACTUAL, Job.VOLUMES, Job.REGIONS})


def card(name: str, title: str, notes: str) -> Card:
    """A control that changes diagnoses and lobes, and says volumes."""
    return control_card(name, title, notes, JOBS, trained_on="the study's own folds (PGM)")
