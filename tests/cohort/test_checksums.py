"""A phantom in the home folder that is not what was drawn is refused; a folder elsewhere is its owner's to edit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pcgm_bench.cohort.bids import read
from pcgm_bench.cohort.checksums import CHECKSUMS
from pcgm_bench.cohort.checksums import changed_files
from pcgm_bench.cohort.grid import grid
from pcgm_bench.cohort.write import DatasetWriter
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError

SCAN = "sub-p2/anat/sub-p2_T1w.nii.gz"


def write(folder: Path) -> Path:
    """Three people of noise."""
    at = grid("3mm")
    with DatasetWriter(folder, "phantom", "pcgm-bench phantom") as writer:
        for number in (1, 2, 3):
            image = np.zeros(at.shape, np.float32)
            image[18:38, 20:40, 18:38] = np.random.default_rng(number).uniform(0.5, 1, (20, 20, 20))
            scan = Scan(f"p{number}", "", image, at.affine, 40.0 + number, "F", "control", 1400.0)
            writer.add(scan, labels=(image > 0.7).astype(np.int16))
    return folder


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def older(path: Path) -> None:
    path.write_text(path.read_text().replace("\t42\t", "\t72\t"))


def swapped(path: Path) -> None:
    path.write_bytes(Path(str(path).replace("p2", "p3")).read_bytes())


DAMAGES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "flip": (SCAN, flip, "changed since it was written"),
    "another person": (SCAN, swapped, "changed since it was written"),
    "another age": ("participants.tsv", older, "changed since it was written"),
    "lost": (SCAN, Path.unlink, "lost"),
    "checksums": (CHECKSUMS, flip, ""),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_kept_phantom_that_changed_is_refused(tmp_path: Path, what: str) -> None:
    home = tmp_path / "home"
    folder = write(home / "cohorts" / "phantom-1")
    assert [problem for _path, problem in changed_files(folder) if problem] == []
    assert len(read(folder, home=home)) == 3
    name, damage, said = DAMAGES[what]
    before = (folder / name).read_bytes()
    damage(folder / name)
    assert not (folder / name).exists() or (folder / name).read_bytes() != before
    problems = [problem for _path, problem in changed_files(folder) if problem]
    assert problems
    if what == "lost":
        with pytest.raises(UserError):
            read(folder, home=home)
        return
    with pytest.raises(UserError, match="remove the folder and give the same command again") as refused:
        read(folder, home=home)
    assert said in str(refused.value)


def test_a_label_map_is_found_by_verify_alone(tmp_path: Path) -> None:
    folder = write(tmp_path / "home" / "cohorts" / "phantom-1")
    (labels,) = folder.glob("sub-p2/anat/*_dseg.nii.gz")
    flip(labels)
    (problem,) = [problem for _path, problem in changed_files(folder) if problem]
    assert problem.startswith(f"{labels}: changed since it was written")


def test_a_folder_elsewhere_may_be_edited(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine")
    older(folder / "participants.tsv")
    assert read(folder, home=tmp_path / "home").table["age"].to_list() == [41.0, 72.0, 43.0]


def test_a_dataset_of_an_earlier_version_has_no_checksums(tmp_path: Path) -> None:
    home = tmp_path / "home"
    folder = write(home / "cohorts" / "phantom-1")
    (folder / CHECKSUMS).unlink()
    assert list(changed_files(folder)) == []
    assert len(read(folder, home=home)) == 3
