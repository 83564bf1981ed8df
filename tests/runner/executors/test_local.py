"""Helpers do their share, and nothing is lost when one fails."""

from __future__ import annotations

import logging
import os
import re
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcgm_bench.runner.executors.interface import Step
from pcgm_bench.runner.executors.local import default_workers
from pcgm_bench.runner.executors.local import local_helpers
from pcgm_bench.runner.request import Share

FILES = 9


def write_share(folder: Path, step: str, number: int, of: int) -> None:
    """What a helper does in these tests."""
    for position in range(FILES):
        if Share(number, of).takes(position):
            (folder / str(position)).write_text(f"{step} {os.getpid()}")


def fail(folder: Path, step: str, number: int, of: int) -> None:
    raise ValueError(f"share {number} of {of}\nof {folder.name}")


def leave(_folder: Path, _step: str, _number: int, _of: int) -> None:
    os._exit(7)


def die(_folder: Path, _step: str, _number: int, _of: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@given(of=st.integers(1, 7), files=st.integers(0, 40))
def test_every_file_is_in_one_share(of: int, files: int) -> None:
    shares = [[place for place in range(files) if Share(number, of).takes(place)] for number in range(of)]
    assert sorted(place for share in shares for place in share) == list(range(files))


def test_processes_share_the_work(tmp_path: Path) -> None:
    waited: list[int] = []
    with local_helpers(3, write_share, tmp_path, Step.IMAGES, waiting=lambda: waited.append(1)) as mine:
        write_share(tmp_path, "images", mine.number, mine.of)
    makers = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert sorted(makers, key=int) == [str(place) for place in range(FILES)]
    assert len(set(makers.values())) == 3
    assert all(maker.startswith("images ") for maker in makers.values())
    assert waited


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (fail, r"helper process \d+ failed \(ValueError: share 1 of 2 of .*\)"),
        (leave, r"helper process \d+ ended with exit code 7"),
        (die, r"helper process \d+ was killed by signal 9"),
    ],
)
def test_a_failing_helper_says_why_and_leaves_its_share_to_us(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, what: object, said: str
) -> None:
    with (
        caplog.at_level(logging.WARNING),
        local_helpers(2, what, tmp_path, Step.IMAGES) as mine,  # type: ignore[arg-type]
    ):
        write_share(tmp_path, "images", mine.number, mine.of)
    assert len(list(tmp_path.iterdir())) == 5
    (record,) = caplog.records
    assert "\n" not in record.getMessage()
    assert re.fullmatch(f"{said}; this process makes its share", record.getMessage())


def test_our_own_error_stops_the_helpers(tmp_path: Path) -> None:
    with pytest.raises(KeyError), local_helpers(2, write_share, tmp_path, Step.IMAGES):
        raise KeyError("ours")


def test_workers_fit_the_machine() -> None:
    assert default_workers(10_000) == 1
    assert 1 <= default_workers(1) <= 4
