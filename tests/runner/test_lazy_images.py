"""Images are read when asked for; with a scratch folder, each is read once from where it comes from."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pcgm_bench.runner.lazy_images import Images

SHAPE = (2, 3, 4)
ONE = 24 * 4


class Source:
    """Images that are drawn, and a list of which were."""

    def __init__(self, n: int) -> None:
        rng = np.random.default_rng(0)
        self.images = [rng.normal(size=SHAPE).astype(np.float32) for _ in range(n)]
        self.drawn: list[int] = []

    @property
    def loaders(self) -> list[partial[np.ndarray]]:
        return [partial(self.draw, number) for number in range(len(self.images))]

    def draw(self, number: int) -> np.ndarray:
        self.drawn.append(number)
        return self.images[number].copy()


def test_an_image_is_drawn_once_and_comes_back_as_it_was(tmp_path: Path) -> None:
    source = Source(5)
    scans = Images(source.loaders, scratch=tmp_path)
    for number in (3, 0, 3, 4, 0, 1, 2, 4, 3):
        image = scans[number]
        assert image.dtype == np.float32
        np.testing.assert_array_equal(image, source.images[number])
        image[:] = 0  # What a metric does to its copy stays there.
    assert source.drawn == [3, 0, 4, 1, 2]


def test_without_a_folder_every_image_is_read_anew() -> None:
    source = Source(2)
    scans = Images(source.loaders)
    assert [scans[number].shape for number in (0, 1, 0)] == [SHAPE] * 3
    assert source.drawn == [0, 1, 0]


def test_what_does_not_fit_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcgm_bench.runner.lazy_images.SCRATCH_BYTES", 2 * ONE)
    source = Source(3)
    scans = Images(source.loaders, scratch=tmp_path)
    for number in (0, 1, 2, 0, 1, 2):
        np.testing.assert_array_equal(scans[number], source.images[number])
    assert source.drawn == [0, 1, 2, 2]


def test_a_full_disk_costs_time_and_no_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        """A file in which one image fits, then half of one."""

        def __init__(self) -> None:
            self.bytes = bytearray(ONE + ONE // 2)
            self.at = 0

        def seek(self, place: int) -> None:
            self.at = place

        def write(self, data: memoryview) -> int:
            fits = min(len(data), len(self.bytes) - self.at)
            if not fits:
                raise OSError(28, "No space left on device")
            self.bytes[self.at : self.at + fits] = data[:fits]
            return fits

        def readinto(self, data: memoryview) -> int:
            data[:] = self.bytes[self.at : self.at + len(data)]
            return len(data)

        def close(self) -> None:
            """Nothing to do."""

    monkeypatch.setattr("pcgm_bench.runner.lazy_images._temporary", lambda _folder: (Full(), 9 * ONE))
    source = Source(3)
    scans = Images(source.loaders, scratch=tmp_path)
    for number in (0, 1, 2, 0, 1, 2):
        np.testing.assert_array_equal(scans[number], source.images[number])
    assert source.drawn == [0, 1, 2, 0, 1, 2]


def test_no_folder_to_write_to_costs_time_and_no_image(tmp_path: Path) -> None:
    source = Source(2)
    scans = Images(source.loaders, scratch=tmp_path / "not there")
    for number in (0, 1, 0):
        np.testing.assert_array_equal(scans[number], source.images[number])
    assert source.drawn == [0, 1, 0]


def test_most_of_the_disk_is_left_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=8 * ONE)
    monkeypatch.setattr("pcgm_bench.runner.lazy_images.shutil.disk_usage", lambda _folder: usage)
    source = Source(2)
    scans = Images(source.loaders, scratch=tmp_path)
    for number in (0, 1, 0, 1):
        np.testing.assert_array_equal(scans[number], source.images[number])
    assert source.drawn == [0, 1, 1]


def test_an_index_counts_from_the_end_too_and_ends(tmp_path: Path) -> None:
    source = Source(3)
    scans = Images(source.loaders, scratch=tmp_path)
    np.testing.assert_array_equal(scans[-1], scans[np.int64(2)])
    assert source.drawn == [2]
    assert len(list(scans)) == 3
    with pytest.raises(IndexError):
        scans[3]


def test_threads_that_ask_at_once_get_what_they_ask_for(tmp_path: Path) -> None:
    source = Source(20)
    scans = Images(source.loaders, scratch=tmp_path)
    asked = np.random.default_rng(1).integers(20, size=2000).tolist()
    with ThreadPoolExecutor(8) as pool:
        images = list(pool.map(scans.__getitem__, asked))
    for number, image in zip(asked, images, strict=True):
        np.testing.assert_array_equal(image, source.images[number])


def test_nothing_is_left_in_the_folder(tmp_path: Path) -> None:
    source = Source(1)
    scans = Images(source.loaders, scratch=tmp_path)
    scans[0]
    assert scans._file is not None
    file = scans._file
    del scans
    assert file.closed
    assert not list(tmp_path.iterdir())
