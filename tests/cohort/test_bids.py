"""Reading BIDS folders: what is wrong with them, said in one line each; and what a cohort holds."""

from __future__ import annotations

import gzip
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from pcgm_bench.cohort.bids import read
from pcgm_bench.cohort.check import check
from pcgm_bench.cohort.grid import grid
from pcgm_bench.contracts import UserError

G = grid("3mm")
HEADER = "participant_id\tage\tgender\tgroup\n"
MAPS = ("diagnosis=group:depr/healthy", "sex=gender")


def brain(seed: int = 0) -> np.ndarray:
    x, y, z = (np.linspace(-1, 1, n) for n in G.shape)
    inside = (x[:, None, None] / 0.8) ** 2 + (y[None, :, None] / 0.85) ** 2 + (z[None, None] / 0.8) ** 2 < 1
    noise = np.random.default_rng(seed).normal(0, 0.02, G.shape)
    return ((0.8 + noise) * inside).astype(np.float32)


def save(path: Path, data: np.ndarray, affine: np.ndarray = G.affine) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(data, affine)
    image.set_sform(affine, 1)
    nib.save(image, path)


def t1w(folder: Path, subject: str) -> Path:
    return folder / f"sub-{subject}" / "anat" / f"sub-{subject}_T1w.nii.gz"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    out = tmp_path / "study"
    for i in range(4):
        save(t1w(out, f"{i:02d}"), brain(i))
    rows = [f"sub-{i:02d}\t{30 + i}.5\t{'mf'[i % 2]}\t{('depr', 'healthy')[i // 2]}\n" for i in range(4)]
    (out / "participants.tsv").write_text(HEADER + "".join(rows))
    (out / "dataset_description.json").write_text(json.dumps({"Name": "a study", "BIDSVersion": "1.8.0"}))
    return out


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "participants.tsv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_other_peoples_columns_become_ours(folder: Path) -> None:
    cohort = read(folder, MAPS)
    assert list(cohort.table["diagnosis"]) == ["AUD", "AUD", "control", "control"]
    assert list(cohort.table["diagnosis_original"]) == ["depr", "depr", "healthy", "healthy"]
    assert list(cohort.table["sex"]) == ["M", "F", "M", "F"]
    assert list(cohort.table["age"]) == [30.5, 31.5, 32.5, 33.5]
    assert cohort.table["head_size"].isna().all()
    assert (cohort.name, len(cohort), cohort.is_phantom) == ("study", 4, False)


def test_scan_on_the_grid_is_used_as_it_is(folder: Path) -> None:
    scan = read(folder, MAPS)[1]
    np.testing.assert_array_equal(scan.image, brain(1))
    np.testing.assert_array_equal(scan.affine, G.affine)
    assert (scan.key, scan.scale, scan.age, scan.sex, scan.diagnosis) == ("sub-01", 1.0, 31.5, "F", "AUD")


def test_iteration_and_subset(folder: Path) -> None:
    cohort = read(folder, MAPS)
    assert [scan.subject for scan in cohort] == ["00", "01", "02", "03"]
    some = cohort.subset(["03", "01"])
    assert list(some.table["subject"]) == ["01", "03"]
    assert some.content_hash != cohort.content_hash
    with pytest.raises(UserError, match="no sub-77 here"):
        cohort.subset(["77"])


def test_content_hash_follows_images_and_metadata(folder: Path) -> None:
    before = read(folder, MAPS).content_hash
    assert read(folder, MAPS).content_hash == before
    edit(folder, "30.5", "30.6")
    after = read(folder, MAPS).content_hash
    assert after != before
    save(t1w(folder, "02"), brain(99))
    assert read(folder, MAPS).content_hash not in (before, after)


def test_any_axis_order_is_turned_to_ras(folder: Path) -> None:
    flipped = G.affine @ np.diag([-1, 1, 1, 1.0])
    flipped[:3, 3] += G.affine[:3, 0] * (G.shape[0] - 1)
    save(t1w(folder, "00"), brain(0)[::-1], flipped)
    np.testing.assert_array_equal(read(folder, MAPS)[0].image, brain(0))


