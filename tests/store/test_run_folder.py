"""A run on disk: its key, its folder, its manifest and its lock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcgm_bench.contracts import UserError
from pcgm_bench.store import Identity
from pcgm_bench.store import RunFolder
from pcgm_bench.store import default_home
from pcgm_bench.store.identity import SCHEMA
from pcgm_bench.store.manifest import start_session
from pcgm_bench.store.schema import write_versioned

IDENTITY = Identity(
    method="pcgm",
    generator="1-a-b",
    study="aud",
    study_version="1",
    cohort="phantom",
    cohort_hash="c",
    segmenter="unet-d",
    harness="h",
    seed=0,
    quick=False,
    device="cpu",
    threads=2,
)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"generator": "2-a-b"},
        {"cohort_hash": "x"},
        {"segmenter": "unet-e"},
        {"study_version": "2"},
        {"harness": "other"},
        {"quick": True},
        {"device": "cuda"},
        {"keep_poor_scans": True},
    ],
)
def test_key_follows_everything_that_counts(change: dict[str, object]) -> None:
    assert IDENTITY.model_copy(update=change).key != IDENTITY.key


def test_key_is_stable() -> None:
    assert Identity.model_validate(IDENTITY.model_dump()).key == IDENTITY.key == "02bef6afa8c4"
    assert IDENTITY.folder_name == f"pcgm--aud--phantom--seed0--{IDENTITY.key}"


def test_folder_refuses_another_run(tmp_path: Path) -> None:
    folder = RunFolder.open(tmp_path, IDENTITY)
    assert RunFolder.open(tmp_path, IDENTITY) == folder
    assert not folder.scores_file.exists()
    other = IDENTITY.model_copy(update={"seed": 5}).model_dump(mode="json", exclude={"schema_version"})
    write_versioned(folder.identity_file, SCHEMA, other)
    with pytest.raises(UserError, match="holds another run"):
        RunFolder.open(tmp_path, IDENTITY)
    write_versioned(folder.identity_file, SCHEMA, {**other, "generators": {}})
    with pytest.raises(UserError, match="not a run of this version"):
        RunFolder.open(tmp_path, IDENTITY)
    folder.identity_file.write_text("{}")
    with pytest.raises(UserError, match=r"no schema \(0.1.0 wrote none\)"):
        RunFolder.open(tmp_path, IDENTITY)
    folder.identity_file.write_text(json.dumps({**other, "seed": 0}))
    with pytest.raises(UserError, match="remove the folder"):
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


def test_the_lock_is_freed(tmp_path: Path) -> None:
    folder = RunFolder.open(tmp_path, IDENTITY)
    for _ in range(2):
        with folder.working():
            assert folder.lock_file.exists()


def test_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PCGM_BENCH_HOME", str(tmp_path))
    assert default_home() == tmp_path
    assert default_home(Path("/elsewhere")) == Path("/elsewhere")
    monkeypatch.delenv("PCGM_BENCH_HOME")
    assert default_home() == Path.home() / ".cache" / "pcgm-bench"
