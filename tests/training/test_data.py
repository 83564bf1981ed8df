"""The bank of scans and the batches that are drawn from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pcgm_bench.training.batches import crop
from pcgm_bench.training.batches import draw_times
from pcgm_bench.training.batches import pick
from pcgm_bench.training.data import ScanBank
from pcgm_bench.training.settings import Settings
from pcgm_bench.training.weights import Stamp
from pcgm_bench.training.weights import save_weights


def bank() -> ScanBank:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (4, 1, 4, 5, 6)).astype(np.uint8)
    masks = rng.integers(0, 255, (4, 2, 4, 5, 6)).astype(np.uint8)
    return ScanBank(images, rng.normal(size=(4, 4)).astype(np.float32), masks, ("a", "b", "a", "a"))


def test_a_bank_from_files_is_the_bank_in_memory(tmp_path: Path) -> None:
    memory = bank()
    memory.save(tmp_path)
    mapped = ScanBank.open(tmp_path)
    assert isinstance(mapped.images, np.memmap)
    assert mapped.identity() == memory.identity()
    assert torch.equal(mapped.image(2, 1.2), memory.image(2, 1.2))
    assert torch.equal(mapped.mask(3), memory.mask(3))
    assert tuple(mapped.subjects) == memory.subjects


def test_pairs_of_one_person() -> None:
    assert bank().pairs_of_one_person() == [(0, 2), (0, 3), (2, 3)]


def test_a_crop_has_its_own_edge_along_every_axis() -> None:
    volume = torch.arange(8 * 9 * 10).view(1, 8, 9, 10)
    starts = set()
    for seed in range(30):
        box = crop(torch.Generator().manual_seed(seed), volume, (4, 9, 6), steps=(2, 1, 2))
        assert box.shape == (1, 4, 9, 6)
        first = int(box[0, 0, 0, 0])
        starts.add((first // 90, first // 10 % 9, first % 10))
    assert {start[0] for start in starts} == {0, 2, 4}
    assert {start[1] for start in starts} == {0}
    assert {start[2] for start in starts} == {0, 2, 4}
    assert crop(torch.Generator(), volume, None) is volume


def test_a_batch_depends_on_its_generator_alone() -> None:
    settings = Settings(steps=1, batch=6, flip=True)
    picks = [pick(torch.Generator().manual_seed(seed), 100, settings) for seed in (0, 0, 1)]
    assert picks[0] == picks[1]
    assert picks[0] != picks[2]
    assert {flip for _, flip in pick(torch.Generator().manual_seed(2), 9, settings)} == {True, False}
    times = draw_times(torch.Generator().manual_seed(0), 4, "cpu")
    assert all(k / 4 <= t <= (k + 1.02) / 4 for k, t in enumerate(times.tolist()))


@pytest.mark.parametrize("attempt", range(4))
def test_the_same_weights_give_the_same_bytes(tmp_path: Path, attempt: int) -> None:
    torch.manual_seed(0)
    network, stamp = torch.nn.Linear(3, 2), Stamp("tiny", "0123")
    paths = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        paths += save_weights(network, tmp_path / name, "line", stamp)
    assert paths[0].read_bytes() == paths[1].read_bytes()
