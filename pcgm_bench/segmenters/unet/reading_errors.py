"""How far a volume that the segmenter reads is from the truth, as measured on brains it has not learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter
from pydantic import ValidationError

from pcgm_bench.contracts import UserError

ERRORS = "errors.json"


@dataclass(frozen=True)
class ReadingErrors:
    """What ``errors.json`` holds; `fitting.validate` writes it.

    Attributes:
        measured_on: which brains, in words.
        sd_percent: by name of a volume, the s.d. (%) over brains of measured over true volume.
        bias_percent: by name, the mean of the same.
    """

    measured_on: str
    sd_percent: Mapping[str, float]
    bias_percent: Mapping[str, float]


def read_errors(path: Path) -> ReadingErrors:
    """Read it.

    Raises:
        UserError: the file is damaged, or another version's.
    """
    try:
        return TypeAdapter(ReadingErrors).validate_json(path.read_bytes())
    except ValidationError as error:
        raise UserError(f"{path}: not the reading errors of this version: reinstall, or make them anew") from error
