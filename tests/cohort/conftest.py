"""Fixtures of the tests of cohorts."""

from __future__ import annotations

from pathlib import Path

import pytest
from four_people import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "study")
