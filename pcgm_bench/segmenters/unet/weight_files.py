"""Where the shipped segmenter's weights lie, and how the JSON files beside them are read."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter
from pydantic import ValidationError

from pcgm_bench.contracts import UserError

WEIGHTS = Path(__file__).parent / "weights"
"""``segmenter.safetensors``, ``atlas.safetensors``, ``calibration.json`` and ``errors.json``."""
NETWORK = "segmenter.safetensors"

Record = TypeVar("Record")


def read_record(path: Path, kind: type[Record], what: str) -> Record:
    """A record of the class ``kind`` from a JSON file beside the weights.

    Raises:
        UserError: the file is damaged, or another version's; it is called ``what``.
    """
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except ValidationError as error:
        raise UserError(f"{path}: not {what} of this version: reinstall, or make it anew") from error
