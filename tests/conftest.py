"""Fixtures: a home folder of the test's own, and toy plugins in the registry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import fakes
import pytest
from toy_plugins import toy_plugins

from pcgm_bench import registry


@pytest.fixture(scope="session")
def template_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the phantom's template is, built in half a minute, once for all tests that draw people."""
    from pcgm_bench.cohort.phantom.template import load_template
    from pcgm_bench.store.locks import locked

    # The folders of pytest-xdist's workers lie side by side: whoever is first builds it for all.
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "template_home"
    home.mkdir(exist_ok=True)
    with locked(home / "lock", wait=True):
        load_template(home)
    return home


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small images are drawn and compared quicker by one thread."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, also in the environment."""
    folder = tmp_path / "home"
    monkeypatch.setenv("PCGM_BENCH_HOME", str(folder))
    return folder


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Toy plugins instead of the installed ones; returns the log of what they do.

    Nothing here survives a power cut, so files are not forced to the disk: hundreds of tiny ones take seconds.
    """

    monkeypatch.setattr(registry, "_found", toy_plugins)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    fakes.CALLS.clear()
    return fakes.CALLS
