"""Images made elsewhere: scored as a plugin's, checked before, named where they are wrong."""

from __future__ import annotations

import re
from pathlib import Path

import fakes
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from toy_runs import derivatives
from toy_runs import of_folder
from toy_runs import records_of
from toy_runs import request

from pcgm_bench.contracts import UserError
from pcgm_bench.runner.fold_plan import FoldPlan
from pcgm_bench.runner.fold_plan import ImageTask
from pcgm_bench.runner.fold_plan import for_row
from pcgm_bench.runner.image_folder import image_folder_spec
from pcgm_bench.runner.request import ImageFolder
from pcgm_bench.runner.run import run
from pcgm_bench.store import ImageKey


def images_of(home: Path, study: str = "toy", method: str = "shifter") -> Path:
    run(request(home, method=method, study=study))
    return derivatives(home, method)


@pytest.mark.parametrize(("study", "method", "metric"), [("toy", "shifter", "brightness"),
                                                         ("toy-samples", "copier", "contrast")])  # fmt: skip
def test_a_folder_scores_as_the_plugin_that_made_it(
    tmp_path: Path, toys: list[str], study: str, method: str, metric: str
) -> None:
    folder = images_of(tmp_path / "a", study, method)
    mine = run(of_folder(tmp_path / "b", folder, study=study))
    theirs = run(request(tmp_path / "a", method=method, study=study))
    assert theirs.made == 0
    for name in (metric, "frontal" if study == "toy" else "images"):
        ours, plugins = records_of(mine, name)["mine"], records_of(theirs, name)[method]
        assert (ours.estimate, ours.n) == (plugins.estimate, plugins.n)


def test_the_method_of_a_folders_name_is_not_replaced(tmp_path: Path, toys: list[str]) -> None:
    """After images of the name ``second-hand`` were scored, methods are what they were: nothing global is left."""
    folder = images_of(tmp_path / "a")
    run(of_folder(tmp_path / "b", folder))
    with pytest.raises(UserError, match="unknown method 'mine'"):
        run(request(tmp_path / "b", method="mine"))


def test_images_of_ventricles_are_not_thrown_away(tmp_path: Path, toys: list[str]) -> None:
    nib.save(nib.Nifti1Image(np.ones(fakes.SHAPE, np.float32), fakes.AFFINE), tmp_path / "sub-1_desc-cfNull_T1w.nii.gz")
    card = image_folder_spec(ImageFolder(tmp_path), "mine").card
    tasks = tuple(ImageTask(0, {region: 0.9}, ImageKey("1", "", region)) for region in ("frontal", "ventricles"))
    from fakes_studies import ToyStudy

    (fold,) = for_row([FoldPlan((), tasks)], "basis", card, ToyStudy())
    assert [task.key.description for task in fold.tasks] == ["frontal", "ventricles"]


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
        ({"cut": True}, r"sub-003_ses-01_desc-cfcontrol_T1w.nii.gz: truncated or damaged"),
        ({"gone": True}, r"no image sub-003_ses-01_desc-cfcontrol_T1w.nii.gz.*--allow-missing"),
        ({"voxels": np.full(fakes.SHAPE, np.nan, np.float32)}, "sub-003_.*NaN or infinite"),
        ({"voxels": np.zeros(fakes.SHAPE, np.float32)}, "sub-003_.*zero everywhere"),
        ({"voxels": np.ones((6, 6, 5), np.float32)}, r"sub-003_.*grid \(6, 6, 5\), the real scans have \(6, 6, 6\)"),
        ({"affine": np.diag([2.0, 3.0, 3.0, 1.0])}, "sub-003_.*its affine is not the real scans'"),
    ],
)
def test_bad_files_are_named_before_anything_is_scored(
    tmp_path: Path, toys: list[str], change: dict[str, object], message: str
) -> None:
    folder = images_of(tmp_path / "a")
    spoil(folder, "sub-003_ses-01_desc-cfcontrol", **change)
    toys.clear()
    with pytest.raises(UserError, match=message):
        run(of_folder(tmp_path / "b", folder))
    assert "score" not in toys
    assert not (tmp_path / "b" / "runs").exists(), "a refused score leaves no run"


