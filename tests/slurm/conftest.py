"""A real SLURM for the tests of this folder, where its packages are installed."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = "PCGM_BENCH_NEEDS_SLURM"
"""Set where the packages are known to be installed: then a missing SLURM is a failure, not a skip."""
CPUS = 4
MEMORY = 16000  # MB that SLURM may promise, more than the tests use


@pytest.fixture(scope="session")
def local_slurm() -> ModuleType:
    """The script ``tools/local_slurm.py`` as a module."""
    spec = importlib.util.spec_from_file_location("local_slurm", ROOT / "tools" / "local_slurm.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def slurm(local_slurm: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A SLURM that runs, and this process's environment set for it; gives its folder."""
    programs = local_slurm.Programs()
    message = local_slurm.missing_message(programs)
    if not message and os.getuid() != 0:
        message = "the tests start SLURM as root only"
    if message:
        if os.environ.get(NEEDED):
            pytest.fail(message)
        pytest.skip(f"NOT TESTED with a real SLURM: {message}")
    folder = tmp_path_factory.mktemp("slurm")
    # Jobs get the environment of the process that submits them; they must find the package and the plan's module.
    own = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])}
    with local_slurm.running(folder, programs, CPUS, MEMORY) as settings, pytest.MonkeyPatch.context() as patch:
        for name, value in {**own, **settings}.items():
            patch.setenv(name, value)
        yield folder
