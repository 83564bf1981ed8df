"""Runs: what the command line calls, and what a script or a scheduler may call instead."""

from pcgm_bench.runner.asks import write_asks
from pcgm_bench.runner.build import CohortRequest
from pcgm_bench.runner.flow import run
from pcgm_bench.runner.given import Given
from pcgm_bench.runner.helpers import default_workers
from pcgm_bench.runner.request import Request
from pcgm_bench.runner.scoring import Scored
from pcgm_bench.runner.single import Settings
from pcgm_bench.runner.single import counterfactual
from pcgm_bench.runner.single import fit
from pcgm_bench.runner.single import sample

__all__ = [
    "CohortRequest",
    "Given",
    "Request",
    "Scored",
    "Settings",
    "counterfactual",
    "default_workers",
    "fit",
    "run",
    "sample",
    "write_asks",
]
