"""Simulated people of the AUD study, and what the study says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import pytest
from aud_simulation import METHOD
from aud_simulation import Simulated
from aud_simulation import simulate

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import Record
from pcgm_bench.studies.aud.study import AUDStudy


@pytest.fixture(scope="session")
def people() -> Simulated:
    return simulate(2, per_group=100, image_noise=0.003)


@pytest.fixture(scope="session")
def records(people: Simulated) -> Sequence[Record]:
    """Of all rows, the causal model fitted anew."""
    nearest = {METHOD: {"own-nearest": Estimate(1.0, 0.97, 1.0, 200)}}
    evidence = replace(people.evidence(), refitter=people.refitter, replicates=60, images=nearest)
    return AUDStudy().score(evidence)


@pytest.fixture
def table() -> pd.DataFrame:
    return simulate(3, per_group=40).table