def test_allow_missing_scores_the_rest_and_says_how_many(tmp_path: Path, toys: list[str]) -> None:
    folder = images_of(tmp_path / "a")
    spoil(folder, "sub-003_ses-01_desc-cfcontrol", gone=True)
    result = run(of_folder(tmp_path / "b", folder, allow_missing=True))
    assert any("12/13 images scored" in line for line in result.scores.warnings)
    means = records_of(result, "frontal")
    # Every row is cut to the same people.
    assert (means["mine"].n, means["truth"].n) == (12, 12)


def test_images_that_nobody_asked_for_are_named(tmp_path: Path, toys: list[str]) -> None:
    folder = images_of(tmp_path / "a")
    (path,) = folder.rglob("sub-003_ses-01_desc-cfcontrol_T1w.nii.gz")
    path.rename(path.with_name("sub-003_ses-01_desc-cfControl_T1w.nii.gz"))
    said = "1 image not asked for, left out: sub-003_ses-01_desc-cfControl .did you mean sub-003_ses-01_desc-cfcontrol"
    with pytest.raises(UserError, match=said):
        run(of_folder(tmp_path / "b", folder))
    warnings = run(of_folder(tmp_path / "b", folder, allow_missing=True)).scores.warnings
    assert any(re.search(f"^mine: {said}", line) for line in warnings)
    # The scans that the images were made from may lie beside them.
    path.with_name("sub-003_ses-01_desc-cfControl_T1w.nii.gz").rename(path)
    path.with_name("sub-003_ses-01_T1w.nii.gz").write_bytes(path.read_bytes())
    assert not any("mine" in line for line in run(of_folder(tmp_path / "b", folder)).scores.warnings)


def test_more_new_brains_than_real_ones_are_counted(tmp_path: Path, toys: list[str]) -> None:
    folder = images_of(tmp_path / "a", "toy-samples", "copier")
    wanted = of_folder(tmp_path / "b", folder, study="toy-samples")
    before = run(wanted)
    (last,) = folder.rglob("sub-0006_desc-sample_T1w.nii.gz")
    for number in (7, 8):
        last.with_name(f"sub-000{number}_desc-sample_T1w.nii.gz").write_bytes(last.read_bytes())
    result = run(wanted)
    said = "mine: 8 images for 6 real ones: the first 6 by name are scored, 2 are left out (sub-0007_desc-sample"
    assert any(line.startswith(said) for line in result.scores.warnings)
    assert result.scores.records == before.scores.records


def test_a_manifest_names_files_anywhere(tmp_path: Path, toys: list[str]) -> None:
    folder = images_of(tmp_path / "a")
    rows = []
    for number, path in enumerate(sorted(folder.rglob("*_T1w.nii.gz"))):
        subject, session, description = (part.split("-")[1] for part in path.name.split("_")[:3])
        moved = tmp_path / f"scan{number}.nii.gz"
        moved.write_bytes(path.read_bytes())
        rows.append({"path": moved.name, "subject": subject, "session": session, "desc": description})
    manifest = tmp_path / "mine.csv"
    pd.DataFrame(rows).to_csv(manifest, index=False)
    assert records_of(run(of_folder(tmp_path / "b", manifest)), "frontal")["mine"].n == 13
    pd.DataFrame([*rows, rows[0]]).to_csv(manifest, index=False)
    with pytest.raises(UserError, match=r"scan0\.nii\.gz is named in line 2 too"):
        run(of_folder(tmp_path / "c", manifest))
    (tmp_path / "copy.nii.gz").write_bytes((tmp_path / "scan0.nii.gz").read_bytes())
    pd.DataFrame([*rows, {**rows[0], "path": "copy.nii.gz"}]).to_csv(manifest, index=False)
    with pytest.raises(UserError, match="a second image of sub-000_ses-01_desc-cfAUD"):
        run(of_folder(tmp_path / "d", manifest))


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
    with pytest.raises(UserError, match=message):
        run(of_folder(tmp_path / "b", manifest))
    with pytest.raises(UserError, match="no image there"):
        run(of_folder(tmp_path / "b", tmp_path))
