"""Volumes made elsewhere: one table, one row an image, one column a region in mL; no label map, no tissue fractions."""

from __future__ import annotations

import re
from collections.abc import Hashable
from collections.abc import Iterator
from collections.abc import Mapping
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import LOBES
from pcgm_bench.anatomy import parcel_names
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import Segmenter
from pcgm_bench.contracts import UserError
from pcgm_bench.registry import suggestion
from pcgm_bench.store import Unit

WHO = ("subject", "session", "desc")
NEEDED = (*LOBE_NAMES, "ventricles", "head_size")
REGIONS = (*CHANNELS[1:], *parcel_names(), "head_size")
LARGEST_ML = 3000.0
"""No region or head has more; the largest heads have 2000 mL."""
LARGEST_PARCEL_ML = 500.0
"""Likewise; the smallest parcel, the frontal pole, has about 1000 mm3."""
SMALLEST_MEDIAN_ML = 10.0
"""Less than this in half the heads is another unit: a head in litres."""
SHOWN = 5
"""Faults named before the rest is counted."""
SUFFIX = re.compile(r"(_T1w|_dseg|_synthseg)?(\.nii(\.gz)?|\.mgz)?$")


class TableSegmenter(Segmenter):
    """Looks an image up in a CSV or TSV, as FreeSurfer's and SynthSeg's tables are, but in mL.

    Columns: ``subject``, and where there are some ``session`` and ``desc`` (``cfAUD``; empty for a factual scan), or
    the whole file name in ``subject``; the names of `pcgm_bench.anatomy`: six lobes (or all 68 parcels, ``lh-insula``,
    which are then added up), ``ventricles`` and ``head_size``; if known ``white_matter``, ``deep_grey``, ``csf``,
    ``cerebellum_brainstem``, all parcels, and ``qc`` from 0 to 1. ``ctx-lh-insula`` and ``lh_insula_volume`` are
    understood too. New brains are ``0001``, ``0002``, ... of ``desc`` ``sample``, in the order of their file names.

    The reading has no voxels: a generator that needs tissue fractions cannot be run with it.
    """

    name: ClassVar[str] = "table"
    title: ClassVar[str] = "volumes made elsewhere, in a table"
    reads_new_images: ClassVar[bool] = False

    def __init__(self, folder: Path | None) -> None:
        """Read and check the table.

        Raises:
            UserError: no such file, or something in it is wrong; names the file, the row and the column.
        """
        if folder is None or not Path(folder).is_file():
            raise UserError(f"the segmenter 'table' reads volumes from --segmentations TABLE.csv, and {folder} is none")
        self._path = Path(folder)
        self._rows = read_table(self._path)

    @cached_property
    def identity(self) -> str:
        """Follows the file's content."""
        return f"table-{blake2b(self._path.read_bytes(), digest_size=6).hexdigest()}"

    def segment(self, scan: Scan) -> Segmentation:
        """The row of the image.

        Raises:
            UserError: there is none.
        """
        stem = Unit(scan.subject, scan.session, scan.description).stem
        if stem not in self._rows:
            there = ", ".join(list(self._rows)[:3])
            raise UserError(f"{self._path}: no row for {stem} among {len(self._rows)} ({there}, ...); add it")
        values = dict(self._rows[stem])
        head, qc = values.pop("head_size"), values.pop("qc", float("nan"))
        return Segmentation.of_volumes(values, head, qc)


def read_table(path: Path) -> dict[str, dict[str, float]]:
    """Image (``sub-001_ses-01_desc-cfAUD``) -> region -> mL, with ``head_size``, and ``qc`` if it is there.

    Raises:
        UserError: not a table, a column is unknown, missing or there twice, an image is there twice, or a value is
            empty, not a number, NaN, negative, or in another unit. Lines are counted from the heading's, which is 1.
    """
    try:
        table = pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a CSV or TSV table of volumes ({error})") from error
    table.columns = pd.Index([_column(str(name)) for name in table.columns])
    _check_columns(path, list(table.columns))
    if not len(table):
        raise UserError(f"{path}: the table has a heading and no row; give one row an image")
    stems = [_stem(row) for row in table[[name for name in WHO if name in table]].to_dict("records")]
    regions = [name for name in table if name not in WHO]
    values = table[regions].apply(pd.to_numeric, errors="coerce")
    faults = [*_faults(stems, table[regions], values), *_too_small(values)]
    if faults:
        more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise UserError(f"{path}: {'; '.join(faults[:SHOWN])}{more}")
    for lobe in LOBE_NAMES:
        if lobe not in values:
            values[lobe] = values[[f"{side}-{region}" for side in ("lh", "rh") for region in LOBES[lobe]]].sum(axis=1)
    rows = values.to_dict("records")
    return {stem: {str(k): float(v) for k, v in row.items()} for stem, row in zip(stems, rows, strict=True)}


