"""The store: atomic files, same bytes for the same content, units, keys, manifest, locks."""

from __future__ import annotations

import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import UserError
from pcgm_bench.store import Identity
from pcgm_bench.store import RunFolder
from pcgm_bench.store import Stage
from pcgm_bench.store import Unit
from pcgm_bench.store import atomic
from pcgm_bench.store import default_home
from pcgm_bench.store import source_digest
from pcgm_bench.store.manifest import start_session
from pcgm_bench.store.stage import describe

AFFINE = np.array([[3.0, 0, 0, -84], [0, 3, 0, -113], [0, 0, 3, -79], [0, 0, 0, 1]])
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


def reading(shape: tuple[int, int, int] = (4, 5, 6)) -> Segmentation:
    """A segmentation of random numbers."""
    rng = np.random.default_rng(0)
    fractions = rng.dirichlet(np.ones(len(CHANNELS)), shape).transpose(3, 0, 1, 2).astype(np.float32)
    labels = rng.integers(0, 2036, shape).astype(np.int16)
    return Segmentation(fractions, labels, {"frontal": 1 / 3, "lh-insula": 6.5}, 1480.123456789, 0.75)


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    atomic.write_text(path, "old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"a\.txt: no space left on the disk"):
        atomic.write_text(path, "new")
    assert path.read_text() == "old"
    assert atomic.sweep(tmp_path) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a.nii.gz", "a.npz", "a.json"])
def test_bytes_depend_on_the_content_alone(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = np.random.default_rng(1).normal(size=(4, 5, 6)).astype(np.float32)

    def write(folder: str, array: np.ndarray) -> bytes:
        path = tmp_path / folder / name
        if name.endswith("gz"):
            atomic.write_nifti(path, array, AFFINE)
        elif name.endswith("npz"):
            atomic.write_npz(path, {"v": array})
        else:
            atomic.write_json(path, {"v": array})
        return path.read_bytes()

    first = write("now", volume)
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    assert write("later", np.asfortranarray(volume)) == first
    assert write("other", volume + 1) != first


def test_nifti_comes_back_exactly(tmp_path: Path) -> None:
    volume = np.random.default_rng(1).normal(size=(4, 5, 6)).astype(np.float32)
    atomic.write_nifti(tmp_path / "v.nii.gz", volume, AFFINE)
    image = nib.load(tmp_path / "v.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), volume)
    np.testing.assert_array_equal(image.affine, AFFINE)
    assert image.header.get_xyzt_units()[0] == "mm"
    assert nib.aff2axcodes(image.affine) == ("R", "A", "S")


def test_json_is_plain(tmp_path: Path) -> None:
    atomic.write_json(tmp_path / "a.json", {"x": np.float32(0.5), "nan": float("nan"), 3: {"b", "a"}, "n": np.int64(2)})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 0.5, "nan": None, "3": ["a", "b"], "n": 2}


def test_unit_names() -> None:
    assert Unit("001", "02", "cfAUD").stem == "sub-001_ses-02_desc-cfAUD"
    assert (Unit("001", "").stem, Unit("001", "").folder) == ("sub-001", "sub-001/anat")
    assert describe({"age": 71.5, "diagnosis": "HIV"}) == "cfAge71p5HIV"
    assert describe({"sex": "F"}) == "cfSexF"


def test_unit_is_done_when_its_volumes_are(tmp_path: Path) -> None:
    stage, unit, one = Stage(tmp_path), Unit("001", "01", "cfAUD"), reading()
    image = np.random.default_rng(2).normal(size=one.labels.shape).astype(np.float32)
    stage.write_image(unit, image, AFFINE)
    assert stage.has_image(unit)
    assert not stage.is_done(unit)
    stage.write_reading(unit, one, AFFINE, {"frontal": 0.1}, keep_fractions=True)
    assert stage.count_done([unit, Unit("002", "01", "cfAUD")]) == 1
    back = stage.read_reading(unit)
    assert (dict(back.volumes), back.head_size, back.qc) == (dict(one.volumes), one.head_size, one.qc)
    assert back.asked == {"frontal": 0.1}
    np.testing.assert_array_equal(stage.read_labels(unit), one.labels)
    np.testing.assert_allclose(stage.read_fractions(unit), one.fractions, atol=5e-4)
    stored = stage.read_image(unit)
    np.testing.assert_array_equal(stored, image)
    assert stored.flags["C_CONTIGUOUS"]


def test_damaged_unit_is_named(tmp_path: Path) -> None:
    stage, unit = Stage(tmp_path), Unit("001", "")
    stage.write_image(unit, np.random.default_rng(0).normal(size=(4, 5, 6)), AFFINE)
    stage.write_reading(unit, reading(), AFFINE)
    stage.path(unit, "volumes.tsv").write_text("name\tvalue\n")
    with pytest.raises(UserError, match=r"sub-001_volumes\.tsv: not a table of volumes"):
        stage.read_reading(unit)
    path = stage.path(unit, "T1w.nii.gz")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=r"sub-001_T1w\.nii\.gz: cannot be read .*remove this file"):
        stage.read_image(unit)


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
    with folder.working(), pytest.raises(UserError, match="another process"), folder.working():
        pass
    with folder.working():
        assert folder.lock_file.exists()


def test_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PCGM_BENCH_HOME", str(tmp_path))
    assert default_home() == tmp_path
    assert default_home(Path("/elsewhere")) == Path("/elsewhere")
    monkeypatch.delenv("PCGM_BENCH_HOME")
    assert default_home() == Path.home() / ".cache" / "pcgm-bench"
