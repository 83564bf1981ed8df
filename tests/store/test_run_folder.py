"""A run on disk: its key, its folder, its manifest and its lock."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcgm_bench.contracts import UserError
from pcgm_bench.store import Identity
from pcgm_bench.store import RunFolder
from pcgm_bench.store import atomic
from pcgm_bench.store import default_home
from pcgm_bench.store import source_digest
from pcgm_bench.store.manifest import start_session

IDENTITY = Identity(
    method="pcgm",
    generators={"pcgm": "1-a-b"},
    study="aud",
    study_version="1",
    cohort="phantom",
    cohort_hash="c",
    segmenter="unet-d",
    seed=0,
    quick=False,
    device="cpu",
    threads=2,
    package="0.1.0",
)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"generators": {"pcgm": "2-a-b"}},
        {"cohort_hash": "x"},
        {"segmenter": "unet-e"},
        {"study_version": "2"},
        {"metrics": {"mmd": "1"}},
        {"quick": True},
        {"package": "0.2.0"},
    ],
)
def test_key_follows_everything_that_counts(change: dict[str, object]) -> None:
    assert IDENTITY.model_copy(update=change).key != IDENTITY.key


def test_key_is_stable() -> None:
    assert Identity.model_validate(IDENTITY.model_dump()).key == IDENTITY.key == "cda92185c3dd"
    assert IDENTITY.folder_name == f"pcgm--aud--phantom--seed0--{IDENTITY.key}"


def test_source_digest_follows_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib
    import sys

    package = tmp_path / "edited"
    package.mkdir()
    (package / "__init__.py").write_text("from edited.mine import Mine\n")
    (package / "mine.py").write_text("from edited.net import Net\nclass Mine: pass\n")
    (package / "net.py").write_text("class Net: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugin = importlib.import_module("edited").Mine
    before = source_digest(plugin)
    (package / "net.py").write_text("class Net: x = 1\n")
    assert source_digest(plugin) != before
    assert source_digest(plugin, alone=True) == source_digest(plugin, alone=True) != before
    for name in ("edited", "edited.mine", "edited.net"):
        sys.modules.pop(name)


def test_folder_refuses_another_run(tmp_path: Path) -> None:
    folder = RunFolder.open(tmp_path, IDENTITY)
    assert RunFolder.open(tmp_path, IDENTITY) == folder
    assert folder.scores is None
    atomic.write_json(folder.identity_file, IDENTITY.model_copy(update={"seed": 5}).model_dump())
    with pytest.raises(UserError, match="holds another run"):
        RunFolder.open(tmp_path, IDENTITY)
    folder.identity_file.write_text("{}")
    with pytest.raises(UserError, match="not a run of this version"):
        RunFolder.open(tmp_path, IDENTITY)


def test_manifest_says_what_is_needed(tmp_path: Path) -> None:
    folder = RunFolder.open(tmp_path, IDENTITY)
    session = start_session("cpu").model_copy(update={"wall_seconds": 2.0})
    folder.write_manifest(folder.manifest.model_copy(update={"sessions": [session, session]}))
    back = folder.manifest
    assert back.wall_seconds == 4.0
    assert back.key == IDENTITY.key
    assert {"torch", "numpy", "monai", "pcgm-bench"} <= set(back.sessions[0].versions)
    assert back.sessions[0].python.startswith("3.")


def test_lock_is_freed(tmp_path: Path) -> None:
    folder = RunFolder.open(tmp_path, IDENTITY)
    with folder.working(), pytest.raises(UserError, match="is at work on this"), folder.working():
        pass
    with folder.working():
        assert folder.lock_file.exists()


def test_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PCGM_BENCH_HOME", str(tmp_path))
    assert default_home() == tmp_path
    assert default_home(Path("/elsewhere")) == Path("/elsewhere")
    monkeypatch.delenv("PCGM_BENCH_HOME")
    assert default_home() == Path.home() / ".cache" / "pcgm-bench"
