"""An edit anywhere in an external package is seen: another run, or new scores; a comment or a docstring is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import ADDED
from command_line import ALONE
from command_line import TIMES
from command_line import Command
from command_line import runs
from fakes import tree_digest

QUICK = (*ALONE, *ADDED, "--quick")
NEW_RUN = {
    "the module of the generator": ("generator/scale.py", "self.level = float(np.mean(", "self.level = float(np.max("),
    "import depth 1": ("generator/parts/noise.py", ".normal(0,", ".normal(0.001,"),
    "import depth 2": ("generator/parts/shape.py", "FACTOR = 1", "FACTOR = 2 - 1"),
    "its settings": ("generator/parts/settings.yaml", "0.001", "0.002"),
    "segmenter": ("segmenter.py", "PERCENT = 100.0", "PERCENT = 200.0"),
    "cohort": ("cohort.py", ".normal(0, 0.02,", ".normal(0, 0.03,"),
}
NEW_SCORE = {
    "extractor": ("extractor.py", "PLANES = 2", "PLANES = 1"),
    "metric": ("metric.py", "SCALE = 1.0", "SCALE = 2.0"),
    "study": ("study.py", "FACTOR = 1.0", "FACTOR = 2.0"),
}
SAME = {
    "a comment": ('"""Deep in the package."""', '"""Deep in the package."""\n\n# A comment.\n'),
    "a docstring": ('"""How many voxels."""', '"""How many voxels there are, in other words."""'),
    "a blank line": ("FACTOR = 1\n", "\n\nFACTOR = (\n    1\n)\n"),
}


def edit(site: Path, file: str, before: str, after: str) -> None:
    path = site / "toybrains" / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def images_of(home: Path) -> int:
    return len(list(home.rglob("*_desc-cf*_T1w.nii.gz")))


@pytest.mark.parametrize("what", NEW_RUN)
def test_an_edit_of_what_makes_images_is_another_run(command: Command, home: Path, edited: Path, what: str) -> None:
    assert command(*QUICK, site=edited).code == 0
    before, images = tree_digest(home), images_of(home)
    edit(edited, *NEW_RUN[what])
    assert command(*QUICK, site=edited).code == 0
    _first, second = runs(home)
    after = tree_digest(home)
    assert {path: after[path] for path in before} == before, "what is stored of the old code is left alone"
    assert images_of(home) >= images + 4
    assert (second / "scores.json").exists()


@pytest.mark.parametrize("what", NEW_SCORE)
def test_an_edit_of_what_scores_gives_new_scores_and_no_image(
    command: Command, home: Path, edited: Path, what: str
) -> None:
    assert command(*QUICK, site=edited).code == 0
    (run,) = runs(home)
    scores, before = (run / "scores.json").read_text(), tree_digest(run / "derivatives") | tree_digest(home / "rows")
    edit(edited, *NEW_SCORE[what])
    assert command(*QUICK, site=edited).code == 0
    assert runs(home) == [run]
    assert (run / "scores.json").read_text() != scores
    assert tree_digest(run / "derivatives") | tree_digest(home / "rows") == before


@pytest.mark.parametrize("what", SAME)
def test_what_changes_no_number_costs_nothing(command: Command, home: Path, edited: Path, what: str) -> None:
    first = command(*QUICK, site=edited)
    before = tree_digest(home)
    edit(edited, "generator/parts/shape.py", *SAME[what])
    second = command(*QUICK, site=edited)
    assert (second.code, second.out, tree_digest(home)) == (0, first.out, before)


def test_the_same_package_at_another_place_is_the_same_run(
    command: Command, home: Path, edited: Path, installed: Path
) -> None:
    command(*QUICK, site=installed)
    before = tree_digest(home, but=TIMES)
    command(*QUICK, site=edited)
    assert tree_digest(home, but=TIMES) == before


def test_another_version_of_what_the_package_imports_is_not_mixed_with_this_one(
    command: Command, home: Path, edited: Path
) -> None:
    """The code of other packages is not followed: their version is compared."""
    (edited / "lessnoise.py").write_text("LESS = 1.0\n")
    info = edited / "lessnoise-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lessnoise\nVersion: 1.0\n")
    (info / "RECORD").write_text("lessnoise.py,,\n")
    edit(edited, "generator/parts/noise.py", "import numpy as np\n", "import numpy as np\nfrom lessnoise import LESS\n")
    assert command(*QUICK, site=edited).code == 0
    before = tree_digest(home, but=TIMES)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lessnoise\nVersion: 2.0\n")
    done = command(*QUICK, site=edited)
    assert done.code == 2
    assert "begun with lessnoise 1.0, here 2.0" in done.complaint
    assert tree_digest(home, but=TIMES) == before


def test_a_new_version_of_the_package_with_the_same_code_makes_nothing_anew(
    command: Command, home: Path, edited: Path
) -> None:
    command(*QUICK, site=edited)
    (run,) = runs(home)
    (metadata,) = edited.glob("toy_brains-*.dist-info/METADATA")
    metadata.write_text(metadata.read_text().replace("Version: 1.2", "Version: 1.3"))
    images = images_of(home)
    assert command(*QUICK, site=edited).code == 0
    assert runs(home) == [run]
    assert images_of(home) == images
