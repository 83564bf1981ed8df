"""Tables of FreeSurfer (``aparcstats2table``, ``asegstats2table``) and SynthSeg: their columns to ours, mm3 to mL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import PARCELS
from pcgm_bench.contracts import UserError

SIDES = ("left", "right")


def _both(*names: str) -> tuple[str, ...]:
    return tuple(f"{side} {name}" for name in names for side in SIDES)


PARTS: dict[str, tuple[str, ...]] = {
    "head_size": ("total intracranial",),
    "ventricles": (*_both("lateral ventricle", "inferior lateral ventricle"), "3rd ventricle"),
    "white_matter": _both("cerebral white matter"),
    "deep_grey": _both(
        "thalamus", "caudate", "putamen", "pallidum", "hippocampus", "amygdala", "accumbens area", "ventral dc"
    ),
    "cerebellum_brainstem": (*_both("cerebellum white matter", "cerebellum cortex"), "4th ventricle", "brain stem"),
    "csf": ("csf",),
}
"""Our region -> structures that it is the sum of, as SynthSeg calls them, lower case, without dashes."""
MAY_LACK = _both("choroid plexus")
"""Part of the ventricles where a program measures it; SynthSeg does not."""
SPELLINGS = {
    "estimatedtotalintracranialvol": "total intracranial", "etiv": "total intracranial",
    "lhcerebralwhitemattervol": "left cerebral white matter", "rhcerebralwhitemattervol": "right cerebral white matter",
    **{f"{side} thalamus proper": f"{side} thalamus" for side in SIDES},
    **{f"{side} inf lat vent": f"{side} inferior lateral ventricle" for side in SIDES},
    **{f"{side} ventraldc": f"{side} ventral dc" for side in SIDES},
}  # fmt: skip
"""FreeSurfer's names -> SynthSeg's."""
NOT_NEEDED = re.compile(
    r"(left |right )?(vessel|(non )?wm hypointensities|cerebral cortex|cerebellum exterior)|5th ventricle"
    r"|optic chiasm|cc (posterior|mid posterior|central|mid anterior|anterior)"
    r"|(lh|rh)?(cortex|corticalwhitematter|cerebralwhitematter)vol|brainsegvol\w*|supratentorialvol\w*|subcortgrayvol"
    r"|totalgrayvol|maskvol|(brainsegvol|maskvol) to etiv|(lh|rh)?surfaceholes"
    r"|(brainsegvolnotvent|etiv) ?([xy]|lh|rh|\d)|(lh|rh) ?whitesurfarea.*"
)
"""Columns of these programs that none of our regions is made of; ``eTIV_x`` is what joined tables have twice."""
SUBJECTS = re.compile(r"(lh|rh)\.[\w.]*\.(volume|area|thickness|meancurv)|measure:\w+")
"""What the programs call their first column: the table's own name."""
OTHER_MEASURES = re.compile(r"(lh|rh)[-._]\w*[._](thickness|area|meancurv|thicknessstd)|measure:(mean|area|std)")
MM3_ML = 10_000.0
"""A head above this is in mm3."""
JOIN = (
    "join aparcstats2table --meas volume of both hemispheres and asegstats2table --meas volume by subject into one "
    "table, or give SynthSeg's (--parc --vol)"
)


def is_subject(column: str) -> bool:
    """Whether a column holds the subjects, by the program's name for it."""
    return SUBJECTS.fullmatch(column.lower()) is not None


def is_of_other_program(columns: Sequence[str]) -> bool:
    """Whether a table has columns that only these programs write."""
    known = {name for names in (*PARTS.values(), MAY_LACK) for name in names} - {"csf"}
    return any(
        _plain(name) in known or _plain(name) in SPELLINGS or NOT_NEEDED.fullmatch(_plain(name)) for name in columns
    )


def check_program_columns(path: Path, columns: Sequence[str], ours: Sequence[str]) -> list[str]:
    """The columns that are read.

    Args:
        path: of the table, for messages.
        columns: its columns; parcels by our names (``lh-insula``).
        ours: names of ours that may stand there too: who, QC scores, regions.

    Raises:
        UserError: it holds no volumes, a column is unknown, or parts are missing: all in one line.
    """
    if other := next((name for name in columns if OTHER_MEASURES.fullmatch(name.lower())), None):
        raise UserError(f"{path}: column {other!r} is no volume: {JOIN}")
    parts = {name for names in (*PARTS.values(), MAY_LACK) for name in names}
    read = [name for name in columns if name in ours or _structure(name) in parts]
    unknown = [name for name in columns if name not in read and not NOT_NEEDED.fullmatch(_plain(name))]
    if unknown:
        more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        raise UserError(f"{path}: column {unknown[0]!r}{more} is none of FreeSurfer's or SynthSeg's; rename or drop it")
    there = {_structure(name) for name in read}
    lost = [name for name in (*PARTS["head_size"], *PARTS["ventricles"]) if name not in there]
    lost = [] if {"head_size", "ventricles"} <= set(columns) else lost
    parcels = [name for name in PARCELS if name in columns]
    if lost or (len(parcels) < len(PARCELS) and not set(LOBE_NAMES) <= set(columns)):
        missing = ", ".join(lost[:3]) + (", ..." if len(lost) > 3 else "")
        raise UserError(
            f"{path}: {len(parcels)} of {len(PARCELS)} parcels are there" + (f", and no {missing}" if lost else "")
            + f": {JOIN}"
        )  # fmt: skip
    doubled = [name for name in there if name in parts and sum(_structure(c) == name for c in read) > 1]
    if doubled:
        both = [name for name in read if _structure(name) == doubled[0]]
        raise UserError(f"{path}: {both[0]} and {both[1]} are the same; drop one")
    return read


def to_ours(values: pd.DataFrame) -> pd.DataFrame:
    """Our regions in mL, and whatever else is there as it is.

    Args:
        values: numbers of the columns that are read. A head above `MM3_ML` in the median is in mm3.
    """
    by_structure = {_structure(str(name)): str(name) for name in values}
    parts = {
        name: by_structure[name] for names in (*PARTS.values(), MAY_LACK) for name in names if name in by_structure
    }
    out = values.drop(columns=list(parts.values()))
    for region, names in PARTS.items():
        if region not in out and all(name in parts for name in names):
            extra = [name for name in MAY_LACK if region == "ventricles" and name in parts]
            out[region] = values[[parts[name] for name in (*names, *extra)]].sum(axis=1)
    volumes = [name for name in out if name in (*PARCELS, *PARTS, *LOBE_NAMES)]
    if float(out["head_size"].median()) > MM3_ML:
        out[volumes] = out[volumes] / 1000
    return out


def _plain(column: str) -> str:
    """``Left-Inf-Lat-Vent`` -> ``left inf lat vent``."""
    return re.sub(r"[-_\s]+", " ", column.lower()).strip()


def _structure(column: str) -> str:
    """A column as SynthSeg calls it."""
    plain = _plain(column)
    return SPELLINGS.get(plain, plain)
