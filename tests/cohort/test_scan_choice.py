"""Which of several scans of a person is taken: by whole entities, per person, and never one that is ignored."""

from __future__ import annotations

import pytest
from four_people import GOOD
from four_people import Folder
from four_people import ages
from four_people import layout
from four_people import refused

from pcgm_bench.cohort.mapping import parse_maps
from pcgm_bench.contracts import UserError


def runs(folder: Folder, *labels: str, subject: str = "01") -> None:
    (folder.root / f"sub-{subject}/anat/sub-{subject}_T1w.nii.gz").unlink()
    for label in labels:
        folder.touch(f"sub-{subject}/anat/sub-{subject}_{label}_T1w.nii.gz")


def chosen(folder: Folder, *maps: str) -> str:
    out = layout(folder, *maps)
    assert out.faults == []
    assert len(out.visits) == 4
    return out.visits[0].path.name


@pytest.mark.parametrize(
    ("labels", "maps", "name"),
    [
        (["run-1", "run-10"], ["scan=run-1"], "sub-01_run-1_T1w.nii.gz"),
        (["run-01", "run-10"], ["scan=run-1"], "sub-01_run-01_T1w.nii.gz"),
        (["run-1", "run-2"], ["scan=sub-01:run-2"], "sub-01_run-2_T1w.nii.gz"),
        (["run-1", "run-2"], ["scan=run-1", "scan=sub-01:run-2"], "sub-01_run-2_T1w.nii.gz"),
        (["acq-mp_run-1", "acq-mprage_run-1"], ["scan=acq-mp+run-1"], "sub-01_acq-mp_run-1_T1w.nii.gz"),
        (["acq-mprage"], ["scan=run-1"], "sub-01_acq-mprage_T1w.nii.gz"),
    ],
)
def test_whole_entities_choose_the_scan(folder: Folder, labels: list[str], maps: list[str], name: str) -> None:
    runs(folder, *labels)
    assert chosen(folder, *maps) == name


@pytest.mark.parametrize(
    ("labels", "maps", "line"),
    [
        (["run-10"], ["scan=run-1"], "its only T1w file of the visit is not run-1 (sub-01_run-10_T1w.nii.gz)"),
        (["run-2", "run-3"], ["scan=run-1"], "none of 2 T1w files of one visit is run-1"),
        (["run-1", "run-2"], [], "choose with --map scan=run-1"),
        (["run-1", "run-2"], ["scan=acq-x"], "none of 2 T1w files of one visit is acq-x"),
        (["acq-a_run-1", "acq-b_run-1"], ["scan=run-1"], "choose with --map scan=sub-01:acq-a"),
    ],
)
def test_a_choice_that_fails_is_said(folder: Folder, labels: list[str], maps: list[str], line: str) -> None:
    runs(folder, *labels)
    assert line in refused(folder, *maps)
    assert len(layout(folder, *maps).faults) == 1


def test_what_is_asked_of_derivatives_is_asked_of_everybody(folder: Folder) -> None:
    runs(folder, "desc-preproc")
    line = "sub-02: its only T1w file of the visit is not desc-preproc (sub-02_T1w.nii.gz)"
    assert line in refused(folder, "scan=desc-preproc")


def test_sessions_are_chosen_too(folder: Folder) -> None:
    folder.visits("01", "ses-01\t45\nses-02\t47")
    assert ages(folder, "scan=ses-02") == {**{key: age for key, age in GOOD.items() if key != "01"}, "01 02": 47}
    assert "asks for ses-03, there is ses-01, ses-02" in refused(folder, "scan=ses-03")


@pytest.mark.parametrize("text", ["scan=mprage", "scan=run-1+x", "scan=01:run-1", "scan=sub-01"])
def test_a_scan_is_named_by_entities(text: str) -> None:
    with pytest.raises(UserError, match="write --map scan="):
        parse_maps([text])


@pytest.mark.parametrize("pattern", ["*_run-2_T1w.nii.gz", "sub-01/anat/*run-2*", "**/*run-2*", "# x\n\n*run*"])
def test_bidsignore_is_honoured(folder: Folder, pattern: str) -> None:
    folder.touch("sub-01/anat/sub-01_run-2_T1w.nii.gz")
    assert "2 T1w files of one visit" in refused(folder)
    folder.write(".bidsignore", f"{pattern}\n")
    assert chosen(folder) == "sub-01_T1w.nii.gz"
    folder.write(".bidsignore", f"{pattern}\n!*run-2*\n")
    assert "2 T1w files of one visit" in refused(folder)


def test_people_whom_bidsignore_names_are_left_out(folder: Folder) -> None:
    folder.touch("sub-05/anat/sub-05_T1w.nii.gz")
    folder.write(".bidsignore", "sub-04/\nsub-05/\n")
    assert ages(folder) == {key: age for key, age in GOOD.items() if key != "04"}
    assert "sub-04: left out, as .bidsignore names the scans" in layout(folder).notes
