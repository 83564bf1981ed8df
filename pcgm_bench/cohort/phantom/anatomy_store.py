"""Anatomies from a lab's own label maps, as templates in the home folder: never shipped, found by their content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pcgm_bench.cohort.phantom.template import kept_template
from pcgm_bench.cohort.phantom.template_fields import Template
from pcgm_bench.contracts import UserError

ABOUT = "anatomy.json"


@dataclass(frozen=True)
class KeptAnatomy:
    """One anatomy.

    Attributes:
        file: name of the label map it was made from.
        most: lobe -> the largest share of the head's volume that its cortex can fill.
        largest_ml: the largest head of this form that fits the grids.
    """

    file: str
    most: Mapping[str, float]
    largest_ml: float


def anatomy_folder(key: str, home: Path) -> Path:
    """Where an anatomy is kept; ``key`` from `pcgm_bench.cohort.phantom.anatomy_import.import_anatomies`."""
    return home / "anatomies" / key


@cache
def about_anatomy(key: str, home: Path | None) -> KeptAnatomy:
    """What is known of an anatomy.

    Raises:
        UserError: it is not in this home folder.
    """
    try:
        if home is None:
            raise FileNotFoundError
        return KeptAnatomy(**json.loads((anatomy_folder(key, home) / ABOUT).read_text()))
    except (OSError, ValueError, TypeError) as error:
        msg = f"the anatomy {key} is not in {home}: make the cohort again with --anatomies and its label maps"
        raise UserError(msg) from error


@cache
def load_anatomy(key: str, home: Path | None) -> Template:
    """The template, memory-mapped and shared between processes; raises as `about_anatomy`."""
    about_anatomy(key, home)
    assert home is not None
    return kept_template(anatomy_folder(key, home), is_average=False)
