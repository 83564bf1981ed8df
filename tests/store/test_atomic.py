"""Files that are whole or not there, with the same bytes for the same content."""

from __future__ import annotations

import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from pcgm_bench.contracts import UserError
from pcgm_bench.store import atomic

AFFINE = np.array([[3.0, 0, 0, -84], [0, 3, 0, -113], [0, 0, 3, -79], [0, 0, 0, 1]])


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    atomic.write_text(path, "old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"a\.txt: no space left on the disk"):
        atomic.write_text(path, "new")
    assert path.read_text() == "old"
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
