"""Results that version 0.1.0 exported (format 1), as results of today. Nothing in them is compared with later ones."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic import ConfigDict

from pcgm_bench.board.label import RunLabel
from pcgm_bench.board.result import Provenance
from pcgm_bench.board.result import Result
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.store import digest

KEY_LENGTH = 12
KINDS = {"real": RowKind.REAL, "oracle": RowKind.CEILING, "other-half": RowKind.FLOOR}
"""0.1.0 knew rows by their names."""
VOLUMES = " (volumes)"
PERMUTED = "labels permuted"


class OldIdentity(BaseModel):
    """What made a run of 0.1.0 this run; the hash of all of it is the key."""

    model_config = ConfigDict(extra="forbid")

    method: str
    generators: dict[str, str]
    study: str
    study_version: str
    metrics: dict[str, str]
    cohort: str
    cohort_hash: str
    segmenter: str
    seed: int
    quick: bool
    device: str
    threads: int
    package: str


class OldEntry(BaseModel):
    """One cell: see `Record`, where ``value`` is ``estimate``."""

    model_config = ConfigDict(extra="forbid")

    row: str
    column: str
    metric: str
    direction: str
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    floor: float | None
    target: float | None
    rule: str
    is_control: bool
    by_unit: dict[str, float] | None


class OldResult(BaseModel):
    """One file of format 1."""

    model_config = ConfigDict(extra="forbid")

    format: int
    identity: OldIdentity
    is_phantom: bool
    entries: list[OldEntry]
    skipped: dict[str, str]
    warnings: list[str]
    sizes: dict[str, int]
    detectable_d: float | None
    provenance: Provenance


def converted(raw: dict[str, Any]) -> Result:
    """A result of today's layout, its format still 1.

    Raises:
        ValidationError: it is none of format 1.
    """
    old = OldResult.model_validate(raw)
    metrics = {entry.metric.split("-")[0] for entry in old.entries}
    rows = {name: reason for name, reason in old.skipped.items() if name.split(" (")[0] not in metrics}
    return Result(
        format=old.format,
        label=_label(old.identity, old.provenance.versions.get("torch", "")),
        is_phantom=old.is_phantom,
        records=[*_facts(old), *(_record(entry) for entry in old.entries)],
        missing=rows,
        kinds={row: kind_of(row, row != old.identity.method) for row in rows},
        unmeasured={name: reason for name, reason in old.skipped.items() if name not in rows},
        warnings=old.warnings,
        provenance=old.provenance,
    )


def kind_of(row: str, is_control: bool) -> RowKind:
    """What 0.1.0 said in a row's name.

    >>> kind_of("pcgm (volumes)", True).value, kind_of("copy-input", True).value, kind_of("pcgm", False).value
    ('volumes', 'control', 'method')
    """
    if not is_control:
        return RowKind.METHOD
    if PERMUTED in row:
        return RowKind.PERMUTED
    return RowKind.VOLUMES if row.endswith(VOLUMES) else KINDS.get(row, RowKind.CONTROL)


def _label(identity: OldIdentity, torch: str) -> RunLabel:
    fields = identity.model_dump(mode="json")
    key = digest(fields)[:KEY_LENGTH]
    return RunLabel(key=key, torch=torch, **{name: value for name, value in fields.items() if name != "metrics"})


def _record(entry: OldEntry) -> Record:
    fields = entry.model_dump(exclude={"is_control", "value", "by_unit"})
    kind = kind_of(entry.row, entry.is_control)
    return Record(kind=kind, estimate=entry.value, by_unit=entry.by_unit or {}, **fields)


def _facts(old: OldResult) -> list[Record]:
    if len(old.sizes) != 2 or old.detectable_d is None:
        return []
    first, second = old.sizes.values()
    text = (
        f"With n = {first} + {second} you could see a group difference of d >= {old.detectable_d:.2f} (80 % power, "
        "after the study's correction for several tests)."
    )
    return [Record("", RowKind.REAL, "detectable-d", old.detectable_d, text=text, column="detectable d")]
