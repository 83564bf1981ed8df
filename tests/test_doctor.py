"""The doctor: what it finds of the home folder, and that one broken thing does not stop it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcgm_bench import doctor
from pcgm_bench.doctor import Finding
from pcgm_bench.doctor import examine


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are imported one by one, which takes a while and is tested with the registry."""
    monkeypatch.setattr(doctor, "_plugins", list)


def of(home: Path) -> dict[str, Finding]:
    return {finding.what: finding for finding in examine(home)}


def test_locking_is_tried_where_the_home_will_be_and_nothing_is_left(tmp_path: Path) -> None:
    locking = of(tmp_path / "new" / "home")["locking"]
    assert locking.level == "ok"
    assert str(tmp_path) in locking.found
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "probe", lambda folder: "flock does not keep a second process out")
    locking = of(tmp_path)["locking"]
    assert (locking.level, locking.found) == ("missing", "flock does not keep a second process out")
    assert "--home" in locking.remedy


def test_a_home_below_a_file_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    findings = of(tmp_path / "file" / "home")
    assert findings["locking"].level == "missing"


def test_a_home_that_cannot_be_written_to_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    findings = of(tmp_path)
    assert findings["disk"].level == "missing"
    assert "locking" not in findings
