"""Volumes made elsewhere: one table, one row an image, one column a region in mL; no label map, no tissue fractions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar
from typing import Self

import numpy as np
import pandas as pd

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import LOBES
from pcgm_bench.anatomy import PARCELS
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import Segmenter
from pcgm_bench.contracts import SegmenterOptions
from pcgm_bench.contracts import UserError
from pcgm_bench.registry import suggestion
from pcgm_bench.segmenters.external.other_programs import check_program_columns
from pcgm_bench.segmenters.external.other_programs import is_of_other_program
from pcgm_bench.segmenters.external.other_programs import is_subject
from pcgm_bench.segmenters.external.other_programs import to_ours
from pcgm_bench.segmenters.external.plausible import image_fault
from pcgm_bench.segmenters.external.plausible import odd_rows
from pcgm_bench.segmenters.external.plausible import region_fault
from pcgm_bench.segmenters.external.plausible import unusual
from pcgm_bench.segmenters.external.qc_scores import COLUMNS
from pcgm_bench.segmenters.external.qc_scores import Score
from pcgm_bench.segmenters.external.qc_scores import plain_column
from pcgm_bench.segmenters.external.qc_scores import score_in
from pcgm_bench.segmenters.external.volume_table import SHOWN
from pcgm_bench.segmenters.external.volume_table import WHO
from pcgm_bench.segmenters.external.volume_table import by_image
from pcgm_bench.segmenters.external.volume_table import numbers
from pcgm_bench.segmenters.external.volume_table import read_texts
from pcgm_bench.store import ImageKey
from pcgm_bench.text_table import closest_label

NEEDED = (*LOBE_NAMES, "ventricles", "head_size")
REGIONS = (*CHANNELS[1:], *PARCELS, "head_size")


class TableSegmenter(Segmenter):
    """Looks an image up in a CSV or TSV: volumes in mL, or tables of FreeSurfer and SynthSeg, joined, as they are.

    Columns: ``subject``, and where there are some ``session`` and ``desc`` (``cfAUD``; empty for a factual scan), or
    the whole file name in ``subject``; the names of `pcgm_bench.anatomy`: six lobes (or all 68 parcels, ``lh-insula``,
    which are then added up), ``ventricles`` and ``head_size``; if known ``white_matter``, ``deep_grey``, ``csf``,
    ``cerebellum_brainstem``, all parcels, and one of `pcgm_bench.segmenters.external.qc_scores.SCORES`.
    ``ctx-lh-insula`` and ``lh_insula_volume`` are understood too. New brains are ``0001``, ``0002``, ... of ``desc``
    ``sample``, in the order of their file names.

    The reading has no voxels: a generator that needs tissue fractions cannot be run with it.
    """

    name: ClassVar[str] = "table"
    title: ClassVar[str] = "volumes made elsewhere, in a table"
    reads_new_images: ClassVar[bool] = False

    def __init__(self, path: Path) -> None:
        """Read and check the table.

        Raises:
            UserError: no such file, or something in it is wrong; names the file, the row and the column.
        """
        if not path.is_file():
            raise UserError(f"the segmenter 'table' reads volumes from --segmentations TABLE.csv, and {path} is none")
        self._path = path
        self._rows, self._score = read_table(self._path)
        self.qc_score = self._score.name if self._score else ""

    @classmethod
    def open(cls, options: SegmenterOptions) -> Self:
        """The segmenter of ``options.segmentations``.

        Raises:
            UserError: none was given, or as the constructor.
        """
        if options.segmentations is None:
            raise UserError("the segmenter 'table' reads volumes from --segmentations TABLE.csv; give one")
        return cls(options.segmentations)

    @cached_property
    def identity(self) -> str:
        """Follows the file's content."""
        return f"table-{blake2b(self._path.read_bytes(), digest_size=6).hexdigest()}"

    def segment(self, scan: Scan) -> Segmentation:
        """The row of the image.

        Raises:
            UserError: there is none.
        """
        stem = ImageKey(scan.subject, scan.session, scan.description).stem
        if stem not in self._rows:
            there = ", ".join(list(self._rows)[:3])
            meant = closest_label(stem, set(self._rows))
            todo = f"its row is called {meant}: write it as the scan is called" if meant else "add it"
            raise UserError(f"{self._path}: no row for {stem} among {len(self._rows)} ({there}, ...); {todo}")
        values = dict(self._rows[stem])
        quality = self._score.of(values) if self._score else (float("nan"), {})
        volumes = {name: value for name, value in values.items() if name in REGIONS}
        return Segmentation.of_volumes(volumes, volumes.pop("head_size"), *quality)


