"""Who makes the steps of a run: an interface, jobs of SLURM, and shares for any other scheduler."""

from pcgm_bench.runner.executors.interface import DoStep
from pcgm_bench.runner.executors.interface import Executor
from pcgm_bench.runner.executors.interface import Missing
from pcgm_bench.runner.executors.interface import Step
from pcgm_bench.runner.executors.interface import Task
from pcgm_bench.runner.executors.shard import do_shard
from pcgm_bench.runner.executors.shard import parse_shard
from pcgm_bench.runner.executors.slurm import SlurmExecutor
from pcgm_bench.runner.executors.slurm_resources import Resources

__all__ = [
    "DoStep",
    "Executor",
    "Missing",
    "Resources",
    "SlurmExecutor",
    "Step",
    "Task",
    "do_shard",
    "parse_shard",
]
