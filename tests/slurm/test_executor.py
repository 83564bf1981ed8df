"""The SLURM executor without a SLURM: what it submits, what it waits for, and what it says."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import dummy_plan
import pytest

from pcgm_bench.contracts import UserError
from pcgm_bench.runner.executors import Resources
from pcgm_bench.runner.executors import SlurmExecutor
from pcgm_bench.runner.executors import Step
from pcgm_bench.runner.executors import Task
from pcgm_bench.runner.executors import do_shard
from pcgm_bench.runner.executors import parse_shard
from pcgm_bench.runner.executors.interface import tasks_of
from pcgm_bench.runner.executors.slurm_queue import SlurmQueue
from pcgm_bench.runner.executors.slurm_submitit import open_submitit
from pcgm_bench.runner.executors.task_report import ReportingTask


@dataclass
class FakeJob:
    job_id: str


@dataclass
class FakeSlurm:
    """Stands in for submitit and for the queue: a job runs when it is submitted, unless it is lost.

    Attributes:
        lost: jobs that never run, by their numbers.
        refused: a step that is not taken.
        states_left: answers that show every job as running, before they have ended.
    """

    lost: Sequence[str] = ()
    refused: str = ""
    states_left: int = 0
    submissions: list[dict[str, object]] = field(default_factory=list)
    environments: list[dict[str, str]] = field(default_factory=list)
    jobs: dict[str, str] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    parameters: dict[str, object] = field(default_factory=dict)

    def update_parameters(self, **parameters: object) -> None:
        self.parameters.update(parameters)

    def submit_array(self, work: Sequence[ReportingTask]) -> list[FakeJob]:
        if self.refused and str(self.parameters["job_name"]).endswith(self.refused):
            raise RuntimeError("invalid partition specified")
        self.submissions.append(dict(self.parameters))
        self.environments.append(dict(os.environ))
        main = str(10 + len(self.submissions))
        ids = [main] if len(work) == 1 else [f"{main}_{number}" for number in range(len(work))]
        for number, task in zip(ids, work, strict=True):
            self.jobs[number] = "CANCELLED" if number in self.lost else self._run(task)
        return [FakeJob(number) for number in ids]

    def _run(self, task: ReportingTask) -> str:
        try:
            pickle.loads(pickle.dumps(task))()
        except Exception:  # as submitit does
            return "FAILED"
        return "COMPLETED"

    def states(self, names: Iterable[str]) -> dict[str, str]:
        assert all(name.startswith("pcgm-") for name in names)
        self.states_left -= 1
        return dict.fromkeys(self.jobs, "RUNNING") if self.states_left >= 0 else dict(self.jobs)

    def cancel(self, jobs: Sequence[str]) -> None:
        self.cancelled += jobs


def executor_for(home: Path, slurm: FakeSlurm, **settings: object) -> SlurmExecutor:
    return SlurmExecutor(
        home,
        dummy_plan.do_step,
        jobs=3,
        resources=Resources(**settings),  # type: ignore[arg-type]
        poll_seconds=0.0,
        queue=slurm,
        open_submitit=lambda _folder: slurm,  # type: ignore[arg-type, return-value]
    )


def test_steps_are_arrays_that_wait_for_each_other(tmp_path: Path) -> None:
    """One task, arrays of at most ``jobs``, one task; each after any end of the one before."""
    plan, slurm = dummy_plan.write_plan(tmp_path, 5), FakeSlurm()
    assert executor_for(tmp_path, slurm).run(plan, dummy_plan.missing) == []
    assert [each["dependency"] for each in slurm.submissions] == [None, "afterany:11", "afterany:12", "afterany:13"]
    assert list(slurm.jobs) == ["11", "12_0", "12_1", "12_2", "13_0", "13_1", "13_2", "14"]


def test_resources_reach_every_task(tmp_path: Path) -> None:
    """Processors always; GPUs where they are of use; other options by their names."""
    plan, slurm = dummy_plan.write_plan(tmp_path, 5), FakeSlurm()
    settings = {"cpus_per_task": 2, "gpus_per_task": 1, "partition": "big", "options": {"qos": "high"}}
    executor_for(tmp_path, slurm, **settings).run(plan, dummy_plan.missing)
    for each in slurm.submissions:
        assert each["cpus_per_task"] == 2
        assert each["srun_args"] == ["--cpus-per-task=2"]
        assert each["partition"] == "big"
        assert each["additional_parameters"] == {"ntasks": "1", "qos": "high"}
        assert "account" not in each
    assert "gpus_per_task" not in slurm.submissions[0]
    assert slurm.submissions[2]["gpus_per_task"] == 1


def test_what_is_stored_is_not_submitted(tmp_path: Path) -> None:
    """Steps without missing units get no job; no more tasks than units."""
    plan, slurm = dummy_plan.write_plan(tmp_path, 4), FakeSlurm()
    for step in (Step.PEOPLE, Step.SEGMENTATIONS):
        dummy_plan.do_step(plan, step.value, 0, 1)
    dummy_plan.do_step(plan, "images", 0, 2)
    executor_for(tmp_path, slurm).run(plan, dummy_plan.missing)
    assert list(slurm.jobs) == ["11_0", "11_1", "12"]
    assert tasks_of(plan, Step.GATHER, dummy_plan.missing, 3) == [Task(Step.GATHER)]


def test_a_lost_task_is_named_and_made_by_the_same_command(tmp_path: Path) -> None:
    """Lost: no report. The last step says what is missing; the command again makes only that."""
    plan, slurm = dummy_plan.write_plan(tmp_path, 5), FakeSlurm(lost=["13_1"])
    with pytest.raises(UserError, match=r"images 2/3 \(job 13_1\) was lost \(CANCELLED\)") as raised:
        executor_for(tmp_path, slurm).run(plan, dummy_plan.missing)
    assert str(raised.value).endswith("and 1 more: gather")
    again = FakeSlurm()
    assert executor_for(tmp_path, again).run(plan, dummy_plan.missing) == []
    assert list(again.jobs) == ["11_0", "11_1", "12"]


def test_a_failed_task_shows_its_log(tmp_path: Path) -> None:
    """The end of its standard error, which submitit keeps."""
    plan, slurm = dummy_plan.write_plan(tmp_path, 5, broken="people"), FakeSlurm()
    executor = executor_for(tmp_path, slurm)
    log = executor.folder(plan).root / "11_0_log.err"
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {number}\n" for number in range(50)))
    with pytest.raises(UserError, match="people cannot be made") as raised:
        executor.run(plan, dummy_plan.missing)
    assert f"log: {log}\n" in str(raised.value)
    assert "    line 49" in str(raised.value)
    assert "line 30" not in str(raised.value)


def test_jobs_that_run_are_waited_for(tmp_path: Path) -> None:
    """A second command submits nothing while jobs of the same plan wait or run."""
    plan, slurm = dummy_plan.write_plan(tmp_path, 5), FakeSlurm()
    executor = executor_for(tmp_path, slurm)
    executor.submit(plan, dummy_plan.missing)
    slurm.states_left = 3
    assert executor.run(plan, dummy_plan.missing) == []
    assert len(slurm.submissions) == 4


def test_a_refused_step_cancels_the_others(tmp_path: Path) -> None:
    """No array waits in the queue for a step that does not come."""
    plan, slurm = dummy_plan.write_plan(tmp_path, 5), FakeSlurm(refused="images")
    with pytest.raises(UserError, match="SLURM refuses the job: invalid partition"):
        executor_for(tmp_path, slurm).run(plan, dummy_plan.missing)
    assert slurm.cancelled == ["11", "12"]


def test_a_job_hands_nothing_of_its_own_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command may itself run in a job: its memory and processors are not those of the tasks."""
    settings = {"SLURM_JOB_ID": "7", "SLURM_MEM_PER_NODE": "1000", "SLURM_CONF": "/cluster/slurm.conf", "ANY": "1"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    plan, slurm = dummy_plan.write_plan(tmp_path, 5), FakeSlurm()
    executor_for(tmp_path, slurm).run(plan, dummy_plan.missing)
    for environment in slurm.environments:
        assert environment["SLURM_CONF"] == "/cluster/slurm.conf"
        assert environment["ANY"] == "1"
        assert not {"SLURM_JOB_ID", "SLURM_MEM_PER_NODE"} & environment.keys()
    assert settings.items() <= os.environ.items()


def test_two_homes_have_different_job_names(tmp_path: Path) -> None:
    """The same plan in two home folders is two runs."""
    plan = dummy_plan.write_plan(tmp_path, 5)
    names = [executor_for(tmp_path / home, FakeSlurm()).folder(plan).job_names for home in ("a", "b")]
    assert not set(names[0].values()) & set(names[1].values())


def test_a_machine_without_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, no traceback."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="on a machine that submits jobs"):
        open_submitit(tmp_path)
    with pytest.raises(UserError, match="no squeue here"):
        SlurmQueue().states(["pcgm-x"])


def test_squeue_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A controller that is busy for a moment does not end the command."""
    script = tmp_path / "squeue"
    script.write_text(
        f"#!/bin/sh\nif [ -e {tmp_path}/asked ]; then echo '12_3 RUNNING'; else : > {tmp_path}/asked; exit 1; fi\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("pcgm_bench.runner.executors.slurm_queue.TRY_SECONDS", 0.0)
    assert SlurmQueue().states(["pcgm-x"]) == {"12_3": "RUNNING"}


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/2"])
def test_shards_that_are_none(text: str) -> None:
    """Refused with an example."""
    with pytest.raises(UserError, match="1/8"):
        parse_shard(text)


def test_all_shards_together_are_the_run(tmp_path: Path) -> None:
    """In any order, where each step waits for all shards; then the last step, once."""
    plan, other = dummy_plan.write_plan(tmp_path / "a", 7), dummy_plan.write_plan(tmp_path / "b", 7)
    for steps in ([Step.PEOPLE, Step.SEGMENTATIONS], [Step.IMAGES]):
        for text in ("3/3", "1/3", "2/3"):
            do_shard(plan, dummy_plan.do_step, *parse_shard(text), steps)
    dummy_plan.do_step(plan, "gather", 0, 1)
    dummy_plan.make_all(other)
    folders = [sorted(dummy_plan.run_folder(each).iterdir()) for each in (plan, other)]
    assert [path.name for path in folders[0]] == [path.name for path in folders[1]]
    assert [path.read_bytes() for path in folders[0]] == [path.read_bytes() for path in folders[1]]