def test_a_fourth_axis_of_one_is_dropped(folder: Path) -> None:
    save(t1w(folder, "00"), brain(0)[..., None])
    assert read(folder, MAPS)[0].image.shape == G.shape


def test_sessions_have_their_own_age(folder: Path) -> None:
    single = t1w(folder, "00")
    for session in ("01", "02"):
        save(folder / "sub-00" / f"ses-{session}" / "anat" / f"sub-00_ses-{session}_T1w.nii.gz", brain(int(session)))
    single.unlink()
    table = folder / "sub-00" / "sub-00_sessions.tsv"
    table.write_text("session_id\tage\nses-01\t30.5\nses-02\t32.1\n")
    cohort = read(folder, MAPS)
    assert list(cohort.table["session"][:2]) == ["01", "02"]
    assert list(cohort.table["age"][:2]) == [30.5, 32.1]
    assert cohort[1].key == "sub-00_ses-02"
    table.write_text("session_id\tage\nses-01\t30.5\n")
    with pytest.raises(UserError, match=r"sub-00_sessions.tsv: no row for ses-02: give exactly one"):
        read(folder, MAPS)


def test_left_out_people_are_named(folder: Path) -> None:
    edit(folder, "depr\nsub-01", "other\nsub-01")
    cohort = read(folder, ("diagnosis=group:depr/healthy/other", "sex=gender"))
    assert list(cohort.table["subject"]) == ["01", "02", "03"]
    assert any("sub-00: left out" in note for note in cohort.notes)


def truncate(folder: Path) -> None:
    path = t1w(folder, "01")
    path.write_bytes(path.read_bytes()[:20_000])


def nan_volume(folder: Path) -> None:
    data = brain(1)
    data[20:22, 30, 30] = np.nan
    save(t1w(folder, "01"), data)


def sheared(folder: Path) -> None:
    affine = G.affine.copy()
    affine[0, 1] = 1.0
    save(t1w(folder, "01"), brain(1), affine)


def no_orientation(folder: Path) -> None:
    image = nib.Nifti1Image(brain(1), None)
    image.header["sform_code"] = image.header["qform_code"] = 0
    nib.save(image, t1w(folder, "01"))


def two_runs(folder: Path) -> None:
    for run in (1, 2):
        save(folder / "sub-01" / "anat" / f"sub-01_run-{run}_T1w.nii.gz", brain(run))
    t1w(folder, "01").unlink()


def not_nifti(folder: Path) -> None:
    t1w(folder, "01").write_bytes(gzip.compress(b"<html>404</html>" * 100))


