"""The library submitit, which writes batch scripts, calls ``sbatch`` and starts a function in the job."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pcgm_bench.contracts import UserError

if TYPE_CHECKING:
    from submitit import Executor as SubmititExecutor


def open_submitit(folder: Path) -> SubmititExecutor:
    """submitit's executor for SLURM.

    Raises:
        UserError: there is no SLURM here.
    """
    import submitit

    try:
        return submitit.SlurmExecutor(folder)
    except RuntimeError as error:
        raise UserError(f"--executor slurm: {error}; give the command on a machine that submits jobs") from error


@contextlib.contextmanager
def outside_job() -> Iterator[None]:
    """Hide the variables of the job that this process runs in, if it does: new jobs would take over its resources."""
    if "SLURM_JOB_ID" not in os.environ:
        yield
        return
    from submitit.helpers import clean_env

    configuration = {name: os.environ[name] for name in ("SLURM_CONF",) if name in os.environ}
    with clean_env():
        os.environ.update(configuration)
        yield
