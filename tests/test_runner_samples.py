"""The runner on studies of new brains, and on images made elsewhere."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import fakes
import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from pcgm_bench.contracts import UserError
from pcgm_bench.runner import CohortRequest
from pcgm_bench.runner import Given
from pcgm_bench.runner import Request
from pcgm_bench.runner import build
from pcgm_bench.runner import run
from pcgm_bench.runner.generate import Ask
from pcgm_bench.runner.generate import Fold
from pcgm_bench.runner.given import generator_of
from pcgm_bench.runner.work import possible
from pcgm_bench.store import Unit
from pcgm_bench.studies.recovery import RecoveryStudy


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "GIVEN", {})


def request(home: Path, **changes: object) -> Request:
    base = Request("copier", "toy-samples", home, CohortRequest("toy"), segmenter="toy")
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def derivatives(home: Path, name: str) -> Path:
    """The images of a stored run."""
    (folder,) = (home / "runs").glob(f"{name}--*")
    return folder / "derivatives" / name


def test_samples_run_end_to_end_and_again_from_the_store(home: Path, toys: list[str]) -> None:
    scored = run(request(home))
    scores = scored.folder.scores["scores"]
    assert scored.made == 6  # as many as the reference has scans
    assert scores["rows"]["copier"] == 6
    assert "shifter does not draw new brains" in scored.skipped["shifter"]
    # The metric saw the reference and the samples, which copy the training half.
    assert scores["images"]["copier"]["contrast"]["n"] == [6, 6]
    assert scores["records"]["contrast"]["identity"] == "contrast-1"
    files = sorted(path.name for path in derivatives(home, "copier").rglob("*_T1w.nii.gz"))
    assert files[0] == "sub-0001_desc-sample_T1w.nii.gz"
    assert len(files) == 6
    toys.clear()
    assert run(request(home)).made == 0
    assert toys == []


def test_a_sample_depends_on_its_number_alone(tmp_path: Path, toys: list[str]) -> None:
    trees = []
    for home in (tmp_path / "whole", tmp_path / "resumed"):
        run(request(home))
        if home.name == "resumed":
            for path in derivatives(home, "copier").rglob("sub-0003*"):
                if path.is_file():
                    path.unlink()
            assert run(request(home)).made == 1
        trees.append(fakes.tree_digest(derivatives(home, "copier")))
    assert trees[0] == trees[1]


def given_folder(home: Path, toys: list[str], study: str = "toy", method: str = "shifter") -> Path:
    run(Request(method, study, home, CohortRequest("toy"), segmenter="toy"))
    return derivatives(home, method)


@pytest.mark.parametrize(("study", "method"), [("toy", "shifter"), ("toy-samples", "copier")])
def test_given_images_score_as_the_plugin_that_made_them(
    tmp_path: Path, toys: list[str], study: str, method: str
) -> None:
    folder = given_folder(tmp_path / "a", toys, study, method)
    given = Given(folder, "mine")
    scored = run(Request("mine", study, tmp_path / "b", CohortRequest("toy"), segmenter="toy", given=given))
    mine = scored.folder.scores["scores"]
    (stored,) = (tmp_path / "a" / "runs").glob("*/scores.json")
    theirs = run(Request(method, study, tmp_path / "a", CohortRequest("toy"), segmenter="toy")).folder.scores["scores"]
    assert stored.is_file()
    assert mine["rows"]["mine"] == theirs["rows"][method]
    assert mine["images"]["mine"] == theirs["images"][method]


def test_given_images_of_ventricles_are_not_thrown_away(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.ones(fakes.SHAPE, np.float32), fakes.AFFINE), tmp_path / "sub-1_desc-cfNull_T1w.nii.gz")
    card = generator_of(Given(tmp_path, "mine")).card
    asks = [Ask(0, {region: 0.9}, Unit("1", "", region)) for region in ("frontal", "ventricles")]
    (fold,) = possible(card, RecoveryStudy(), [Fold((), tuple(asks))])
    assert [ask.unit.description for ask in fold.asks] == ["frontal", "ventricles"]


def spoil(folder: Path, name: str, **change: object) -> Path:
    """Write an image anew with other voxels, affine or bytes."""
    (path,) = folder.rglob(f"{name}_T1w.nii.gz")
    image = nib.load(path)
    voxels, affine = np.asarray(image.dataobj), image.affine
    if "cut" in change:
        path.write_bytes(path.read_bytes()[:60])
    elif "gone" in change:
        path.unlink()
    else:
        voxels = change.get("voxels", voxels)  # type: ignore[assignment]
        nib.save(nib.Nifti1Image(voxels, change.get("affine", affine)), path)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cut": True}, r"sub-003_ses-01_desc-cfcontrol_T1w.nii.gz: cannot be read"),
        ({"gone": True}, r"no image sub-003_ses-01_desc-cfcontrol_T1w.nii.gz.*--allow-missing"),
        ({"voxels": np.full(fakes.SHAPE, np.nan, np.float32)}, "sub-003_.*NaN or infinite"),
        ({"voxels": np.ones((6, 6, 5), np.float32)}, r"sub-003_.*grid \(6, 6, 5\), the real scans have \(6, 6, 6\)"),
        ({"affine": np.diag([2.0, 3.0, 3.0, 1.0])}, "sub-003_.*its affine is not the real scans'"),
    ],
)
def test_bad_files_are_named_before_anything_is_scored(
    tmp_path: Path, toys: list[str], change: dict[str, object], message: str
) -> None:
    folder = given_folder(tmp_path / "a", toys)
    spoil(folder, "sub-003_ses-01_desc-cfcontrol", **change)
    toys.clear()
    wanted = Request("mine", "toy", tmp_path / "b", CohortRequest("toy"), segmenter="toy", given=Given(folder, "mine"))
    with pytest.raises(UserError, match=message):
        run(wanted)
    assert "score" not in toys


def test_allow_missing_scores_the_rest_and_says_how_many(tmp_path: Path, toys: list[str]) -> None:
    folder = given_folder(tmp_path / "a", toys)
    spoil(folder, "sub-003_ses-01_desc-cfcontrol", gone=True)
    given = Given(folder, "mine", allow_missing=True)
    scored = run(Request("mine", "toy", tmp_path / "b", CohortRequest("toy"), segmenter="toy", given=given))
    assert any("12/13 images scored" in line for line in scored.warnings)
    assert scored.folder.scores["scores"]["rows"]["mine"][1] == 12
    # Every row is cut to the same people.
    assert scored.folder.scores["scores"]["rows"]["truth"][1] == 12


def test_images_that_nobody_asked_for_are_named(tmp_path: Path, toys: list[str]) -> None:
    folder = given_folder(tmp_path / "a", toys)
    (path,) = folder.rglob("sub-003_ses-01_desc-cfcontrol_T1w.nii.gz")
    path.rename(path.with_name("sub-003_ses-01_desc-cfControl_T1w.nii.gz"))
    said = "1 image not asked for, left out: sub-003_ses-01_desc-cfControl .did you mean sub-003_ses-01_desc-cfcontrol"
    wanted = Request("mine", "toy", tmp_path / "b", CohortRequest("toy"), segmenter="toy", given=Given(folder, "mine"))
    with pytest.raises(UserError, match=said):
        run(wanted)
    scored = run(dataclasses.replace(wanted, given=Given(folder, "mine", allow_missing=True)))
    assert any(re.search(f"^mine: {said}", line) for line in scored.warnings)
    # The scans that the images were made from may lie beside them.
    path.with_name("sub-003_ses-01_desc-cfControl_T1w.nii.gz").rename(path)
    path.with_name("sub-003_ses-01_T1w.nii.gz").write_bytes(path.read_bytes())
    scored = run(wanted)
    assert not any("mine" in line for line in scored.warnings)


def test_more_new_brains_than_real_ones_are_counted(tmp_path: Path, toys: list[str]) -> None:
    folder = given_folder(tmp_path / "a", toys, "toy-samples", "copier")
    wanted = Request("mine", "toy-samples", tmp_path / "b", CohortRequest("toy"), segmenter="toy")
    wanted = dataclasses.replace(wanted, given=Given(folder, "mine"))
    before = run(wanted)
    (last,) = folder.rglob("sub-0006_desc-sample_T1w.nii.gz")
    for number in (7, 8):
        last.with_name(f"sub-000{number}_desc-sample_T1w.nii.gz").write_bytes(last.read_bytes())
    scored = run(wanted)
    said = "mine: 8 images for 6 real ones: the first 6 by name are scored, 2 are left out (sub-0007_desc-sample"
    assert any(line.startswith(said) for line in scored.warnings)
    assert scored.folder.scores["scores"] == before.folder.scores["scores"]


def test_a_manifest_names_files_anywhere(tmp_path: Path, toys: list[str]) -> None:
    folder = given_folder(tmp_path / "a", toys)
    rows = []
    for number, path in enumerate(sorted(folder.rglob("*_T1w.nii.gz"))):
        subject, session, description = (part.split("-")[1] for part in path.name.split("_")[:3])
        moved = tmp_path / f"scan{number}.nii.gz"
        moved.write_bytes(path.read_bytes())
        rows.append({"path": moved.name, "subject": subject, "session": session, "desc": description})
    manifest = tmp_path / "mine.csv"
    pd.DataFrame(rows).to_csv(manifest, index=False)
    given = Given(manifest, "mine")
    scored = run(Request("mine", "toy", tmp_path / "b", CohortRequest("toy"), segmenter="toy", given=given))
    assert scored.folder.scores["scores"]["rows"]["mine"][1] == 13
    pd.DataFrame([*rows, rows[0]]).to_csv(manifest, index=False)
    with pytest.raises(UserError, match="a second image of sub-000_ses-01_desc-cfAUD"):
        run(Request("mine", "toy", tmp_path / "c", CohortRequest("toy"), segmenter="toy", given=given))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file\nx.nii.gz\n", "no column 'path'"),
        ("path\nnowhere.nii.gz\n", "line 2: no such file"),
        ("path\n", "names no image"),
    ],
)
def test_bad_manifests(tmp_path: Path, toys: list[str], text: str, message: str) -> None:
    manifest = tmp_path / "mine.csv"
    manifest.write_text(text)
    given = Given(manifest, "mine")
    with pytest.raises(UserError, match=message):
        run(Request("mine", "toy", tmp_path / "b", CohortRequest("toy"), segmenter="toy", given=given))
    with pytest.raises(UserError, match="no image there"):
        run(
            Request("mine", "toy", tmp_path / "b", CohortRequest("toy"), segmenter="toy", given=Given(tmp_path, "mine"))
        )
