"""Segmentations by the content of the image: what is known again, and what counts as none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pcgm_bench.contracts import Segmentation
from pcgm_bench.store import SegmentationStore

AFFINE = np.array([[3.0, 0, 0, -84], [0, 3, 0, -113], [0, 0, 3, -79], [0, 0, 0, 1]])


def segmentation(frontal: float = 1 / 3) -> Segmentation:
    """Random labels."""
    labels = np.random.default_rng(0).integers(0, 2036, (4, 5, 6)).astype(np.int16)
    volumes = {"frontal": frontal, "lh-insula": 6.5}
    nothing = np.empty((12, 0, 0, 0), np.float32)
    return Segmentation(
        nothing, labels, volumes, 1480.123456789, 0.75, {"thalamus": 0.75, "cortex": 0.9}, {"frontal": 1.5}
    )


def image(seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(4, 5, 6)).astype(np.float32)


def test_an_image_is_known_again_by_its_voxels_and_its_place(tmp_path: Path) -> None:
    store, written = SegmentationStore(tmp_path), segmentation()
    assert store.read(image(), AFFINE) is None
    store.write(image(), AFFINE, written)
    back = store.read(image().astype(np.float32, order="F"), AFFINE)
    assert back is not None
    assert (dict(back.volumes), back.head_size, back.qc) == (dict(written.volumes), written.head_size, written.qc)
    assert (back.qc_parts, back.sd_percent) == (written.qc_parts, written.sd_percent)
    np.testing.assert_array_equal(back.labels, written.labels)
    assert store.read(image(3), AFFINE) is None
    assert store.read(image(), np.eye(4)) is None
    assert store.read(image().reshape(5, 4, 6), AFFINE) is None


def test_volumes_alone_are_known_again_too(tmp_path: Path) -> None:
    store = SegmentationStore(tmp_path)
    store.write(image(), AFFINE, Segmentation.of_volumes({"frontal": 1.0}, 2.0, float("nan")))
    back = store.read(image(), AFFINE)
    assert back is not None
    assert (back.volumes, back.labels.size) == ({"frontal": 1.0}, 0)


@pytest.mark.parametrize("how", ["flip", "cut"])
def test_a_damaged_entry_counts_as_none(tmp_path: Path, how: str) -> None:
    store = SegmentationStore(tmp_path)
    store.write(image(), AFFINE, segmentation())
    path = store.path(image(), AFFINE)
    whole = path.read_bytes()
    for place in range(0, len(whole), 37):
        content = bytearray(whole)
        content[place] ^= 16
        path.write_bytes(bytes(content) if how == "flip" else whole[:place])
        back = store.read(image(), AFFINE)
        assert back is None or dict(back.volumes) == dict(segmentation().volumes)


def test_a_segmentation_of_another_image_counts_as_none(tmp_path: Path) -> None:
    store = SegmentationStore(tmp_path)
    store.write(image(0), AFFINE, segmentation(1.0))
    store.write(image(1), AFFINE, segmentation(2.0))
    first, second = (store.path(image(seed), AFFINE) for seed in (0, 1))
    contents = first.read_bytes(), second.read_bytes()
    second.write_bytes(contents[0])
    first.write_bytes(contents[1])
    assert store.read(image(0), AFFINE) is None
    assert store.read(image(1), AFFINE) is None
    store.write(image(0), AFFINE, segmentation(1.0))
    assert first.read_bytes() == contents[0]


def test_a_segmentation_of_another_segmenter_counts_as_none(tmp_path: Path) -> None:
    stores = SegmentationStore(tmp_path / "a"), SegmentationStore(tmp_path / "b")
    for store in stores:
        store.write(image(), AFFINE, segmentation())
    stores[0].path(image(), AFFINE).write_bytes(stores[1].path(image(), AFFINE).read_bytes())
    assert stores[0].read(image(), AFFINE) is None
    assert stores[1].read(image(), AFFINE) is not None
