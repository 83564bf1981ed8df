"""Half-written files: whose they are, and which are swept away."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from pcgm_bench.store import atomic
from pcgm_bench.store import parts
from pcgm_bench.store.parts import host
from pcgm_bench.store.parts import part_of
from pcgm_bench.store.parts import sweep

DEAD = 4194999
"""Above the greatest process number of Linux."""


def aged(path: Path, hours: float) -> Path:
    moment = time.time() - hours * 3600
    os.utime(path, (moment, moment))
    return path


@pytest.mark.parametrize(
    ("name", "hours", "goes"),
    [
        (f".a.nii.gz.{host()}-{DEAD}.part", 0, True),
        (f".a.nii.gz.{host()}-{os.getpid()}.part", 0, False),
        (f".a.nii.gz.{host()}-{os.getppid()}.part", 0, False),
        (".a.nii.gz.another-node-7.part", 0, False),
        (".a.nii.gz.another-node-7.part", 23, False),
        (".a.nii.gz.another-node-7.part", 25, True),
        (".a.nii.gz.part", 0, False),
        (f"a.nii.gz.{host()}-{DEAD}.part", 0, False),  # not hidden: not ours
        (f".a.nii.gz.{host()}x-{DEAD}.part", 0, False),
    ],
    # Process numbers in a test's name would make it another test in every process that collects it.
    ids=["dead", "own", "parent", "elsewhere", "elsewhere-day", "elsewhere-old", "nobody", "shown", "other-host"],
)
def test_only_what_a_dead_process_left_is_swept(tmp_path: Path, name: str, hours: float, goes: bool) -> None:
    part = tmp_path / "below" / name
    part.parent.mkdir()
    part.write_bytes(b"half")
    aged(part, hours)
    assert sweep(tmp_path) == goes
    assert part.exists() is not goes


def test_a_folder_is_swept_with_what_is_in_it(tmp_path: Path) -> None:
    part = tmp_path / f".weights.{host()}-{DEAD}.part"
    (part / "inner").mkdir(parents=True)
    (part / "inner" / "a").write_text("x")
    assert sweep(tmp_path) == 1
    assert not part.exists()


def test_a_number_that_was_given_again_does_not_keep_a_part(tmp_path: Path) -> None:
    """In a container every process may be number 1: a part that is older than its process is another's."""
    part = tmp_path / f".a.{host()}-{os.getpid()}.part"
    part.write_bytes(b"half")
    began = parts._begun(os.getpid())
    if began is None:
        pytest.skip("this system does not say when a process began")
    assert abs(began - time.time()) < 24 * 3600
    moment = began - parts.CLOCK_SECONDS + 60
    os.utime(part, (moment, moment))
    assert sweep(tmp_path) == 0, "the clocks may differ by this much"
    os.utime(part, (moment - 120, moment - 120))
    assert sweep(tmp_path) == 1


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not say when a process began")
def test_a_part_of_an_earlier_process_of_the_same_number_is_swept_at_once(tmp_path: Path) -> None:
    """A container that starts again is number 1 again, seconds later."""
    ticks = parts._ticks(os.getpid())
    assert ticks is not None
    mine, earlier, old = (
        tmp_path / f".{name}.{host()}-{os.getpid()}{began}.part"
        for name, began in (("mine", f"t{ticks}"), ("earlier", f"t{ticks - 200}"), ("old", ""))
    )
    for part in (mine, earlier, old):
        part.write_bytes(b"half")
    assert sweep(tmp_path) == 1
    assert mine.exists()
    assert old.exists(), "an earlier version did not say when its process began"
    assert part_of(tmp_path / "mine") == mine


def test_the_part_carries_host_and_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts.host.cache_clear()
    monkeypatch.setattr("socket.gethostname", lambda: "node7.cluster-2.edu")
    monkeypatch.setattr("os.readlink", lambda _path: "pid:[4026532201]")
    assert host() == "node7_cluster-2_edu+4026532201"
    part = part_of(tmp_path / "a.json")
    assert re.fullmatch(rf"\.a\.json\.node7_cluster-2_edu\+4026532201-{os.getpid()}(t\d+)?\.part", part.name)
    part.write_text("half")
    assert not parts.is_abandoned(part)
    parts.host.cache_clear()
    monkeypatch.undo()
    assert not parts.is_abandoned(part), "a part of another host is younger than a day"


def test_a_part_is_what_is_written_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    sync = os.fsync

    def watch(descriptor: int) -> None:
        seen.extend(path.name for path in tmp_path.iterdir())
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    atomic.write_text(tmp_path / "a.txt", "new")
    assert seen == [part_of(tmp_path / "a.txt").name]
