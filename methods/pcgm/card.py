"""The card of PCGM."""

from __future__ import annotations

from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Job

CARD = Card(
    name="pcgm",
    title="PCGM",
    version="1",
    reference="Li et al. 2025, arXiv 2509.09054",
    licence="Apache-2.0",
    jobs=frozenset({Job.SAMPLE, Job.COUNTERFACTUAL, Job.VOLUMES, Job.REGIONS, Job.VENTRICLES}),
    needs_weights=True,
    trained_on="the 400 training controls of the phantom cohort (MGD); the study's own folds (PGM)",
    notes="regions: six lobes, moved against fluid, and the ventricles, moved against white matter and deep grey",
)
