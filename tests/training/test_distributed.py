"""Several processes train as one does: same whole batch, same weights but for the order of sums."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import tiny_training
import torch

from pcgm_bench.contracts import UserError
from pcgm_bench.training.distributed import Processes
from pcgm_bench.training.distributed import launch
from pcgm_bench.training.distributed import world


def state(folder: Path) -> dict[str, object]:
    """The last checkpoint."""
    return torch.load(folder / "line_state.pt", weights_only=True)


def losses(folder: Path) -> list[list[float]]:
    """Step, rate, mean losses and items a process of every row of the log."""
    rows = (folder / "line_loss.tsv").read_text().splitlines()[1:]
    return [[float(cell) for index, cell in enumerate(row.split("\t")) if index != 1] for row in rows]


@pytest.mark.processes
def test_two_processes_equal_one_with_the_same_whole_batch(tmp_path: Path) -> None:
    single, double, half = (tmp_path / name for name in ("single", "double", "half"))
    for folder in (single, double, half):
        folder.mkdir()
    tiny_training.train(single)
    launch(tiny_training.train, (double,), 2, "cpu")
    tiny_training.train(half, dataclasses.replace(tiny_training.SETTINGS, batch=4))
    one, two, other = (state(folder) for folder in (single, double, half))
    assert two["step"] == tiny_training.SETTINGS.steps
    for part in ("model", "average"):
        for key, value in one[part].items():
            torch.testing.assert_close(two[part][key], value, rtol=1e-5, atol=1e-6)
    # The test can fail: half the batch gives other weights.
    assert any((other["model"][key] - value).abs().max() > 1e-3 for key, value in one["model"].items())
    for row, same in zip(losses(double), losses(single), strict=True):
        assert row[:-1] == pytest.approx(same[:-1], rel=1e-5)
        assert (row[-1], same[-1]) == (4, 8)
    assert {path.name for path in double.iterdir()} == {"line_state.pt", "line_loss.tsv"}


def test_one_process_needs_no_launcher(tmp_path: Path) -> None:
    called = []
    launch(lambda folder: called.append((folder, threading.get_ident())), (tmp_path,), 1, "cpu")
    assert called == [(tmp_path, threading.get_ident())]
    assert world("cpu") == Processes()
    assert world("cpu").device("cuda:1") == "cuda:1"


def test_shares_are_disjoint_and_complete() -> None:
    batch = torch.arange(6)
    shares = [Processes(rank, 3).share(batch) for rank in range(3)]
    assert torch.equal(torch.cat(shares), batch)
    with pytest.raises(UserError, match="cannot be shared by 4"):
        Processes(0, 4).share(batch)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there are GPUs")
def test_more_processes_than_gpus_are_refused() -> None:
    with pytest.raises(UserError, match="as many GPUs; there are 0"):
        launch(print, (), 2, "cuda")


def fail_in_the_second() -> None:
    """The first process would wait for ever for the second."""
    if os.environ["RANK"] == "1":
        raise ValueError("no such layer")
    time.sleep(300)


def sleep_and_say(folder: Path) -> None:
    """Who is at work."""
    (folder / os.environ["RANK"]).write_text(str(os.getpid()))
    time.sleep(300)


@pytest.mark.processes
def test_a_process_that_fails_ends_all_and_is_heard() -> None:
    with pytest.raises(RuntimeError, match="ValueError: no such layer"):
        launch(fail_in_the_second, (), 2, "cpu")


@pytest.mark.processes
def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; import sys; import test_distributed\n"
        "from pcgm_bench.training.distributed import launch\n"
        "launch(test_distributed.sleep_and_say, (Path(sys.argv[1]),), 2, 'cpu')"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment)
    deadline = time.monotonic() + 120
    while len(list(tmp_path.iterdir())) < 2 or not all(path.read_text() for path in tmp_path.iterdir()):
        assert time.monotonic() < deadline, "they never came to work"
        time.sleep(0.05)
    workers = [int(path.read_text()) for path in tmp_path.iterdir()]
    parent.kill()
    parent.wait()
    end = time.monotonic() + 2.0
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < end, "they train on without it"
        time.sleep(0.05)
