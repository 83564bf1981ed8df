"""Latents that several processes keep in one file."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pcgm_bench.training import latents
from pcgm_bench.training.data import ScanBank
from pcgm_bench.training.distributed import Processes
from pcgm_bench.training.settings import Settings

SETTINGS = Settings(steps=1, batch=2, bf16=False)
LATE_S = 0.3


@pytest.mark.parametrize("again", [False, True])
def test_a_process_that_comes_late_waits_as_often_as_the_others(
    tmp_path: Path, again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads stand for two processes. A wait of one that the other does not share would block both for ever."""
    bank = ScanBank(np.random.default_rng(0).random((3, 1, 4, 4, 4), np.float32), np.zeros((3, 4), np.float32))
    barrier, rank = threading.Barrier(2), threading.local()

    class Threads(Processes):
        def wait(self) -> None:
            barrier.wait(timeout=10)

    def late_world(_device: str) -> Processes:
        return Threads(rank.number, 2)

    def process(number: int) -> torch.Tensor:
        rank.number = number
        time.sleep(number * LATE_S)
        return latents.cached_latents(nn.Identity(), torch.neg, bank, 1.0, SETTINGS, tmp_path)

    expected = latents.cached_latents(nn.Identity(), torch.neg, bank, 1.0, SETTINGS, tmp_path)
    if not again:
        (tmp_path / "latents.safetensors").unlink()
    monkeypatch.setattr(latents, "world", late_world)
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(process, range(2)))
    assert barrier.n_waiting == 0
    assert all(torch.equal(one, expected) for one in made)
