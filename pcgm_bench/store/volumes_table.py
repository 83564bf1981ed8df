"""``volumes.tsv``: what a segmenter measured on one image, as a table of names, values and units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import UserError
from pcgm_bench.store import atomic

HEADER = ("name", "value", "unit", "asked")
PART = "qc_"
"""Start of the name of a part's QC score."""


@dataclass(frozen=True)
class StoredVolumes:
    """A segmentation without its voxels.

    Attributes:
        volumes: mL by region.
        head_size: mL.
        qc: as in `pcgm_bench.contracts.Segmentation`.
        asked: mL that the generator meant the image to have, by region; empty if it does not say.
        qc_parts: as in `pcgm_bench.contracts.Segmentation`.
    """

    volumes: Mapping[str, float]
    head_size: float
    qc: float
    asked: Mapping[str, float] = field(default_factory=dict)
    qc_parts: Mapping[str, float] = field(default_factory=dict)


def write_volumes(path: Path, segmentation: Segmentation, asked: Mapping[str, float]) -> None:
    """Write the table; floats whole. Raises as `atomic.write_text`."""
    values = {"head_size": segmentation.head_size, **segmentation.volumes}
    quality = {"qc": segmentation.qc, **{f"{PART}{name}": value for name, value in segmentation.qc_parts.items()}}
    lines = ["\t".join(HEADER), *(f"{name}\t{float(value)!r}\t1\tn/a" for name, value in quality.items())]
    for name, value in values.items():
        lines.append(f"{name}\t{float(value)!r}\tmL\t{repr(float(asked[name])) if name in asked else 'n/a'}")
    atomic.write_text(path, "\n".join(lines) + "\n")


def read_volumes(path: Path, remedy: str) -> StoredVolumes:
    """The table again.

    Raises:
        UserError: the file is not what `write_volumes` wrote; ends in the remedy.
    """
    try:
        rows = [line.split("\t") for line in path.read_text().splitlines()]
        if tuple(rows[0]) != HEADER:
            raise ValueError("unknown columns")
        values = {name: float(value) for name, value, _unit, _asked in rows[1:]}
        asked = {name: float(text) for name, _value, _unit, text in rows[1:] if text != "n/a"}
        parts = {name.removeprefix(PART): values.pop(name) for name in list(values) if name.startswith(PART)}
        return StoredVolumes(values, values.pop("head_size"), values.pop("qc"), asked, parts)
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise UserError(f"{path}: not a table of volumes ({error}); {remedy}") from error
