"""The card of `pcgm-aligned`."""

from __future__ import annotations

from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Job

CARD = Card(
    name="pcgm-aligned",
    title="PCGM, aligned",
    version="1",
    reference="this project, after Li et al. 2025, arXiv 2509.09054",
    licence="Apache-2.0",
    jobs=frozenset({Job.COUNTERFACTUAL, Job.VOLUMES, Job.REGIONS}),
    needs_weights=True,
    trained_on="phantom people on several scanners, phantoms of real anatomies, and 24 real scans of ds002748 (CC0) "
    "and ds000011 (PDDL), each in two states (MGD); the study's own folds (PGM)",
    notes="regions: the six lobes; no guidance",
)
