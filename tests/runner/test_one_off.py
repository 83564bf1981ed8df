"""Training and drawing outside a study."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import fakes
import numpy as np
import pytest

from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import PluginError
from pcgm_bench.contracts import UserError
from pcgm_bench.runner.one_off import fit
from pcgm_bench.runner.one_off import named_grid
from pcgm_bench.runner.one_off import sample
from pcgm_bench.runner.request import MethodRequest


@pytest.fixture
def tiny_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """The grid of toys in place of a brain's."""
    grid = dataclasses.replace(named_grid("3mm"), shape=fakes.SHAPE)
    monkeypatch.setattr("pcgm_bench.runner.one_off.named_grid", lambda _name: grid)


def wanted(home: Path, **changes: object) -> MethodRequest:
    base = MethodRequest(method="sampler", home=home, cohort=CohortRequest("toy"), segmenter="toy")
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def test_fit_then_sample(home: Path, toys: list[str], tmp_path: Path, tiny_grid: None) -> None:
    with pytest.raises(UserError, match="pcgm-bench fit --method sampler"):
        sample(wanted(home), 2, tmp_path / "out")
    assert fit(wanted(home)) == home / "weights" / "sampler"
    first, second = sample(wanted(home), 2, tmp_path / "out")
    only = sample(wanted(home), 1, tmp_path / "other")[0]
    assert first.read_bytes() == only.read_bytes() != second.read_bytes()
    with pytest.raises(UserError, match="nothing to train"):
        fit(wanted(home, method="shifter"))


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.full(fakes.SHAPE, np.nan, np.float32), "NaN"),
        (np.ones((6, 6), np.float32), "shape"),
        (np.zeros(fakes.SHAPE, np.float32), "zero everywhere"),
        (np.ones(fakes.SHAPE, np.uint8), "uint8"),
        (None, "sample gave nothing"),
    ],
)
def test_what_is_no_brain_is_not_written(
    home: Path,
    toys: list[str],
    tmp_path: Path,
    tiny_grid: None,
    monkeypatch: pytest.MonkeyPatch,
    image: np.ndarray | None,
    said: str,
) -> None:
    def draw(_self: fakes.Sampler, n: int, seed: int, first: int = 0) -> Iterator[np.ndarray | None]:
        yield image

    fit(wanted(home))
    monkeypatch.setattr(fakes.Sampler, "sample", draw)
    with pytest.raises(PluginError, match=rf"method 'sampler' \(toys 1\): drawing brain 1: .*{said}"):
        sample(wanted(home), 1, tmp_path / "out")
    assert not list(tmp_path.glob("out/*"))


def test_fewer_brains_than_asked_for_are_an_error(
    home: Path, toys: list[str], tmp_path: Path, tiny_grid: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(wanted(home))
    monkeypatch.setattr(fakes.Sampler, "sample", lambda _self, n, seed, first=0: iter(()))
    with pytest.raises(PluginError, match="drawing brain 1: sample gave nothing"):
        sample(wanted(home), 1, tmp_path / "out")
