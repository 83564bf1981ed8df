"""Scans of one kind, in their own space."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcgm_bench.cohort.derivatives import derivative_faults


def paths(*endings: str) -> list[Path]:
    return [Path(f"sub-{number:02d}/anat/sub-{number:02d}_{ending}.nii.gz") for number, ending in enumerate(endings)]


@pytest.mark.parametrize(
    "endings",
    [("T1w", "T1w"), ("ses-01_run-1_T1w", "ses-02_run-2_T1w"), ("desc-preproc_T1w", "desc-preproc_T1w"),
     ("space-T1w_desc-brain_T1w",), ("space-ACPC_T1w", "space-ACPC_T1w"), ()],
)  # fmt: skip
def test_one_kind_is_no_fault(endings: tuple[str, ...]) -> None:
    assert list(derivative_faults(paths(*endings))) == []


@pytest.mark.parametrize("space", ["MNI152NLin2009cAsym", "MNI152NLin6Asym", "Talairach", "fsaverage", "mystudy"])
def test_a_templates_space_is_named(space: str) -> None:
    (fault,) = derivative_faults(paths(f"space-{space}_desc-preproc_T1w"))
    assert f"lies in space-{space}, a template's: volumes there are not the person's own mL" in fault


def test_mixed_kinds_are_counted() -> None:
    (fault,) = derivative_faults(paths("T1w", "desc-preproc_T1w", "desc-preproc_T1w"))
    assert "2 kinds: 1 without space- or desc- (sub-00_T1w.nii.gz), 2 with desc-preproc (sub-01_desc" in fault
