"""One run as the leaderboard reads it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from pydantic import BaseModel
from pydantic import ConfigDict

from pcgm_bench.board.label import RunLabel
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.store import Manifest

FORMAT = 2
"""Of a result file; raised when it is laid out differently."""


class Provenance(BaseModel):
    """What is needed to believe a number, out of the run's manifest; no path, date and command of anybody's machine.

    Attributes:
        started: in results of an earlier version, when the run began; never shown, and not exported.
        wall_seconds: sum over sessions.
        peak_rss_mib: most memory a session held.
        made: images made.
        device: of the last session.
        python: version of the last session.
        git_commit: of the last session; None for an installed package.
        versions: libraries of the last session.
    """

    started: str = ""
    wall_seconds: float = 0.0
    peak_rss_mib: float = 0.0
    made: int = 0
    device: str = ""
    python: str = ""
    git_commit: str | None = None
    versions: dict[str, str] = {}


class Result(BaseModel):
    """One run as the leaderboard reads it; also the content of one file of a results folder.

    Attributes:
        format: `FORMAT`; 1 for a result of version 0.1.0.
        label: who was run on whom.
        is_phantom: whether its cohort is simulated.
        records: those that name a column of the leaderboard, in the study's order. Facts about the cohort have no row.
        missing: row -> why there is nothing of it.
        kinds: missing row -> what it would be, where that is known.
        unmeasured: metric -> why there is nothing of it.
        warnings: what not to believe, one line each.
        hidden_warnings: how many more there are that may name a person or a file.
        provenance: see `Provenance`.
    """

    model_config = ConfigDict(extra="forbid")

    format: int = FORMAT
    label: RunLabel
    is_phantom: bool
    records: list[Record]
    missing: dict[str, str] = {}
    kinds: dict[str, RowKind] = {}
    unmeasured: dict[str, str] = {}
    warnings: list[str] = []
    hidden_warnings: int = 0
    provenance: Provenance = Provenance()

    @property
    def key(self) -> str:
        """The run's key."""
        return self.label.key

    @property
    def cells(self) -> list[Record]:
        """The records of rows."""
        return [record for record in self.records if record.row]

    @property
    def facts(self) -> list[str]:
        """What the study says of its cohort, a line each: the fact's text, or its column, group and number."""
        return [_sentence(record) for record in self.records if not record.row]

    @property
    def old_version(self) -> str:
        """The version that made a result of an older format; empty for one of this format."""
        return "" if self.format == FORMAT else self.label.package


@dataclasses.dataclass(frozen=True)
class Collected:
    """Results, and what could not be shown: (run or file, why)."""

    results: Sequence[Result]
    left_out: Sequence[tuple[str, str]] = ()


def provenance_of(manifest: Manifest) -> Provenance:
    """The part of a manifest that travels."""
    if not manifest.sessions:
        return Provenance()
    last = manifest.sessions[-1]
    return Provenance(
        wall_seconds=round(manifest.wall_seconds, 1),
        peak_rss_mib=max(session.peak_rss_mib for session in manifest.sessions),
        made=sum(session.made for session in manifest.sessions),
        device=last.device,
        python=last.python.partition(" ")[0],
        git_commit=last.git_commit,
        versions=last.versions,
    )


def _sentence(fact: Record) -> str:
    if fact.text:
        return fact.text
    group = f", {fact.group}" if fact.group else ""
    unit = "" if fact.unit == "1" else f" {fact.unit}"
    value = "none" if fact.estimate is None else f"{fact.estimate:.6g}{unit}"
    return f"{fact.column}{group}: {value}."
