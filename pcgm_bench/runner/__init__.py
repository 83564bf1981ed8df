"""Runs: what the command line calls, and what a script or a scheduler may call instead."""

from pcgm_bench.runner.executors.local import default_workers
from pcgm_bench.runner.interventions_csv import write_interventions
from pcgm_bench.runner.one_off import Person
from pcgm_bench.runner.one_off import counterfactual
from pcgm_bench.runner.one_off import fit
from pcgm_bench.runner.one_off import sample
from pcgm_bench.runner.request import ImageFolder
from pcgm_bench.runner.request import MethodRequest
from pcgm_bench.runner.request import RunRequest
from pcgm_bench.runner.run import RunResult
from pcgm_bench.runner.run import run

__all__ = [
    "ImageFolder",
    "MethodRequest",
    "Person",
    "RunRequest",
    "RunResult",
    "counterfactual",
    "default_workers",
    "fit",
    "run",
    "sample",
    "write_interventions",
]
