"""What a task asks SLURM for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

from pcgm_bench.runner.executors.interface import Step


@dataclass(frozen=True)
class Resources:
    """What each task asks SLURM for; empty or None: SLURM's default.

    Attributes:
        cpus_per_task: processors; the plan's number of threads. An image's bits depend on the threads.
        minutes: time limit of a task.
        memory: for example ``8GB``.
        partition: where to run.
        gpus_per_task: for all steps but the people, which need none.
        constraint: features of a node. An image's last bits depend on the processor's instruction set, so a mixed
            partition needs one, for example ``avx512``.
        account: who pays.
        options: other options of ``sbatch``, by their long names.
    """

    cpus_per_task: int = 1
    minutes: int = 240
    memory: str = "8GB"
    partition: str = ""
    gpus_per_task: int = 0
    constraint: str = ""
    account: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    def parameters(self, step: Step) -> dict[str, object]:
        """submitit's parameters of a step's tasks."""
        texts = {
            "partition": self.partition,
            "constraint": self.constraint,
            "account": self.account,
            "mem": self.memory,
        }
        return {
            "time": self.minutes,
            "cpus_per_task": self.cpus_per_task,
            # srun takes no number of processors from sbatch since SLURM 22.05.
            "srun_args": [f"--cpus-per-task={self.cpus_per_task}"],
            **{name: text for name, text in texts.items() if text},
            **({"gpus_per_task": self.gpus_per_task} if self.gpus_per_task and step is not Step.PEOPLE else {}),
            "additional_parameters": {"ntasks": "1", **self.options},
        }
