"""Writing a BIDS derivative dataset: complete, bit-identical, refused in time."""

from __future__ import annotations

import json
import os
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.cohort.bids import read
from pcgm_bench.cohort.grid import grid
from pcgm_bench.cohort.write import DatasetWriter
from pcgm_bench.cohort.write import check_target
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.store.parts import host

G = grid("3mm")


def scan(subject: str = "p1", session: str = "01", age: float = 40.25) -> Scan:
    rng = np.random.default_rng(len(subject + session))
    image = np.zeros(G.shape, np.float32)
    image[15:40, 15:45, 15:40] = rng.uniform(0.2, 1, (25, 30, 25))
    return Scan(subject, session, image, G.affine, age, "F", "control" if subject == "p1" else "AUD", 1302.5)


def write(out: Path) -> None:
    labels = np.zeros(G.shape, np.int16)
    labels[20:30, 20:30, 20:30] = 2035
    fractions = np.zeros((len(CHANNELS), *G.shape), np.float32)
    fractions[0], fractions[3, 20:30] = 1.0, 0.2
    with DatasetWriter(out, "two people", "pcgm-bench phantom", settings={"effect": "demo", "seed": 3}) as writer:
        writer.add(scan("p1", "01"), labels=labels, fractions=fractions, columns={"note": 1.5})
        writer.add(scan("p1", "02", 42.0), labels=labels, columns={"note": float("nan")})
        writer.add(replace(scan("p2", "01"), head_size=float("nan")), labels=labels, columns={"note": 2.0})
        writer.table("truth.tsv", pd.DataFrame({"subject": ["p1"], "frontal": [160.123456789]}))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    out = tmp_path / "cohort"
    write(out)
    cohort = read(out)
    assert cohort.is_phantom
    assert list(cohort.table["subject"]) == ["p1", "p1", "p2"]
    assert list(cohort.table["age"]) == [40.25, 42.0, 40.25]
    assert list(cohort.table["diagnosis"]) == ["control", "control", "AUD"]
    assert cohort.table["head_size"][0] == 1302.5
    assert np.isnan(cohort.table["head_size"][2])
    np.testing.assert_array_equal(cohort[1].image, scan("p1", "02").image)
    assert (out / "truth.tsv").read_text() == "subject\tfrontal\np1\t160.1234568\n"
    assert "ses-02\t42\t1302.5\tn/a" in (out / "sub-p1" / "sub-p1_sessions.tsv").read_text()


def test_description_and_headers(tmp_path: Path) -> None:
    out = tmp_path / "cohort"
    write(out)
    description = json.loads((out / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    assert description["GeneratedBy"][0]["Name"] == "pcgm-bench phantom"
    assert "seed 3" in description["GeneratedBy"][0]["Description"]
    assert json.loads((out / "participants.json").read_text())["age"]["Units"] == "year"
    anat = out / "sub-p1" / "ses-01" / "anat"
    image = nib.load(anat / "sub-p1_ses-01_T1w.nii.gz")
    assert (int(image.header["qform_code"]), int(image.header["sform_code"])) == (4, 4)
    assert image.header.get_xyzt_units()[0] == "mm"
    assert image.get_data_dtype() == np.float32
    np.testing.assert_allclose(image.header.get_qform(), G.affine, atol=1e-4)
    labels = nib.load(anat / "sub-p1_ses-01_desc-aparcaseg_dseg.nii.gz")
    assert labels.get_data_dtype() == np.int16
    assert set(np.unique(np.asarray(labels.dataobj))) == {0, 2035}
    assert "2035\tctx-rh-insula" in (out / "desc-aparcaseg_dseg.tsv").read_text()
    fractions = nib.load(anat / "sub-p1_ses-01_probseg.nii.gz")
    assert fractions.shape == (*G.shape, len(CHANNELS))
    np.testing.assert_allclose(np.asarray(fractions.dataobj)[25, 0, 0, :4], [1, 0, 0, 0.2], atol=1e-6)


def test_same_content_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) > 10
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_nothing_is_left_after_an_error(tmp_path: Path) -> None:
    def make() -> None:
        with DatasetWriter(tmp_path / "cohort", "x", "pcgm-bench phantom") as writer:
            writer.add(scan())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make()
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_killed_process_are_swept(tmp_path: Path) -> None:
    dead = tmp_path / f".cohort.{host()}-4194999.part"
    dead.mkdir()
    alive = tmp_path / f".cohort.{host()}-{os.getppid()}.part"
    alive.mkdir()
    write(tmp_path / "cohort")
    assert not dead.exists()
    assert alive.exists()


def test_non_empty_folder_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UserError, match="is not empty: give a new folder"):
        DatasetWriter(tmp_path, "x", "y")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "cohort").mkdir()
    write(tmp_path / "cohort")
    assert len(read(tmp_path / "cohort")) == 3


def test_unwritable_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write anywhere, so the permission itself cannot be tested by chmod.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UserError, match=r"cohort: cannot be written .*: choose another place"):
        DatasetWriter(tmp_path / "cohort", "x", "y")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file: is a file"):
        check_target(tmp_path / "file")
    with pytest.raises(UserError, match=r"file: is a file, so .* cannot be made"):
        check_target(tmp_path / "file" / "cohort")


def test_too_small_a_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(UserError, match=r"needs about 0.5 GB and the disk has 0.0 GB free: make room"):
        DatasetWriter(tmp_path / "cohort", "x", "y", needed_bytes=500_000_000)
    assert list(tmp_path.iterdir()) == []
