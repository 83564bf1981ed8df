"""One row's images and what the segmenter read from them: a BIDS derivative dataset, unit by unit.

dataset_description.json
sub-001/[ses-01/]anat/sub-001_ses-01_desc-cfAUD_T1w.nii.gz         the generated image (not for factual scans)
                      sub-001_ses-01_desc-cfAUD_dseg.nii.gz        label map, FreeSurfer numbers
                      sub-001_ses-01_desc-cfAUD_probseg.npz        fractions, float16 (factual scans only)
                      sub-001_ses-01_desc-cfAUD_volumes.tsv        volumes, head size, QC; written last: "done"
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import numpy as np

from pcgm_bench.contracts import Do
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import UserError
from pcgm_bench.store import atomic

HEADER = ("name", "value", "unit", "asked")
AGAIN = "remove this file and run again"
PART = "qc_"
"""Start of the name of a part's QC score."""


@dataclass(frozen=True)
class Unit:
    """One image of a row: a visit, and for a counterfactual what was asked.

    Attributes:
        subject: BIDS label.
        session: BIDS label; empty if there is none.
        description: ``cfAUD``; empty for the factual scan.
    """

    subject: str
    session: str
    description: str = ""

    @property
    def stem(self) -> str:
        """``sub-001_ses-01_desc-cfAUD``."""
        parts = [("sub", self.subject), ("ses", self.session), ("desc", self.description)]
        return "_".join(f"{name}-{value}" for name, value in parts if value)

    @property
    def folder(self) -> str:
        """``sub-001/ses-01/anat``."""
        return "/".join([f"sub-{self.subject}", *([f"ses-{self.session}"] if self.session else []), "anat"])


def describe(do: Do) -> str:
    """A ``do`` as a BIDS label: letters and digits only, a diagnosis by its level, other keys by name.

    >>> describe({"diagnosis": "AUD"}), describe({"age": 71.5}), describe({})
    ('cfAUD', 'cfAge71p5', 'cfNull')
    """
    parts = []
    for name, value in sorted(do.items()):
        text = f"{value:g}" if isinstance(value, float) else str(value)
        label = "".join(letter for letter in text.replace(".", "p").replace("-", "m") if letter.isalnum())
        parts.append(label if name == "diagnosis" else name.capitalize() + label)
    return "cf" + ("".join(parts) or "Null")


