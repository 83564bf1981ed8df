"""The script that starts a SLURM on one machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "local_slurm.py"


def test_missing_packages_are_named_with_the_command(local_slurm: ModuleType, tmp_path: Path) -> None:
    """One line that can be pasted."""
    message = local_slurm.missing_message(local_slurm.Programs(tmp_path))
    assert "slurmctld, slurmd, slurmstepd, munged, sinfo" in message
    assert "apt-get install -y --no-install-recommends slurmctld slurmd slurm-client munge" in message
    with pytest.raises(local_slurm.LocalSlurmError, match="no SLURM on this machine"):
        local_slurm.start(tmp_path / "new", local_slurm.Programs(tmp_path), 1, 1000)
    assert not (tmp_path / "new").exists()


def test_stop_and_env_where_nothing_runs(local_slurm: ModuleType, tmp_path: Path) -> None:
    """`stop` is no error; `env` says so."""
    local_slurm.stop(tmp_path)
    with pytest.raises(local_slurm.LocalSlurmError, match="no SLURM was started here"):
        local_slurm.environment(tmp_path)


@pytest.mark.slurm
@pytest.mark.usefixtures("slurm")
class TestRunning:
    """With the daemons. The fixture's SLURM runs beside these: ports, sockets and files do not clash."""

    def test_start_env_stop(self, local_slurm: ModuleType, tmp_path: Path) -> None:
        """As a user types it; a second start is refused; stop leaves no process, not even of a job that runs."""
        folder = tmp_path / "s"

        def script(action: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run([sys.executable, SCRIPT, action, folder], capture_output=True, text=True)

        assert f"export SLURM_CONF={folder}/slurm.conf" in script("start").stdout
        assert script("env").stdout.startswith("export SLURM_CONF=")
        assert "runs here already" in script("start").stderr
        settings = {**os.environ, **local_slurm.environment(folder)}
        job = ["sbatch", f"--output={tmp_path}/out", "--wrap", f"touch {tmp_path}/runs; sleep 1000"]
        subprocess.run(job, env=settings, check=True, capture_output=True)
        deadline = time.monotonic() + 30
        while not (tmp_path / "runs").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert len(local_slurm._living(folder)) == 3
        assert local_slurm._job_processes(folder)
        assert script("stop").returncode == 0
        assert local_slurm._living(folder) == {}
        assert local_slurm._job_processes(folder) == []

    def test_daemons_end_with_a_test_that_is_killed(self, local_slurm: ModuleType, tmp_path: Path) -> None:
        """However the process inside ``running`` is killed."""
        folder = tmp_path / "s"
        code = (
            "import pathlib, sys, time\n"
            f"sys.path.insert(0, {str(SCRIPT.parent)!r})\n"
            "import local_slurm\n"
            f"with local_slurm.running(pathlib.Path({str(folder)!r}), local_slurm.Programs()):\n"
            "    print('up', flush=True); time.sleep(1000)"
        )
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        assert len(local_slurm._living(folder)) == 3
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 20
        while local_slurm._living(folder):
            assert time.monotonic() < deadline
            time.sleep(0.05)
