"""``pcgm-bench run --executor slurm`` with a real SLURM, one task cancelled: the same files as a local run."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(1800)]
RUN = ["run", "--method", "copy-input", "--study", "aud", "--quick", "--seed", "20", "--quiet"]
SLURM = ["--executor", "slurm", "--jobs", "4", "--partition", "local", "--time", "30", "--mem", "3GB"]
TIMES = {"manifest.json"}
"""Files of a run that tell when and where it was made."""


def command(home: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "pcgm_bench", *RUN, "--home", str(home), *options]


def files_of(home: Path) -> dict[str, bytes]:
    everything = [path for folder in ("runs", "rows", "segmentations") for path in (home / folder).rglob("*")]
    paths = [path for path in everything if path.is_file() and path.name not in TIMES]
    return {str(path.relative_to(home)): path.read_bytes() for path in paths}


def cancel_one(step: str) -> str:
    """Cancel the second task of a step's array while it waits for the step before; returns its number."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        squeue = ["squeue", "--noheader", "--array", "--states=PENDING", "--format=%i %j"]
        lines = subprocess.run(squeue, capture_output=True, text=True, check=True).stdout.splitlines()
        jobs = [job for job, name in map(str.split, lines) if name.endswith(f"-{step}") and job.endswith("_1")]
        if jobs:
            subprocess.run(["scancel", jobs[0]], check=True)
            return jobs[0]
        time.sleep(0.1)
    raise AssertionError("no task came into the queue")


def test_every_file_equals_the_local_run(slurm: Path, tmp_path: Path) -> None:
    """One task of the images is cancelled; the same command again makes its share."""
    with (slurm / "first.log").open("w") as log:
        first = subprocess.Popen(command(tmp_path / "cluster", *SLURM), stdout=log, stderr=log)
        job = cancel_one("images")
        status = first.wait()
    text = (slurm / "first.log").read_text()
    assert status == 0 or f"(job {job}) was lost" in text, text

    again = subprocess.run(command(tmp_path / "cluster", *SLURM), capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    local = subprocess.run(command(tmp_path / "local"), capture_output=True, text=True)
    assert local.returncode == 0, local.stderr
    cluster_files, local_files = files_of(tmp_path / "cluster"), files_of(tmp_path / "local")
    assert len(local_files) > 20
    assert cluster_files.keys() == local_files.keys()
    assert [name for name, content in local_files.items() if cluster_files[name] != content] == []
