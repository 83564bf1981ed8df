"""One row's images and their segmentations: a BIDS derivative dataset, image by image.

dataset_description.json
sub-001/[ses-01/]anat/sub-001_ses-01_desc-cfAUD_T1w.nii.gz         the made image (not for factual scans)
                      sub-001_ses-01_desc-cfAUD_T1w.json           what it was made from, and its content
                      sub-001_ses-01_desc-cfAUD_dseg.nii.gz        label map, FreeSurfer numbers
                      sub-001_ses-01_desc-cfAUD_probseg.npz        fractions, float16 (factual scans only)
                      sub-001_ses-01_desc-cfAUD_volumes.tsv        volumes, head size, QC; written last: "done"
                      sub-001_ses-01_desc-cfAUD_unknown.json       in place of all: why the true image is not known
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import UserError
from pcgm_bench.store import atomic
from pcgm_bench.store.identity import digest
from pcgm_bench.store.image_key import ImageKey
from pcgm_bench.store.volumes_table import MeasuredImage
from pcgm_bench.store.volumes_table import StoredVolumes
from pcgm_bench.store.volumes_table import read_volumes
from pcgm_bench.store.volumes_table import write_volumes

AGAIN = "remove this file and give the same command again"
LABELS = "dseg.nii.gz"
UNKNOWN = "unknown.json"
FRACTIONS = "probseg.npz"


class DamagedFileError(UserError):
    """A stored file is not there, or not what was stored. It is named even where a plugin's code reads it.

    Attributes:
        file: the file.
        problem: what is wrong with it.
        stands_for: the file that says that the piece is there: without it, the next run makes the piece again.
    """

    def __init__(self, file: Path, problem: str, remedy: str, stands_for: Path) -> None:
        """The message is ``file: problem; remedy``."""
        super().__init__(f"{file}: {problem}; {remedy}")
        self.file, self.problem, self.remedy, self.stands_for = file, problem, remedy, stands_for

    def __reduce__(self) -> tuple[type[DamagedFileError], tuple[Path, str, str, Path]]:
        """The parts again, for another process."""
        return type(self), (self.file, self.problem, self.remedy, self.stands_for)


@dataclass(frozen=True)
class ImageRequest:
    """An image that is wanted.

    Attributes:
        key: where it is stored.
        made_from: hash of all that its voxels depend on: the generator, the people that it learnt from, what is
            asked, the seed. A stored image that was made from something else is made again. Empty for factual scans,
            whose folder is named by a hash of the same kind.
    """

    key: ImageKey
    made_from: str = ""


@dataclass(frozen=True)
class StoredHashes:
    """An image in three hashes.

    Attributes:
        made_from: of all that its voxels depend on; empty for a factual scan.
        content: of its file; empty for a factual scan.
        table: of the table of its volumes.
    """

    made_from: str
    content: str
    table: str


@dataclass(frozen=True)
class DerivativeFolder:
    """The folder of one row (``derivatives/pcgm``), or of a cohort's factual scans."""

    root: Path

    def path(self, key: ImageKey, suffix: str) -> Path:
        """Where a file of an image is; the suffixes are those of the module's docstring (``T1w.nii.gz``)."""
        return self.root / key.folder / f"{key.stem}_{suffix}"

    def describe_dataset(self, title: str, generated_by: Mapping[str, str]) -> None:
        """Write ``dataset_description.json`` once."""
        path = self.root / "dataset_description.json"
        if not path.exists():
            content = {"Name": title, "BIDSVersion": "1.9.0", "DatasetType": "derivative"}
            atomic.write_json(path, {**content, "GeneratedBy": [dict(generated_by)]})

    def is_done(self, wanted: ImageRequest) -> bool:
        """Whether the image is there, made from what it should be made from, and segmented; or known to be unknown."""
        if not self.path(wanted.key, "volumes.tsv").exists():
            return bool(self.why_unknown(wanted))
        return not wanted.made_from or self.has_image(wanted)

    def count_done(self, wanted: Iterable[ImageRequest]) -> int:
        """How many of these are done."""
        return sum(self.is_done(request) for request in wanted)

    def write_image(self, wanted: ImageRequest, image: np.ndarray, affine: np.ndarray) -> None:
        """Store a made image ``(X, Y, Z)``; an older one of the key, and what was measured on it, goes first."""
        self._remove(wanted.key)
        path = self.path(wanted.key, "T1w.nii.gz")
        atomic.write_nifti(path, image.astype(np.float32), affine)
        note = {"MadeFrom": wanted.made_from, "Content": digest(path.read_bytes())}
        atomic.write_json(self.path(wanted.key, "T1w.json"), note)

    def write_unknown(self, wanted: ImageRequest, reason: str) -> None:
        """Store why there is no true image of a request; an older image of the key goes first."""
        self._remove(wanted.key)
        atomic.write_json(self.path(wanted.key, UNKNOWN), {"MadeFrom": wanted.made_from, "Reason": reason})

    def why_unknown(self, wanted: ImageRequest) -> str:
        """Why there is no true image of a request; empty where nobody has said so."""
        note = self._note(wanted.key, UNKNOWN)
        return note.get("Reason", "") if wanted.made_from and note.get("MadeFrom") == wanted.made_from else ""

    def _remove(self, key: ImageKey) -> None:
        for suffix in ("volumes.tsv", "T1w.json", UNKNOWN):
            self.path(key, suffix).unlink(missing_ok=True)

    def has_image(self, wanted: ImageRequest) -> bool:
        """Whether the image is there, segmented or not, made from what it should be made from."""
        image = self.path(wanted.key, "T1w.nii.gz")
        return image.exists() and self._note(wanted.key).get("MadeFrom") == wanted.made_from

    def read_image(self, key: ImageKey) -> np.ndarray:
        """The stored image ``(X, Y, Z)`` float32, in C order.

        Raises:
            DamagedFileError: it is not the image that was stored.
        """
        self.check_image(key)
        return atomic.read_nifti(self.path(key, "T1w.nii.gz"), np.float32, AGAIN)[0]

    def check_image(self, key: ImageKey) -> None:
        """Compare an image's file with what was stored; raises as `read_image`."""
        note = self.path(key, "T1w.json")
        _same_content(self.path(key, "T1w.nii.gz"), self._note(key).get("Content", ""), AGAIN, note)

    def write_segmentation(
        self,
        key: ImageKey,
        segmentation: Segmentation,
        affine: np.ndarray,
        asked: Mapping[str, float] | None = None,
        *,
        keep_fractions: bool = False,
        quality: Mapping[str, float] | None = None,
    ) -> None:
        """Store what a segmenter measured on an image; the image is done then.

        Args:
            key: whose image it is.
            segmentation: what the segmenter measured.
            affine: ``(4, 4)`` of the image.
            asked: mL that the generator meant the image to have.
            keep_fractions: store the soft fractions too (float16); factual scans need them, generators use them.
            quality: measures of a factual scan's image, by name.
        """
        written = []
        if segmentation.labels.size:
            written.append(LABELS)
            atomic.write_nifti(self.path(key, LABELS), segmentation.labels.astype(np.int16), affine)
        if keep_fractions and segmentation.fractions.size:
            written.append(FRACTIONS)
            fractions = segmentation.fractions.astype(np.float16)
            atomic.write_npz(self.path(key, FRACTIONS), {"fractions": fractions})
        files = {suffix: digest(self.path(key, suffix).read_bytes()) for suffix in written}
        write_volumes(
            self.path(key, "volumes.tsv"), self._measured(key), segmentation, asked or {}, files, quality or {}
        )

    def read_volumes(self, key: ImageKey) -> StoredVolumes:
        """The numbers of a done image.

        Raises:
            DamagedFileError: the table is not the one that was stored for the image of this key.
        """
        path = self.path(key, "volumes.tsv")
        try:
            return read_volumes(path, self._measured(key))
        except ValueError as error:
            raise DamagedFileError(path, f"not a table of volumes ({error})", AGAIN, path) from error

    def read_fractions(self, key: ImageKey) -> np.ndarray:
        """``(12, X, Y, Z)`` float32 of an image stored with ``keep_fractions``.

        Raises:
            UserError: its segmenter measured volumes alone.
            DamagedFileError: the file is not the one that was stored.
        """
        content = self._content(key, FRACTIONS, "tissue fractions")
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return archive["fractions"].astype(np.float32)

    def read_labels(self, key: ImageKey) -> np.ndarray:
        """``(X, Y, Z)`` int16 label map of a done image; raises as `read_fractions`."""
        self._content(key, LABELS, "label map")
        return atomic.read_nifti(self.path(key, LABELS), np.int16, AGAIN)[0]

    def has_labels(self, key: ImageKey) -> bool:
        """Whether a done image has a label map; a table of volumes brings none."""
        return self.path(key, LABELS).exists()

    def _measured(self, key: ImageKey) -> MeasuredImage:
        """The image that is segmented. Its content is known from the note beside it: no image is read here."""
        note = self._note(key)
        return MeasuredImage(key.stem, note.get("Content", ""), note.get("MadeFrom") or self.root.name)

    def stored_hashes(self, key: ImageKey) -> StoredHashes:
        """What the notes beside an image say of it; nothing is compared."""
        note = self._note(key)
        table = self.path(key, "volumes.tsv")
        seal = digest(table.read_bytes()) if table.exists() else ""
        return StoredHashes(note.get("MadeFrom", ""), note.get("Content", ""), seal)

    def check_segmentation(self, key: ImageKey) -> None:
        """Compare everything that was measured on a done image with what was stored; raises as `read_fractions`."""
        for suffix in self.read_volumes(key).files:
            self._content(key, suffix, suffix)

    def _note(self, key: ImageKey, suffix: str = "T1w.json") -> dict[str, str]:
        try:
            note = json.loads(self.path(key, suffix).read_text())
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}

    def _content(self, key: ImageKey, suffix: str, what: str) -> bytes:
        """The content of a file of a segmentation; raises UserError where there is none, or not the one stored."""
        stored = self.read_volumes(key).files
        if LABELS not in stored:
            msg = f"{key.stem}: volumes from a table bring no {what}; give label maps (--segmentations DIR)"
            raise UserError(msg)
        # A segmentation counts as done while its volumes are there.
        again = f"remove {key.stem}_volumes.tsv beside it and give the same command again"
        return _same_content(self.path(key, suffix), stored.get(suffix, ""), again, self.path(key, "volumes.tsv"))


def _same_content(path: Path, stored: str, remedy: str, stands_for: Path) -> bytes:
    """The content of a file, whose hash is the one that was stored."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedFileError(path, f"cannot be read ({error.strerror})", remedy, stands_for) from error
    if digest(content) != stored:
        raise DamagedFileError(path, "changed since it was made", remedy, stands_for)
    return content
