"""The scale of a single scan on the grid, and of sets of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from volume_twins import GRID
from volume_twins import brain
from volume_twins import nifti

from pcgm_bench.cohort.bids import load_scan
from pcgm_bench.cohort.intensity import intensity_of
from pcgm_bench.cohort.intensity import scale_faults
from pcgm_bench.cohort.intensity import scale_notes
from pcgm_bench.contracts import UserError


@pytest.mark.parametrize(("factor", "offset"), [(255, 0), (1000, 0), (2, -1), (9, 0), (1, 0.4), (-1, 1.3)])
def test_a_single_scan_on_the_grid_has_the_grids_scale(tmp_path: Path, factor: float, offset: float) -> None:
    path = tmp_path / "sub-1_T1w.nii.gz"
    path.write_bytes(nifti(brain()))
    np.testing.assert_array_equal(load_scan(path, 40, "F", "control")[0].image, brain())
    path.write_bytes(nifti((factor * brain() + offset).astype(np.float32)))
    with pytest.raises(UserError, match=r"sub-1_T1w.nii.gz: .*another (intensity )?scale.*save it as background 0"):
        load_scan(path, 40, "F", "control")


def test_one_image_on_another_scale_is_named_among_many() -> None:
    real = intensity_of(brain())
    images = {"a": intensity_of(brain()), "b": intensity_of(brain() * np.float32(255)), "c": intensity_of(brain())}
    (fault,) = scale_faults(images, real)
    assert fault.startswith(
        "1 of 3 images are on another intensity scale (b: 0 to 255) than a (that of the real scans)"
    )
    assert scale_faults({name: images[name] for name in "ac"}, real) == []
    assert scale_faults({"b": images["b"]}, real) == []


def test_what_is_done_is_said() -> None:
    real = intensity_of(brain())
    assert scale_notes(real, real) == []
    (line,) = scale_notes(intensity_of(brain() * np.float32(255)), real)
    assert "on a scale of 0 to 255 and are RESCALED" in line
    assert "0.00392157 x intensity + 0" in line
    (line,) = scale_notes(intensity_of(brain() * np.float32(0.75)), real)
    assert "other grey levels than the real scans" in line
    assert "judged as they are" in line


def test_an_image_without_a_background_is_compared_as_it_is() -> None:
    flat = (1 + np.random.default_rng(0).normal(0, 0.02, GRID.shape)).astype(np.float32)
    assert scale_faults({"dark": intensity_of(flat * np.float32(0.9))}, intensity_of(flat)) == []
