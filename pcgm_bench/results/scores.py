"""What a run's ``scores.json`` holds: the records of a study, and what belongs beside them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import ValidationError

from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import UserError
from pcgm_bench.store.schema import read_versioned
from pcgm_bench.store.schema import write_versioned

SCHEMA = 2
"""Raised when the file is laid out differently."""
REMEDY = "remove this file and give the run's command again: it scores anew and makes no image again"


class LeftOutImage(BaseModel):
    """An image that a row could not have.

    Attributes:
        row: of which.
        image: its name: ``sub-03_desc-cfCingulate1p1``.
        reason: why.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    row: str
    image: str
    reason: str


class Scores(BaseModel):
    """The scores of one run.

    Attributes:
        scored_by: hash of all that the scores depend on; see `pcgm_bench.runner.scoring`.
        code: the part of it that is code.
        made_from: file of the run -> hash of its content when the scores were made (`RunFolder.sources_file` lists the
            images); empty in scores of an earlier version.
        study: name of the study.
        study_version: its protocol's version.
        is_phantom: whether the people are simulated.
        rows: of the study, in the order of its tables, those without results too.
        skipped: row or metric -> why there is nothing of it.
        left_out: images of the oracle whose truth is not known.
        poor_scans: real scan below the quality bars -> why.
        poor_scans_kept: whether they stayed in; else they were left out.
        method: what the method was run with, and what it says of itself: what -> in words.
        warnings: what not to believe, one line each.
        metrics: name in the records -> identity of the metric: what must be equal for two values to be compared.
        records: of the study, in the order of its protocol.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scored_by: str
    code: str = ""
    made_from: dict[str, str] = {}
    study: str
    study_version: str
    is_phantom: bool
    rows: list[Row] = []
    skipped: dict[str, str] = {}
    left_out: list[LeftOutImage] = []
    poor_scans: dict[str, str] = {}
    poor_scans_kept: bool = False
    method: dict[str, str] = {}
    warnings: list[str] = []
    metrics: dict[str, str] = {}
    records: list[Record] = []


def write_scores(path: Path, scores: Scores) -> None:
    """Store the scores; NaN and infinity become null. Raises as `atomic.write_json`."""
    content = scores.model_dump(exclude={"records"}) | {"records": [_small(record) for record in scores.records]}
    write_versioned(path, SCHEMA, content)


def read_scores(path: Path) -> Scores:
    """Read them again.

    Raises:
        UserError: the file is damaged, edited, or of another schema.
    """
    fields = read_versioned(path, SCHEMA, "scores", REMEDY)
    try:
        return Scores.model_validate(fields)
    except ValidationError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: damaged ({reason}); {REMEDY}") from error


def _small(record: Record) -> dict[str, Any]:
    """A record without the fields that have their default: most are empty most of the time."""
    full, default = asdict(record), asdict(Record(record.row, record.kind, record.metric))
    kept = {name: value for name, value in full.items() if value != default[name]}
    return {"row": record.row, "kind": record.kind.value, "metric": record.metric} | kept
