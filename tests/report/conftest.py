"""A finished toy run to report on."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_report import stored_run

from pcgm_bench.store import RunFolder


@pytest.fixture
def folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """Of the run, without images kept."""
    return stored_run(home, monkeypatch)
