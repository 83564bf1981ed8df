"""JSON files that are read back: each says by which layout it was written, and whether it is still what was written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pcgm_bench.contracts.errors import UserError
from pcgm_bench.jsonable import jsonable
from pcgm_bench.store import atomic
from pcgm_bench.store.identity import digest

SCHEMA_FIELD = "schema_version"
CHECKSUM_FIELD = "checksum"
AGAIN = "remove this file and give the command again"


def write_versioned(path: Path, schema: int, content: Mapping[str, Any]) -> None:
    """Write a JSON file with the number of its layout and a checksum.

    Args:
        path: the file.
        schema: number of the layout, raised when a field is added, removed or changes its meaning.
        content: the fields; NaN and infinity become null.

    Raises:
        UserError: the folder cannot be written to, or the disk is full.
    """
    atomic.write_json(path, versioned(schema, content))


def versioned(schema: int, content: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as `write_versioned` writes them: with the number of the layout and a checksum."""
    fields = jsonable(content)
    return {**fields, SCHEMA_FIELD: schema, CHECKSUM_FIELD: _checksum(fields, schema)}


def read_versioned(path: Path, schema: int, what: str, remedy: str = AGAIN) -> dict[str, Any]:
    """The fields that `write_versioned` wrote.

    Args:
        path: the file.
        schema: the layout that this version of pcgm-bench reads.
        what: the file is, for the message: ``scores``.
        remedy: what to do if it cannot be read.

    Raises:
        UserError: it is missing, damaged, edited, or of another layout; names the file, both layouts and the remedy.
    """
    try:
        fields = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file ({what}); {remedy}") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: {what} cannot be read ({error}); {remedy}") from error
    if not isinstance(fields, dict):
        raise UserError(f"{path}: not {what} of pcgm-bench; {remedy}")
    stored = fields.pop(SCHEMA_FIELD, None)
    if stored != schema:
        layout = "no schema (0.1.0 wrote none)" if stored is None else f"schema {stored}"
        raise UserError(f"{path}: {what} with {layout}; this version of pcgm-bench reads schema {schema}; {remedy}")
    if fields.pop(CHECKSUM_FIELD, None) != _checksum(fields, schema):
        raise UserError(f"{path}: {what} damaged or edited: the checksum in it is another; {remedy}")
    return fields


def _checksum(fields: Mapping[str, Any], schema: int) -> str:
    return digest([schema, fields])
