"""Images of a row and what was measured on them: names, when they are done, what is read back, what is damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import UserError
from pcgm_bench.store import DerivativeFolder
from pcgm_bench.store import ImageKey
from pcgm_bench.store import ImageRequest
from pcgm_bench.store import SegmentationStore
from pcgm_bench.store.image_key import description_of

AFFINE = np.array([[3.0, 0, 0, -84], [0, 3, 0, -113], [0, 0, 3, -79], [0, 0, 0, 1]])
KEY = ImageKey("001", "01", "cfAUD")


def segmentation(shape: tuple[int, int, int] = (4, 5, 6)) -> Segmentation:
    """Random numbers."""
    rng = np.random.default_rng(0)
    fractions = rng.dirichlet(np.ones(len(CHANNELS)), shape).transpose(3, 0, 1, 2).astype(np.float32)
    labels = rng.integers(0, 2036, shape).astype(np.int16)
    volumes = {"frontal": 1 / 3, "lh-insula": 6.5}
    return Segmentation(fractions, labels, volumes, 1480.123456789, 0.75, {"thalamus": 0.75, "cortex": 0.9})


def image(seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(4, 5, 6)).astype(np.float32)


def stored(tmp_path: Path) -> DerivativeFolder:
    folder = DerivativeFolder(tmp_path)
    folder.write_image(ImageRequest(KEY, "these people"), image(), AFFINE)
    folder.write_segmentation(KEY, segmentation(), AFFINE, {"frontal": 0.1}, keep_fractions=True)
    return folder


def test_names() -> None:
    assert ImageKey("001", "02", "cfAUD").stem == "sub-001_ses-02_desc-cfAUD"
    assert (ImageKey("001", "").stem, ImageKey("001", "").folder) == ("sub-001", "sub-001/anat")
    assert description_of({"age": 71.5, "diagnosis": "HIV"}) == "cfAge71p5HIV"
    assert description_of({"sex": "F"}) == "cfSexF"


def test_an_image_is_done_when_its_volumes_are(tmp_path: Path) -> None:
    folder, wanted, written = DerivativeFolder(tmp_path), ImageRequest(KEY, "these people"), segmentation()
    folder.write_image(wanted, image(), AFFINE)
    assert folder.has_image(wanted)
    assert not folder.is_done(wanted)
    folder.write_segmentation(KEY, written, AFFINE, {"frontal": 0.1}, keep_fractions=True)
    assert folder.count_done([wanted, ImageRequest(ImageKey("002", "01", "cfAUD"), "these people")]) == 1
    back = folder.read_volumes(KEY)
    assert (dict(back.volumes), back.head_size, back.qc) == (dict(written.volumes), written.head_size, written.qc)
    assert back.asked == {"frontal": 0.1}
    assert back.qc_parts == written.qc_parts
    np.testing.assert_array_equal(folder.read_labels(KEY), written.labels)
    np.testing.assert_allclose(folder.read_fractions(KEY), written.fractions, atol=5e-4)
    kept = folder.read_image(KEY)
    np.testing.assert_array_equal(kept, image())
    assert kept.flags["C_CONTIGUOUS"]


def test_an_image_made_from_something_else_is_not_the_one_that_is_wanted(tmp_path: Path) -> None:
    folder, other = stored(tmp_path), ImageRequest(KEY, "other people")
    assert not folder.is_done(other)
    assert not folder.has_image(other)
    folder.write_image(other, image(3), AFFINE)
    # What was measured on the old image has gone with it.
    assert not folder.is_done(other)
    assert not folder.is_done(ImageRequest(KEY, "these people"))


@pytest.mark.parametrize("suffix", ["T1w.nii.gz", "dseg.nii.gz", "probseg.npz", "volumes.tsv"])
@pytest.mark.parametrize("how", ["flip", "cut", "swap"])
def test_what_is_not_what_was_stored_is_named(tmp_path: Path, suffix: str, how: str) -> None:
    folder = stored(tmp_path)
    path = folder.path(KEY, suffix)
    content = bytearray(path.read_bytes())
    if how == "flip":
        content[-9] ^= 4
    elif how == "cut":
        content = content[: len(content) * 2 // 3]
    else:  # another person's file
        other = DerivativeFolder(tmp_path / "other")
        other.write_image(ImageRequest(KEY), image(5), AFFINE)
        other.write_segmentation(KEY, segmentation((6, 5, 4)), AFFINE, keep_fractions=True)
        content = bytearray(other.path(KEY, suffix).read_bytes())
    path.write_bytes(bytes(content))
    read = {
        "T1w.nii.gz": folder.read_image,
        "dseg.nii.gz": folder.read_labels,
        "probseg.npz": folder.read_fractions,
        "volumes.tsv": folder.read_volumes,
    }[suffix]
    if (suffix, how) == ("volumes.tsv", "swap"):
        # The table is whole, and does not belong to the label map beside it.
        read = folder.read_labels
    with pytest.raises(UserError, match=r"sub-001_ses-01_desc-cfAUD_.*give the same command again"):
        read(KEY)


def test_volumes_from_a_table_bring_no_voxels(tmp_path: Path) -> None:
    folder = DerivativeFolder(tmp_path)
    folder.write_segmentation(KEY, Segmentation.of_volumes({"frontal": 1.0}, 2.0, float("nan")), AFFINE)
    assert not folder.has_labels(KEY)
    with pytest.raises(UserError, match="bring no label map"):
        folder.read_labels(KEY)
    with pytest.raises(UserError, match="bring no tissue fractions"):
        folder.read_fractions(KEY)


# By content.


def test_an_image_is_known_again_by_its_voxels_and_its_place(tmp_path: Path) -> None:
    store, written = SegmentationStore(tmp_path), segmentation()
    assert store.read(image(), AFFINE) is None
    store.write(image(), AFFINE, written)
    back = store.read(image().astype(np.float32, order="F"), AFFINE)
    assert back is not None
    assert (dict(back.volumes), back.head_size, back.qc) == (dict(written.volumes), written.head_size, written.qc)
    assert back.qc_parts == written.qc_parts
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