@dataclass(frozen=True)
class Reading:
    """What was read from one image, without the voxels.

    Attributes:
        volumes: mL by region.
        head_size: mL.
        qc: as in `pcgm_bench.contracts.Segmentation`.
        asked: mL that the generator meant the image to have, by region; empty if it does not say.
        qc_parts: likewise.
    """

    volumes: Mapping[str, float]
    head_size: float
    qc: float
    asked: Mapping[str, float] = field(default_factory=dict)
    qc_parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """The folder of one row (``derivatives/pcgm``), or of a cohort's factual scans."""

    root: Path

    def path(self, unit: Unit, suffix: str) -> Path:
        """Where a file of a unit is: ``T1w.nii.gz``, ``dseg.nii.gz``, ``probseg.npz`` or ``volumes.tsv``."""
        return self.root / unit.folder / f"{unit.stem}_{suffix}"

    def describe_dataset(self, title: str, generated_by: Mapping[str, str]) -> None:
        """Write ``dataset_description.json`` once."""
        path = self.root / "dataset_description.json"
        if not path.exists():
            content = {"Name": title, "BIDSVersion": "1.9.0", "DatasetType": "derivative"}
            atomic.write_json(path, {**content, "GeneratedBy": [dict(generated_by)]})

    def is_done(self, unit: Unit) -> bool:
        """Whether the unit is complete, and never to be made again."""
        return self.path(unit, "volumes.tsv").exists()

    def count_done(self, units: Iterable[Unit]) -> int:
        """How many of these are complete."""
        return sum(self.is_done(unit) for unit in units)

    def write_image(self, unit: Unit, image: np.ndarray, affine: np.ndarray) -> None:
        """Store a generated image ``(X, Y, Z)``."""
        atomic.write_nifti(self.path(unit, "T1w.nii.gz"), image.astype(np.float32), affine)

    def has_image(self, unit: Unit) -> bool:
        """Whether the unit's image is there, read or not."""
        return self.path(unit, "T1w.nii.gz").exists()

    def read_image(self, unit: Unit) -> np.ndarray:
        """The stored image ``(X, Y, Z)`` float32, in C order."""
        return atomic.read_nifti(self.path(unit, "T1w.nii.gz"), np.float32, AGAIN)[0]

    def write_reading(
        self,
        unit: Unit,
        reading: Segmentation,
        affine: np.ndarray,
        asked: Mapping[str, float] | None = None,
        *,
        keep_fractions: bool = False,
    ) -> None:
        """Store what was read from a unit's image; completes the unit.

        Args:
            unit: whose image it is.
            reading: what the segmenter read.
            affine: ``(4, 4)`` of the image.
            asked: mL the generator meant the image to have.
            keep_fractions: store the soft fractions too (float16); factual scans need them, generators use them.
        """
        if reading.labels.size:
            atomic.write_nifti(self.path(unit, "dseg.nii.gz"), reading.labels.astype(np.int16), affine)
        if keep_fractions and reading.fractions.size:
            atomic.write_npz(self.path(unit, "probseg.npz"), {"fractions": reading.fractions.astype(np.float16)})
        asked = asked or {}
        values = {"head_size": reading.head_size, **reading.volumes}
        quality = {"qc": reading.qc, **{f"{PART}{name}": value for name, value in reading.qc_parts.items()}}
        lines = ["\t".join(HEADER), *(f"{name}\t{float(value)!r}\t1\tn/a" for name, value in quality.items())]
        for name, value in values.items():
            lines.append(f"{name}\t{float(value)!r}\tmL\t{repr(float(asked[name])) if name in asked else 'n/a'}")
        atomic.write_text(self.path(unit, "volumes.tsv"), "\n".join(lines) + "\n")

    def read_reading(self, unit: Unit) -> Reading:
        """The numbers of a complete unit.

        Raises:
            UserError: the file is not what `write_reading` wrote.
        """
        path = self.path(unit, "volumes.tsv")
        try:
            rows = [line.split("\t") for line in path.read_text().splitlines()]
            if tuple(rows[0]) != HEADER:
                raise ValueError("unknown columns")
            values = {name: float(value) for name, value, _unit, _asked in rows[1:]}
            asked = {name: float(text) for name, _value, _unit, text in rows[1:] if text != "n/a"}
            parts = {name.removeprefix(PART): values.pop(name) for name in list(values) if name.startswith(PART)}
            return Reading(values, values.pop("head_size"), values.pop("qc"), asked, parts)
        except (ValueError, IndexError, KeyError) as error:
            raise UserError(f"{path}: not a table of volumes ({error}); {AGAIN}") from error

    def read_fractions(self, unit: Unit) -> np.ndarray:
        """``(12, X, Y, Z)`` float32 of a unit stored with ``keep_fractions``.

        Raises:
            UserError: its segmenter read volumes alone.
        """
        self._need_voxels(unit, "tissue fractions")
        with np.load(self.path(unit, "probseg.npz"), allow_pickle=False) as archive:
            return archive["fractions"].astype(np.float32)

    def read_labels(self, unit: Unit) -> np.ndarray:
        """``(X, Y, Z)`` int16 label map of a complete unit; raises as `read_fractions`."""
        self._need_voxels(unit, "label map")
        return atomic.read_nifti(self.path(unit, "dseg.nii.gz"), np.int16, AGAIN)[0]

    def has_labels(self, unit: Unit) -> bool:
        """Whether a complete unit has a label map; a table of volumes brings none."""
        return self.path(unit, "dseg.nii.gz").exists()

    def _need_voxels(self, unit: Unit, what: str) -> None:
        if self.is_done(unit) and not self.has_labels(unit):
            msg = f"{unit.stem}: volumes from a table bring no {what}; give label maps (--segmentations DIR)"
            raise UserError(msg)
