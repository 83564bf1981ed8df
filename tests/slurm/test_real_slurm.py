"""The SLURM executor with a real SLURM on this machine: daemons, queue, arrays, dependencies, scancel."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import dummy_plan
import pytest

from pcgm_bench.contracts import UserError
from pcgm_bench.runner.executors import Resources
from pcgm_bench.runner.executors import SlurmExecutor
from pcgm_bench.runner.executors import Step
from pcgm_bench.runner.executors import Task

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("slurm")]
UNITS = 8
JOBS = 4
WAITING = 6


def executor_for(home: Path) -> SlurmExecutor:
    resources = Resources(minutes=5, memory="500MB", partition="local")
    return SlurmExecutor(home, dummy_plan.do_step, JOBS, resources, poll_seconds=0.3)


def files_of(plan: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(dummy_plan.run_folder(plan).iterdir())}


def local_files(tmp_path: Path) -> dict[str, bytes]:
    plan = dummy_plan.write_plan(tmp_path / "local", UNITS)
    dummy_plan.make_all(plan)
    return files_of(plan)


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_sinfo_shows_the_node() -> None:
    """The daemons of ``tools/local_slurm.py`` are up."""
    done = subprocess.run(["sinfo", "-h", "-o", "%P %D %t"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("local* 1 ")


def test_a_run_equals_a_local_one(tmp_path: Path) -> None:
    """All four steps in their order, as arrays."""
    plan = dummy_plan.write_plan(tmp_path / "home", UNITS)
    assert executor_for(tmp_path / "home").run(plan, dummy_plan.missing) == []
    assert files_of(plan) == local_files(tmp_path)


def test_the_same_command_makes_what_a_cancelled_task_left(tmp_path: Path) -> None:
    """One array task is cancelled while it works; the others and the last step still run; then the command again."""
    home = tmp_path / "home"
    plan, executor = dummy_plan.write_plan(home, UNITS, waits=WAITING), executor_for(home)
    images = dummy_plan.unit_files(plan, Step.IMAGES)
    submitted = executor.submit(plan, dummy_plan.missing)
    job = next(each.job for each in submitted if each.task == Task(Step.IMAGES, WAITING % JOBS, JOBS))
    wait_for(lambda: images[WAITING - JOBS].exists())  # the first image of the task that now waits
    subprocess.run(["scancel", job], check=True)

    problems, complete = executor.wait(executor.folder(plan), submitted)
    assert not complete
    assert [problem.split(" (job")[0] for problem in problems] == ["images 3/4", "gather"]
    assert f"(job {job}) was lost (CANCELLED)" in problems[0]
    assert f"{job}_0_log.err" in problems[0]
    assert "1 images are missing; the same command makes them" in problems[1]
    assert [path for path in images if not path.exists()] == [images[WAITING]]

    before = {path: path.stat().st_mtime_ns for path in images if path.exists()}
    dummy_plan.go_on(plan)
    assert executor_for(home).run(plan, dummy_plan.missing) == []
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert files_of(plan) == local_files(tmp_path)


def test_a_failed_step_is_shown_with_its_job_and_log(tmp_path: Path) -> None:
    """The message of the first task that failed, its job and the file with its standard error."""
    plan = dummy_plan.write_plan(tmp_path / "home", UNITS, broken="segmentations")
    executor = executor_for(tmp_path / "home")
    with pytest.raises(UserError, match="segmentations cannot be made") as raised:
        executor.run(plan, dummy_plan.missing)
    first = executor.folder(plan).read()[1]
    assert first.task.step is Step.SEGMENTATIONS
    assert f"(job {first.job})" in str(raised.value)
    assert executor.folder(plan).log(first).exists()


def test_a_second_command_waits_for_jobs_that_run(tmp_path: Path) -> None:
    """Nothing is submitted twice."""
    home = tmp_path / "home"
    plan = dummy_plan.write_plan(home, UNITS, waits=WAITING)
    submitted = executor_for(home).submit(plan, dummy_plan.missing)
    threading.Timer(2.0, dummy_plan.go_on, [plan]).start()
    assert executor_for(home).run(plan, dummy_plan.missing) == []
    assert executor_for(home).folder(plan).read() == submitted


def test_a_refused_submission_leaves_no_job(tmp_path: Path) -> None:
    """SLURM's own words reach the user."""
    plan = dummy_plan.write_plan(tmp_path / "home", UNITS)
    refused = SlurmExecutor(tmp_path / "home", dummy_plan.do_step, JOBS, Resources(partition="nowhere"))
    with pytest.raises(UserError, match=r"SLURM refuses the job: (.|\n)*partition"):
        refused.submit(plan, dummy_plan.missing)
