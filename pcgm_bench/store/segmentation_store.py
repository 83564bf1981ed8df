"""Segmentations by the content of the image, shared by all runs of a home folder.

<root>/<ab>/<hash of the image>.npz     label map and volumes, and a checksum of 32 letters, where NumPy does not read

The checksum covers the names of the file and of the root too: a file of another image, or of another segmenter, counts
as none.

The same image is segmented once: a copy of the input, a real scan in place of another person, and the true
counterfactual that nine methods are compared with.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.contracts import Segmentation
from pcgm_bench.store.identity import digest
from pcgm_bench.store.sealed import read_sealed
from pcgm_bench.store.sealed import write_sealed

FACTS = ("head_size", "qc")
PART = "qc_part "
"""Start of the name of a part's QC score."""
SD = "sd_percent "
"""Start of the name of a volume's error."""


@dataclass(frozen=True)
class SegmentationStore:
    """Segmentations of one segmenter, by content. Fractions are not kept.

    Attributes:
        root: a folder of this segmenter's own: its weights, its code, and the versions of the libraries name it.
    """

    root: Path

    def path(self, image: np.ndarray, affine: np.ndarray) -> Path:
        """The file of an image ``(X, Y, Z)``."""
        voxels = np.ascontiguousarray(image, np.float32)
        where = np.ascontiguousarray(affine, np.float64)
        name = digest([list(voxels.shape), digest(voxels.tobytes()), digest(where.tobytes())])
        return self.root / name[:2] / f"{name}.npz"

    def read(self, image: np.ndarray, affine: np.ndarray) -> Segmentation | None:
        """What was measured on the same image before; None where nothing was, or the file is damaged or another's."""
        archive = read_sealed(self.path(image, affine), self.root.name)
        if archive is None:
            return None
        with np.load(io.BytesIO(archive), allow_pickle=False) as arrays:
            labels, names, values = arrays["labels"], arrays["names"], arrays["values"]
        numbers = dict(zip(names.tolist(), values.tolist(), strict=True))
        head_size, qc = (numbers.pop(name) for name in FACTS)
        parts, sd = (
            {name.removeprefix(start): numbers.pop(name) for name in list(numbers) if name.startswith(start)}
            for start in (PART, SD)
        )
        nothing = np.empty((len(CHANNELS), 0, 0, 0), np.float32)
        return Segmentation(nothing, labels, numbers, head_size, qc, parts, sd)

    def write(self, image: np.ndarray, affine: np.ndarray, segmentation: Segmentation) -> None:
        """Keep what was measured on an image. Raises as `write_sealed`."""
        parts = {f"{PART}{name}": value for name, value in segmentation.qc_parts.items()}
        parts |= {f"{SD}{name}": value for name, value in segmentation.sd_percent.items()}
        numbers = {"head_size": segmentation.head_size, "qc": segmentation.qc, **parts, **segmentation.volumes}
        labels = np.ascontiguousarray(segmentation.labels, np.int16)
        names, values = np.array(list(numbers)), np.array(list(numbers.values()), np.float64)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, labels=labels, names=names, values=values)
        write_sealed(self.path(image, affine), buffer.getvalue(), self.root.name)