def with_skull(folder: Path) -> None:
    affine = G.affine @ np.diag([1.1, 1.1, 1.1, 1])
    save(t1w(folder, "01"), np.where(brain(1) > 0, brain(1), 0.3).astype(np.float32), affine)


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (truncate, r"sub-01_T1w.nii.gz: truncated or damaged \(.*\): copy or download it again"),
    "NaN": (nan_volume, r"sub-01_T1w.nii.gz: 2 of 200704 voxels are NaN or infinite: set them to 0"),
    "sheared": (sheared, r"sub-01_T1w.nii.gz: sheared affine \(two voxel axes meet at 72 degrees\): resample"),
    "orientation": (no_orientation, r"sub-01_T1w.nii.gz: sform and qform codes are 0, .*: set one in the header"),
    "not NIfTI": (not_nifti, r"sub-01_T1w.nii.gz: not a readable NIfTI image"),
    "4D": (
        lambda f: save(t1w(f, "01"), np.stack([brain(1), brain(2)], -1)),
        r"sub-01_T1w.nii.gz: 56 x 64 x 56 x 2 voxels, a T1w scan is one 3D volume: extract",
    ),
    "2D": (lambda f: save(t1w(f, "01"), brain(1)[..., :1]), r"56 x 64 x 1 voxels, a T1w scan is one 3D volume"),
    "empty": (lambda f: save(t1w(f, "01"), 0 * brain(1)), r"sub-01_T1w.nii.gz: every voxel is 0, there is no image"),
    "z-scored": (
        lambda f: save(t1w(f, "01"), (brain(1) - brain(1).mean()) / brain(1).std()),
        r"sub-01_T1w.nii.gz: its intensities go below 0 \(background -.*not z-scored",
    ),
    "-1 to 1": (lambda f: save(t1w(f, "01"), 2 * brain(1) - 1), r"sub-01_T1w.nii.gz: its intensities go below 0"),
    "template": (
        lambda f: t1w(f, "01").rename(t1w(f, "01").with_name("sub-01_space-MNI152NLin6Asym_T1w.nii.gz")),
        r"sub-01_space-MNI152NLin6Asym_T1w.nii.gz: lies in space-MNI152NLin6Asym, a template's",
    ),
    "kinds": (
        lambda f: t1w(f, "01").rename(t1w(f, "01").with_name("sub-01_desc-preproc_T1w.nii.gz")),
        r"scans of 2 kinds: 3 without space- or desc- \(sub-00_T1w.nii.gz\), 1 with desc-preproc",
    ),
    "pipe": (
        lambda f: (t1w(f, "01").unlink(), os.mkfifo(t1w(f, "01"))),
        r"sub-01_T1w.nii.gz: (a pipe, socket or device, not a file|not a regular file)",
    ),
    "flipped bit": (
        lambda f: t1w(f, "01").write_bytes(t1w(f, "01").read_bytes()[:-7] + b"x" + t1w(f, "01").read_bytes()[-6:]),
        r"sub-01_T1w.nii.gz: truncated or damaged \(.*incorrect data check\): copy or download it again",
    ),
    "skull": (with_skull, r"sub-01_T1w.nii.gz: \d+ mL are not black, .*: strip the skull first"),
    "tiny": (
        lambda f: save(t1w(f, "01"), brain(1), np.diag([0.5, 0.5, 0.5, 1])),
        r"sub-01_T1w.nii.gz: only \d+ mL are not black",
    ),
    "no scan": (lambda f: t1w(f, "01").unlink(), r"sub-01: no anat/\*_T1w.nii.gz, though participants.tsv lists it"),
    "two runs": (two_runs, r"sub-01: 2 T1w files of one visit \(.*run-1.*run-2.*\): choose with --map scan=run-1"),
    "no row": (lambda f: edit(f, "sub-01\t31.5\tf\tdepr\n", ""), r"participants.tsv: no row for sub-01"),
    "duplicate": (lambda f: edit(f, "sub-02", "sub-01"), r"participants.tsv: sub-01 has two rows: keep one"),
    "column": (
        lambda f: edit(f, "group", "arm"),
        r"participants.tsv: no column 'group': --map diagnosis= must name one",
    ),
    "age column": (lambda f: edit(f, "age", "years"), r"participants.tsv: no column 'age': say which one it is"),
    "level": (
        lambda f: edit(f, "depr\nsub-01", "Depr\nsub-01"),
        r"sub-00: unknown diagnosis 'Depr' \(did you mean 'depr'\?\): name it in --map diagnosis=group:",
    ),
    "no level": (lambda f: edit(f, "depr\nsub-01", "n/a\nsub-01"), r"sub-00: group is missing \(n/a\): fill it in"),
    "negative age": (lambda f: edit(f, "30.5", "-3"), r"sub-00: age -3 is not between 0 and 120: give it in years"),
    "age zero": (lambda f: edit(f, "30.5", "0"), r"sub-00: age 0 is not between 0 and 120"),
    "age text": (lambda f: edit(f, "30.5", "89+"), r"sub-00: age '89\+' is not a number: give it in years"),
    "age missing": (lambda f: edit(f, "30.5", "n/a"), r"sub-00: age is missing \(n/a\): fill it in"),
    "sex": (lambda f: edit(f, "30.5\tm", "30.5\t1"), r"sub-00: sex '1' is neither F nor M: write --map sex=gender:"),
    "short row": (lambda f: edit(f, "30.5\tm\tdepr", "30.5\tm"), r"participants.tsv: row 2 has 3 cells, the header 4"),
    "commas": (
        lambda f: (f / "participants.tsv").write_text((f / "participants.tsv").read_text().replace("\t", ",")),
        r"participants.tsv: no column participant_id: its cells are separated by commas, use tabs",
    ),
    "no table": (lambda f: (f / "participants.tsv").unlink(), r"participants.tsv: missing: a cohort needs it"),
    "bad json": (
        lambda f: (f / "dataset_description.json").write_text("{"),
        r"dataset_description.json: not readable JSON .*: repair or remove it",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_line(folder: Path, name: str) -> None:
    spoil, expected = BAD[name]
    spoil(folder)
    with pytest.raises(UserError, match=expected) as caught:
        read(folder, MAPS)
    assert "\n" not in str(caught.value)
    report = check(folder, MAPS)
    assert not report.ok
    assert str(caught.value).split(" (1 more: ")[0].split(" (2 more: ")[0] == report.faults[0]


def test_check_lists_all_faults_at_once(folder: Path) -> None:
    for name in ("truncated", "negative age"):
        BAD[name][0](folder)
    save(t1w(folder, "03"), 0 * brain(3))
    report = check(folder, MAPS)
    assert len(report.faults) == 3
    assert report.lines()[-1] == "3 fault(s) to mend before a run"
    with pytest.raises(UserError, match="sub-00: age -3"):
        read(folder, MAPS)


def test_check_of_a_good_folder(folder: Path) -> None:
    seen: list[int] = []
    report = check(folder, MAPS, lambda _what, done, _total: seen.append(done))
    assert report.ok
    assert (report.subjects, report.scans, report.levels) == (4, 4, {"AUD": 2, "control": 2})
    assert seen == [1, 2, 3, 4]
    assert any("2 people in the smaller group" in note for note in report.notes)


def test_missing_columns_come_with_the_map_to_write(folder: Path) -> None:
    faults = check(folder).faults
    assert any("no column 'sex': perhaps --map sex=gender" in fault for fault in faults)
    assert any("--map diagnosis=group:depr/healthy (cases first, then controls)" in fault for fault in faults)


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere: no such folder: give the folder that holds participants.tsv"):
        read(tmp_path / "nowhere")


def test_a_folder_that_passed_is_not_checked_again(folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    seen: list[int] = []

    def count(_what: str, done: int, _total: int) -> None:
        seen.append(done)

    read(folder, MAPS, home, progress=count)
    read(folder, MAPS, home, progress=count)
    assert len(seen) == 4
    save(t1w(folder, "02"), brain(98))
    read(folder, MAPS, home, progress=count)
    assert len(seen) == 8


def test_scans_on_two_grids_are_refused(folder: Path) -> None:
    fine = grid("2mm")
    save(t1w(folder, "01"), np.ones(fine.shape, np.float32) * np.arange(fine.shape[0])[:, None, None], fine.affine)
    with pytest.raises(UserError, match=r"different standard grids, 3mm .*2mm .*: resample them to one"):
        read(folder, MAPS)


def test_real_folder_if_there_is_one() -> None:
    root = os.environ.get("PCGM_BENCH_DATA")
    real = Path(root) / "ds002748" if root else None
    if real is None or not real.is_dir():
        message = "real scans not tested: set PCGM_BENCH_DATA to the folder that holds ds002748"
        warnings.warn(message, stacklevel=1)
        pytest.skip(message)
    from pcgm_bench.cohort.layout import read_layout
    from pcgm_bench.cohort.mapping import parse_maps

    layout = read_layout(real, parse_maps(["diagnosis=group:depr/control", "sex=gender"]))
    assert layout.faults == []
    assert len(layout.visits) == 20
    assert sum(visit.diagnosis == "AUD" for visit in layout.visits) == 10
    assert {visit.sex for visit in layout.visits} == {"F", "M"}