def _column(name: str) -> str:
    """Our name of a column; other programs' spellings of a parcel become ours."""
    plain = name.strip()
    parcel = re.fullmatch(r"(?:ctx-)?(lh|rh)[-_](\w+?)(?:_volume)?", plain)
    return f"{parcel[1]}-{parcel[2]}" if parcel else plain


def _check_columns(path: Path, columns: list[str]) -> None:
    if "subject" not in columns:
        raise UserError(f"{path}: no column 'subject'; the table has {', '.join(columns[:8])}")
    if unknown := [name for name in columns if name not in (*WHO, *REGIONS, "qc")]:
        known = [*NEEDED, "white_matter", "deep_grey", "csf", "cerebellum_brainstem", "lh-insula", "qc", *WHO]
        more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        raise UserError(
            f"{path}: unknown column {unknown[0]!r}{more}{suggestion(unknown[0], known)}; rename or drop it"
        )
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise UserError(f"{path}: column {twice[0]!r} is there twice; remove one")
    parcels = [name for name in parcel_names() if name in columns]
    lost = [name for name in parcel_names() if name not in columns]
    if parcels and lost:
        raise UserError(
            f"{path}: column {lost[0]!r} is missing ({len(parcels)} of 68 parcels are there): give all or none"
        )
    whole = () if not parcels else LOBE_NAMES
    if missing := [name for name in NEEDED if name not in columns and name not in whole]:
        raise UserError(f"{path}: column {missing[0]!r} is missing; needed, in mL: subject, {', '.join(NEEDED)}")


def _stem(row: Mapping[Hashable, str]) -> str:
    """``sub-001_ses-01_desc-cfAUD`` of a row; empty without a subject."""
    subject = SUFFIX.sub("", row["subject"].strip().rsplit("/", 1)[-1]).removeprefix("sub-")
    if not subject:
        return ""
    session = row.get("session", "").strip().removeprefix("ses-")
    description = row.get("desc", "").strip().removeprefix("desc-")
    return Unit(subject, session, description).stem


def _faults(stems: list[str], texts: pd.DataFrame, values: pd.DataFrame) -> Iterator[str]:
    seen: dict[str, int] = {}
    for line, (stem, text, row) in enumerate(
        zip(stems, texts.to_dict("records"), values.to_dict("records"), strict=True), 2
    ):
        if not stem:
            yield f"line {line}: no subject"
        elif stem in seen:
            yield f"line {line}: a second row of {stem}, beside line {seen[stem]}; remove one"
        seen.setdefault(stem, line)
        for name, value in row.items():
            where, most = f"line {line} ({stem}), {name}", LARGEST_PARCEL_ML if "-" in str(name) else LARGEST_ML
            if not np.isfinite(value):
                yield f"{where}: {text[name]!r} is not a number; give mL, or leave the image out"
            elif value < 0:
                yield f"{where}: {value:g} mL is negative"
            elif name == "qc" and value > 1:
                yield f"{where}: {value:g} is not between 0 and 1"
            elif value > most:
                yield f"{where}: {value:g} mL is too much for a head: is it mm3? Divide the table by 1000"


def _too_small(values: pd.DataFrame) -> Iterator[str]:
    """Judged by the median: a bad generator may well have drawn one head without a brain."""
    median = float(values["head_size"].median())
    if 0 <= median < SMALLEST_MEDIAN_ML:
        yield f"head_size is {median:g} mL in the median: is it litres? Multiply the table by 1000"
