"""Several processes that train one network together, through `accelerate`: one GPU each, or CPU cores.

Every process draws the whole batch of a step, which depends on the seed and the step alone, and works on its own share
of it; gradients are averaged before the optimiser's step. So the number of processes changes nothing but the order of
sums. Start them with `launch`, or with ``accelerate launch``; without either there is one process, and `accelerate` is
not even imported.
"""

from __future__ import annotations

import dataclasses
import os
import socket
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from multiprocessing.connection import wait
from multiprocessing.queues import SimpleQueue
from typing import TYPE_CHECKING
from typing import Any

import torch
from torch import Tensor
from torch import nn

from pcgm_bench.contracts import UserError
from pcgm_bench.process import WatchedContext

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclasses.dataclass(frozen=True)
class Processes:
    """This process among those that train together.

    Attributes:
        rank: number of this process, from 0; only rank 0 writes files.
        count: processes.
        accelerator: what moves tensors between them; None for a process of its own.
    """

    rank: int = 0
    count: int = 1
    accelerator: Accelerator | None = None

    @property
    def is_main(self) -> bool:
        """Whether this process writes checkpoints, logs and messages."""
        return self.rank == 0

    def device(self, asked: str) -> str:
        """The device of this process: its own GPU where several GPUs are used."""
        return asked if self.accelerator is None else str(self.accelerator.device)

    def share(self, batch: Tensor) -> Tensor:
        """The items of a batch ``(B, ...)`` that this process works on, ``(B / count, ...)``.

        Raises:
            UserError: the batch cannot be divided evenly.
        """
        if self.count == 1:
            return batch
        if len(batch) % self.count:
            raise UserError(f"a batch of {len(batch)} cannot be shared by {self.count} processes: change either")
        size = len(batch) // self.count
        return batch[self.rank * size : (self.rank + 1) * size]

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its mean over the processes; one message for all."""
        if self.accelerator is None:
            return
        kept = [parameter for parameter in parameters if parameter.requires_grad]
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in kept]
        flat = torch.cat([grad.reshape(-1) for grad in grads])
        mean = self.accelerator.reduce(flat, reduction="mean")
        for parameter, part in zip(kept, mean.split([grad.numel() for grad in grads]), strict=True):
            parameter.grad = part.view(parameter.shape)

    def mean(self, values: Sequence[float]) -> list[float]:
        """Means over the processes of a few numbers."""
        if self.accelerator is None:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float32, device=self.accelerator.device)
        return [float(value) for value in self.accelerator.reduce(tensor, reduction="mean")]

    def agree(self, value: float) -> float:
        """Rank 0's value, for all: clocks differ."""
        if self.accelerator is None:
            return value
        from accelerate.utils import broadcast

        return float(broadcast(torch.tensor([value], dtype=torch.float64, device=self.accelerator.device))[0])

    def wait(self) -> None:
        """Return when all processes are here."""
        if self.accelerator is not None:
            self.accelerator.wait_for_everyone()


def world(device: str) -> Processes:
    """This process among the others, as the launcher's environment says (``WORLD_SIZE``); alone without a launcher."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Processes()
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=torch.device(device).type == "cpu")
    return Processes(accelerator.process_index, accelerator.num_processes, accelerator)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _enter(
    rank: int,
    environment: dict[str, str],
    function: Callable[..., None],
    arguments: tuple[Any, ...],
    failures: SimpleQueue[str],
) -> None:
    """First function of a started process."""
    os.environ.update(environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
    try:
        function(*arguments)
    except BaseException as error:
        failures.put(f"{type(error).__name__}: {' '.join(str(error).split())}")
        os._exit(1)  # the others wait for it in a sum: the parent ends them
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def launch(function: Callable[..., None], arguments: tuple[Any, ...], processes: int, device: str) -> None:
    """Call ``function(*arguments)`` in this process, or in several new ones that find each other by `world`.

    Args:
        function: of a module, so that a new process can import it; leaves its results in files.
        arguments: sent to the new processes; large arrays are better named by their file.
        processes: how many; 1 calls the function here.
        device: ``cpu``, or ``cuda`` for one GPU a process.

    Raises:
        UserError: more processes than GPUs.
        RuntimeError: one of the processes failed; says what it said, or by which signal it was killed.
    """
    if processes == 1:
        function(*arguments)
        return
    on_cpu = torch.device(device).type == "cpu"
    if not on_cpu and processes > torch.cuda.device_count():
        raise UserError(f"{processes} processes need as many GPUs; there are {torch.cuda.device_count()}")
    environment = {
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "ACCELERATE_USE_CPU": str(on_cpu).lower(),
    }
    # Watched, so that none of them trains on when this process is killed.
    context = WatchedContext()
    failures: SimpleQueue[str] = context.SimpleQueue()
    started = []
    try:
        for rank in range(processes):
            process = context.Process(target=_enter, args=(rank, environment, function, arguments, failures))
            process.start()
            started.append(process)
        waiting = list(started)
        while waiting and not any(process.exitcode for process in started):
            wait([process.sentinel for process in waiting])
            waiting = [process for process in started if process.exitcode is None]
        if failed := [process for process in started if process.exitcode]:
            code = failed[0].exitcode
            said = "" if failures.empty() else failures.get()
            raise RuntimeError(said or f"training process {failed[0].pid} ended with code {code}")
    finally:
        for process in started:
            process.kill()
            process.join()
