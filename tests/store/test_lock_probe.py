"""The probe of a file system finds what it looks for, and nothing on a good one."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from pcgm_bench.store import lock_probe


def test_a_good_folder(tmp_path: Path) -> None:
    """Nothing is wrong, and nothing is left behind."""
    assert lock_probe.probe(tmp_path / "home") == ""
    assert list((tmp_path / "home").iterdir()) == []


def test_locks_that_keep_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a network file system takes flock and does nothing."""
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    assert "does not keep a second process out" in lock_probe.probe(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_seen_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a file is written in place."""

    def in_place(place: Path, number: int) -> None:
        with (place / "replaced").open("w") as file:
            for _ in range(lock_probe.SIZE):
                file.write("ab"[number % 2])
                file.flush()

    monkeypatch.setattr(lock_probe, "_replace", in_place)
    assert "half written" in lock_probe.probe(tmp_path)


def test_files_that_are_missing_for_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where renaming removes the old file first."""
    replace = lock_probe._replace

    def remove_first(place: Path, number: int) -> None:
        (place / "replaced").unlink(missing_ok=True)
        replace(place, number)

    monkeypatch.setattr(lock_probe, "_replace", remove_first)
    assert "missing for a moment" in lock_probe.probe(tmp_path)


def test_locking_that_is_not_supported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on file systems that answer ENOLCK."""

    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert "No locks available" in lock_probe.probe(tmp_path)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    """A file is in the way."""
    (tmp_path / "file").touch()
    assert "cannot be written to" in lock_probe.probe(tmp_path / "file" / "home")
