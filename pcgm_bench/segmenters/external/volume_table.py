"""Tables of what was measured elsewhere: one row an image, found by its person, visit and description."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pcgm_bench.contracts import UserError
from pcgm_bench.store import ImageKey

WHO = ("subject", "session", "desc")
SHOWN = 5
"""Faults named before the rest is counted."""
SUFFIX = re.compile(r"(_T1w|_dseg|_synthseg)?(\.nii(\.gz)?|\.mgz)?$")


def read_texts(path: Path, rename: Callable[[str], str]) -> pd.DataFrame:
    """The table as texts, its columns by our names.

    Raises:
        UserError: no CSV or TSV, no row, no column ``subject``, or a column is there twice.
    """
    try:
        table = pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a CSV or TSV table ({error})") from error
    columns = [rename(str(name).strip()) for name in table.columns]
    table.columns = pd.Index(columns)
    if "subject" not in columns:
        raise UserError(f"{path}: no column 'subject'; the table has {', '.join(columns[:8])}")
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise UserError(f"{path}: column {twice[0]!r} is there twice; remove one")
    if not len(table):
        raise UserError(f"{path}: the table has a heading and no row; give one row an image")
    return table


def numbers(
    path: Path,
    table: pd.DataFrame,
    wrong: Callable[[str, float], str],
    more: Callable[[pd.DataFrame], Iterator[str]] = lambda _values: iter(()),
) -> pd.DataFrame:
    """The table's numbers, one row an image, by stem: ``sub-001_ses-01_desc-cfAUD``.

    Args:
        path: for messages.
        table: of `read_texts`.
        wrong: says of a column and a number what is wrong with it; empty if nothing is.
        more: faults of the table as a whole.

    Raises:
        UserError: an image is there twice, or a value is empty, not a number or wrong. Lines are counted from the
            heading's, which is 1.
    """
    stems = [_stem(row) for row in table[[name for name in WHO if name in table]].to_dict("records")]
    texts = table[[name for name in table if name not in WHO]]
    values = texts.apply(pd.to_numeric, errors="coerce")
    faults = [*_faults(stems, texts, values, wrong), *more(values)]
    if faults:
        rest = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise UserError(f"{path}: {'; '.join(faults[:SHOWN])}{rest}")
    return values.astype(float).set_axis(pd.Index(stems))


def by_image(values: pd.DataFrame) -> dict[str, dict[str, float]]:
    """`numbers` as image -> column -> number."""
    return {str(stem): {str(k): float(v) for k, v in row.items()} for stem, row in values.to_dict("index").items()}


def _stem(row: Mapping[Hashable, str]) -> str:
    """``sub-001_ses-01_desc-cfAUD`` of a row; empty without a subject."""
    subject = SUFFIX.sub("", row["subject"].strip().rsplit("/", 1)[-1]).removeprefix("sub-")
    if not subject:
        return ""
    session = row.get("session", "").strip().removeprefix("ses-")
    description = row.get("desc", "").strip().removeprefix("desc-")
    return ImageKey(subject, session, description).stem


def _faults(
    stems: list[str], texts: pd.DataFrame, values: pd.DataFrame, wrong: Callable[[str, float], str]
) -> Iterator[str]:
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
            if not np.isfinite(value):
                yield f"line {line} ({stem}), {name}: {text[name]!r} is not a number; give one, or leave the image out"
            elif fault := wrong(str(name), float(value)):
                yield f"line {line} ({stem}), {name}: {fault}"
