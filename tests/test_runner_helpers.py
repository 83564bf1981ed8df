"""Helpers do their share, and nothing is lost when one fails."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcgm_bench.runner.helpers import Share
from pcgm_bench.runner.helpers import default_workers
from pcgm_bench.runner.helpers import helpers

UNITS = 9


def write_share(folder: Path, share: Share) -> None:
    """What a helper does in these tests."""
    for position in range(UNITS):
        if share.takes(position):
            (folder / str(position)).write_text(str(os.getpid()))


def fail(folder: Path, share: Share) -> None:
    raise ValueError(f"share {share} of {folder}")


@given(of=st.integers(1, 7), units=st.integers(0, 40))
def test_every_unit_is_in_one_share(of: int, units: int) -> None:
    shares = [[place for place in range(units) if Share(number, of).takes(place)] for number in range(of)]
    assert sorted(place for share in shares for place in share) == list(range(units))


def test_processes_share_the_work(tmp_path: Path) -> None:
    waited: list[int] = []
    with helpers(3, write_share, tmp_path, waiting=lambda: waited.append(1)) as mine:
        write_share(tmp_path, mine)
    makers = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert sorted(makers, key=int) == [str(place) for place in range(UNITS)]
    assert len(set(makers.values())) == 3
    assert waited


def test_a_failing_helper_leaves_its_share_to_us(tmp_path: Path) -> None:
    with helpers(2, fail, tmp_path) as mine:
        write_share(tmp_path, mine)
    assert len(list(tmp_path.iterdir())) == 5
    write_share(tmp_path, Share())
    assert len(list(tmp_path.iterdir())) == UNITS


def test_our_own_error_stops_the_helpers(tmp_path: Path) -> None:
    with pytest.raises(KeyError), helpers(2, write_share, tmp_path):
        raise KeyError("ours")


def test_workers_fit_the_machine() -> None:
    assert default_workers(10_000) == 1
    assert 1 <= default_workers(1) <= 4
