"""Units of a derivative dataset: their names, when they are done, what is read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import UserError
from pcgm_bench.store import Stage
from pcgm_bench.store import Unit
from pcgm_bench.store.stage import describe

AFFINE = np.array([[3.0, 0, 0, -84], [0, 3, 0, -113], [0, 0, 3, -79], [0, 0, 0, 1]])


def reading(shape: tuple[int, int, int] = (4, 5, 6)) -> Segmentation:
    """A segmentation of random numbers."""
    rng = np.random.default_rng(0)
    fractions = rng.dirichlet(np.ones(len(CHANNELS)), shape).transpose(3, 0, 1, 2).astype(np.float32)
    labels = rng.integers(0, 2036, shape).astype(np.int16)
    return Segmentation(fractions, labels, {"frontal": 1 / 3, "lh-insula": 6.5}, 1480.123456789, 0.75)


def test_unit_names() -> None:
    assert Unit("001", "02", "cfAUD").stem == "sub-001_ses-02_desc-cfAUD"
    assert (Unit("001", "").stem, Unit("001", "").folder) == ("sub-001", "sub-001/anat")
    assert describe({"age": 71.5, "diagnosis": "HIV"}) == "cfAge71p5HIV"
    assert describe({"sex": "F"}) == "cfSexF"


def test_unit_is_done_when_its_volumes_are(tmp_path: Path) -> None:
    stage, unit, one = Stage(tmp_path), Unit("001", "01", "cfAUD"), reading()
    image = np.random.default_rng(2).normal(size=one.labels.shape).astype(np.float32)
    stage.write_image(unit, image, AFFINE)
    assert stage.has_image(unit)
    assert not stage.is_done(unit)
    stage.write_reading(unit, one, AFFINE, {"frontal": 0.1}, keep_fractions=True)
    assert stage.count_done([unit, Unit("002", "01", "cfAUD")]) == 1
    back = stage.read_reading(unit)
    assert (dict(back.volumes), back.head_size, back.qc) == (dict(one.volumes), one.head_size, one.qc)
    assert back.asked == {"frontal": 0.1}
    np.testing.assert_array_equal(stage.read_labels(unit), one.labels)
    np.testing.assert_allclose(stage.read_fractions(unit), one.fractions, atol=5e-4)
    stored = stage.read_image(unit)
    np.testing.assert_array_equal(stored, image)
    assert stored.flags["C_CONTIGUOUS"]


def test_damaged_unit_is_named(tmp_path: Path) -> None:
    stage, unit = Stage(tmp_path), Unit("001", "")
    stage.write_image(unit, np.random.default_rng(0).normal(size=(4, 5, 6)), AFFINE)
    stage.write_reading(unit, reading(), AFFINE)
    stage.path(unit, "volumes.tsv").write_text("name\tvalue\n")
    with pytest.raises(UserError, match=r"sub-001_volumes\.tsv: not a table of volumes"):
        stage.read_reading(unit)
    path = stage.path(unit, "T1w.nii.gz")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=r"sub-001_T1w\.nii\.gz: cannot be read .*remove this file"):
        stage.read_image(unit)