def read_table(path: Path) -> tuple[dict[str, dict[str, float]], Score | None]:
    """Image (``sub-001_ses-01_desc-cfAUD``) -> region -> mL, with ``head_size``, and the QC score if there is one.

    Raises:
        UserError: not a table, a column is unknown, missing or there twice, an image is there twice, or a value is
            empty, not a number, NaN, negative, in another unit, or none that a head has. Lines are counted from the
            heading's, which is 1.
    """
    table = read_texts(path, _column)
    columns = [str(name) for name in table]
    is_other = is_of_other_program(columns)
    if is_other:
        table = table[check_program_columns(path, columns, (*WHO, *REGIONS, *COLUMNS))]
    else:
        _check_columns(path, columns)
    score = score_in(path, columns)

    def wrong(name: str, value: float) -> str:
        return score.wrong(value) if score and name in score.columns else region_fault(name, value)

    values = numbers(path, table, wrong, to_ours if is_other else lambda values: values)
    for lobe in LOBE_NAMES:
        if lobe not in values:
            values[lobe] = values[[f"{side}-{region}" for side in ("lh", "rh") for region in LOBES[lobe]]].sum(axis=1)
    if faults := list(_implausible(values)):
        more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise UserError(f"{path}: {'; '.join(faults[:SHOWN])}{more}")
    return by_image(values), score


def _column(name: str) -> str:
    """Our name of a column; other programs' spellings of a subject, a parcel or a QC score become ours."""
    if is_subject(name):
        return "subject"
    parcel = re.fullmatch(r"(?:ctx-)?(lh|rh)[-_](\w+?)(?:_volume)?", name)
    return f"{parcel[1]}-{parcel[2]}" if parcel else plain_column(name)


def _check_columns(path: Path, columns: list[str]) -> None:
    if unknown := [name for name in columns if name not in (*WHO, *REGIONS, *COLUMNS)]:
        known = [*NEEDED, "white_matter", "deep_grey", "csf", "cerebellum_brainstem", "lh-insula", *COLUMNS, *WHO]
        more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        raise UserError(
            f"{path}: unknown column {unknown[0]!r}{more}{suggestion(unknown[0], known)}; rename or drop it"
        )
    parcels = [name for name in PARCELS if name in columns]
    lost = [name for name in PARCELS if name not in columns]
    if parcels and lost:
        raise UserError(
            f"{path}: column {lost[0]!r} is missing ({len(parcels)} of 68 parcels are there): give all or none"
        )
    whole = () if not parcels else LOBE_NAMES
    if missing := [name for name in NEEDED if name not in columns and name not in whole]:
        raise UserError(f"{path}: column {missing[0]!r} is missing; needed, in mL: subject, {', '.join(NEEDED)}")


def _implausible(values: pd.DataFrame) -> Iterator[str]:
    """What no set of heads has, and what no head has; images are named by their rows."""
    volumes = {str(name): values[name].to_numpy(float) for name in values if name in REGIONS}
    yield from unusual(volumes)
    for stem, row in zip(values.index, values.to_dict("records"), strict=True):
        regions = {name: float(row[name]) for name in volumes if name != "head_size"}
        if fault := image_fault(regions, float(row["head_size"])):
            yield f"{stem}: {fault}"
    # A generator may well draw one head without a brain: that is its score.
    factual = np.array(["_desc-" not in str(stem) for stem in values.index])
    for place, fault in odd_rows({name: column[factual] for name, column in volumes.items()}):
        yield f"{values.index[factual][place]}: {fault}"
