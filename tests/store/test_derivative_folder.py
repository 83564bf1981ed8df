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
from pcgm_bench.store.derivative_folder import DamagedFileError
from pcgm_bench.store.image_key import description_of

AFFINE = np.array([[3.0, 0, 0, -84], [0, 3, 0, -113], [0, 0, 3, -79], [0, 0, 0, 1]])
KEY = ImageKey("001", "01", "cfAUD")


def segmentation(shape: tuple[int, int, int] = (4, 5, 6)) -> Segmentation:
    """Random numbers."""
    rng = np.random.default_rng(0)
    fractions = rng.dirichlet(np.ones(len(CHANNELS)), shape).transpose(3, 0, 1, 2).astype(np.float32)
    labels = rng.integers(0, 2036, shape).astype(np.int16)
    volumes = {"frontal": 1 / 3, "lh-insula": 6.5}
    parts = {"thalamus": 0.75, "cortex": 0.9}
    return Segmentation(fractions, labels, volumes, 1480.123456789, 0.75, parts, {"frontal": 1.5})


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
    assert (back.qc_parts, back.sd_percent) == (written.qc_parts, written.sd_percent)
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


# Whole files of another image.

OTHER = ImageKey("002", "01", "cfAUD")
SEGMENTATION = ("volumes.tsv", "dseg.nii.gz", "probseg.npz")


def copy(source: DerivativeFolder, of: ImageKey, target: DerivativeFolder, to: ImageKey, *suffixes: str) -> None:
    for suffix in suffixes:
        target.path(to, suffix).write_bytes(source.path(of, suffix).read_bytes())


def refuses(folder: DerivativeFolder, key: ImageKey) -> None:
    for read in (folder.read_volumes, folder.read_labels, folder.read_fractions):
        with pytest.raises(DamagedFileError, match=rf"{key.stem}_volumes.tsv: .*of another image.*remove this file"):
            read(key)


@pytest.mark.parametrize("suffixes", [SEGMENTATION[:1], SEGMENTATION])
def test_another_persons_segmentation_is_refused(tmp_path: Path, suffixes: tuple[str, ...]) -> None:
    folder = stored(tmp_path)
    # The same voxels: the person alone differs.
    folder.write_image(ImageRequest(OTHER, "these people"), image(), AFFINE)
    folder.write_segmentation(OTHER, segmentation(), AFFINE, keep_fractions=True)
    assert folder.read_volumes(KEY).asked == {"frontal": 0.1}
    copy(folder, OTHER, folder, KEY, *suffixes)
    refuses(folder, KEY)
    assert dict(folder.read_volumes(OTHER).volumes) == dict(segmentation().volumes), "the other's own stays readable"


def test_another_rows_segmentation_of_the_same_key_is_refused(tmp_path: Path) -> None:
    method, control = stored(tmp_path / "method"), DerivativeFolder(tmp_path / "control")
    control.write_image(ImageRequest(KEY, "these people"), image(5), AFFINE)
    control.write_segmentation(KEY, segmentation(), AFFINE, keep_fractions=True)
    copy(control, KEY, method, KEY, *SEGMENTATION)
    refuses(method, KEY)
    method.write_segmentation(KEY, segmentation(), AFFINE, {"frontal": 0.2}, keep_fractions=True)
    assert method.read_volumes(KEY).asked == {"frontal": 0.2}, "measured anew, it is the row's own again"


def test_another_factual_scans_segmentation_is_refused(tmp_path: Path) -> None:
    folder, keys = DerivativeFolder(tmp_path), (ImageKey("001", "01"), ImageKey("002", "01"))
    for key in keys:
        folder.write_segmentation(key, segmentation(), AFFINE, keep_fractions=True)
        assert folder.read_fractions(key).shape == segmentation().fractions.shape
    copy(folder, keys[1], folder, keys[0], *SEGMENTATION)
    refuses(folder, keys[0])
    np.testing.assert_array_equal(folder.read_labels(keys[1]), segmentation().labels)


def test_whether_an_image_is_done_reads_no_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stored(tmp_path)
    read = Path.read_bytes

    def only_small_files(path: Path) -> bytes:
        assert path.suffix != ".gz"
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", only_small_files)
    assert folder.is_done(ImageRequest(KEY, "these people"))
    folder.read_volumes(KEY)
    with pytest.raises(AssertionError):
        folder.read_image(KEY)
