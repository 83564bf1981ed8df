"""``volumes.tsv``: what a segmenter measured on one image, as a table of names, values and units.

Its last lines have no value: ``content of dseg.nii.gz`` and the like give the hash of a file that belongs to the
segmentation, in place of a unit, and ``checksum`` that of all lines above it, of the image that was measured, and of
what that image was made from. So a changed number, a lost line, a label map that is not the one that was stored, the
table of another image, or that of an image of the same name from another run or cohort is not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from pcgm_bench.contracts import Segmentation
from pcgm_bench.store import atomic
from pcgm_bench.store.identity import digest

HEADER = ("name", "value", "unit", "asked", "sd_percent")
PART = "qc_"
"""Start of the name of a part's QC score."""
IMAGE = "image_"
"""Start of the name of a measure of the image's own quality."""
CONTENT = "content of "
CHECKSUM = "checksum"
NONE = "n/a"


@dataclass(frozen=True)
class MeasuredImage:
    """Which image a table is of; the table's checksum covers it.

    Attributes:
        stem: of the image's key: ``sub-001_ses-01_desc-cfAUD``.
        content: hash of the stored image file that was segmented; empty for a factual scan, which is not stored.
        made_from: hash of what the image was made from, the people learnt from included; of a factual scan the name of
            its folder, which says cohort and segmenter.
    """

    stem: str
    content: str = ""
    made_from: str = ""


@dataclass(frozen=True)
class StoredVolumes:
    """A segmentation without its voxels.

    Attributes:
        volumes: mL by region.
        head_size: mL.
        qc: as in `pcgm_bench.contracts.Segmentation`.
        asked: mL that the generator meant the image to have, by region; empty if it does not say.
        qc_parts: as in `pcgm_bench.contracts.Segmentation`.
        files: suffix of a file of the segmentation -> hash of its content.
        quality: of a factual scan's image, by name, `pcgm_bench.cohort.quality.measures.ImageQuality`.
        sd_percent: as in `pcgm_bench.contracts.Segmentation`.
    """

    volumes: Mapping[str, float]
    head_size: float
    qc: float
    asked: Mapping[str, float] = field(default_factory=dict)
    qc_parts: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    quality: Mapping[str, float] = field(default_factory=dict)
    sd_percent: Mapping[str, float] = field(default_factory=dict)


def write_volumes(
    path: Path,
    image: MeasuredImage,
    segmentation: Segmentation,
    asked: Mapping[str, float],
    files: Mapping[str, str],
    image_quality: Mapping[str, float],
) -> None:
    """Write the table; floats whole. Raises as `atomic.write_text`.

    Args:
        path: the file.
        image: which image was measured.
        segmentation: the numbers.
        asked: mL that the generator meant the image to have, by region.
        files: suffix of a file of the segmentation -> hash of its content.
        image_quality: measures of a factual scan's image, by name.
    """
    values = {"head_size": segmentation.head_size, **segmentation.volumes}
    quality = {"qc": segmentation.qc, **{f"{PART}{name}": value for name, value in segmentation.qc_parts.items()}}
    quality |= {f"{IMAGE}{name}": value for name, value in image_quality.items()}
    lines = ["\t".join(HEADER), *(f"{name}\t{float(value)!r}\t1\t{NONE}\t{NONE}" for name, value in quality.items())]
    for name, value in values.items():
        known = [repr(float(table[name])) if name in table else NONE for table in (asked, segmentation.sd_percent)]
        lines.append("\t".join([name, repr(float(value)), "mL", *known]))
    lines += [f"{CONTENT}{suffix}\t{NONE}\t{content}\t{NONE}\t{NONE}" for suffix, content in files.items()]
    atomic.write_text(path, "\n".join([*lines, _seal(lines, image)]) + "\n")


def read_volumes(path: Path, image: MeasuredImage) -> StoredVolumes:
    """The table again.

    Raises:
        ValueError: the file is not what `write_volumes` wrote for this image.
    """
    try:
        # Not `splitlines`, and no text mode: they take a damaged line end for one.
        *lines, seal, end = path.read_bytes().decode().split("\n")
        if end or seal != _seal(lines, image):
            raise ValueError("not as it was written, of another image, or of an older version")
        rows = [line.split("\t") for line in lines]
        if tuple(rows[0]) != HEADER:
            raise ValueError("unknown columns")
        files = {name.removeprefix(CONTENT): text for name, _, text, *_ in rows[1:] if name.startswith(CONTENT)}
        rows = [row for row in rows if not row[0].startswith(CONTENT)]
        values = {name: float(value) for name, value, *_ in rows[1:]}
        asked, sd = ({row[0]: float(row[k]) for row in rows[1:] if row[k] != NONE} for k in (3, 4))
        parts = {name.removeprefix(PART): values.pop(name) for name in list(values) if name.startswith(PART)}
        image_quality = {name.removeprefix(IMAGE): values.pop(name) for name in list(values) if name.startswith(IMAGE)}
        head, qc = values.pop("head_size"), values.pop("qc")
        return StoredVolumes(values, head, qc, asked, parts, files, image_quality, sd)
    except (OSError, IndexError, KeyError) as error:
        raise ValueError(str(error)) from error


def _seal(lines: Sequence[str], image: MeasuredImage) -> str:
    return "\t".join([CHECKSUM, NONE, digest([list(lines), image.stem, image.content, image.made_from]), NONE, NONE])
