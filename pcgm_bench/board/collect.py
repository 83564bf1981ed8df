"""Stored scores to results: from the runs of a home folder, or from a committed folder of small JSON files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import ValidationError

from pcgm_bench import registry
from pcgm_bench.contracts import BoardEntry
from pcgm_bench.contracts import UserError
from pcgm_bench.store import Identity
from pcgm_bench.store import Manifest
from pcgm_bench.store import RunFolder
from pcgm_bench.store import atomic
from pcgm_bench.store.identity import safe_filename

FORMAT = 1
"""Raised when a result file is laid out differently."""


class Provenance(BaseModel):
    """What is needed to believe a number, out of the run's manifest; no path and no command of anybody's machine.

    Attributes:
        started: ISO time of the first session, UTC.
        wall_seconds: sum over sessions.
        peak_rss_mib: most memory a session held.
        made: images made.
        device: of the last session.
        python: version and platform of the last session.
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
        format: `FORMAT`.
        identity: what makes the run this run.
        is_phantom: whether its cohort is simulated.
        entries: the study's cells.
        skipped: row -> why it was not run.
        warnings: what not to believe, one line each.
        sizes: people in each of the study's two groups; empty where the study has no groups.
        detectable_d: smallest group difference that the study could see at this size, where it says so.
        provenance: see `Provenance`.
    """

    model_config = ConfigDict(extra="forbid")

    format: int = FORMAT
    identity: Identity
    is_phantom: bool
    entries: list[BoardEntry]
    skipped: dict[str, str] = {}
    warnings: list[str] = []
    sizes: dict[str, int] = {}
    detectable_d: float | None = None
    provenance: Provenance = Provenance()

    @property
    def key(self) -> str:
        """The run's key."""
        return self.identity.key


@dataclasses.dataclass(frozen=True)
class Collected:
    """Results, and what could not be shown: (run or file, why)."""

    results: Sequence[Result]
    left_out: Sequence[tuple[str, str]] = ()


def from_home(home: Path, study: str | None = None) -> Collected:
    """All scored runs of a home folder; of one study, or of all.

    A run without scores, of a study that is not installed, or whose stored scores the installed study cannot read is
    left out with the reason, never silently.
    """
    results: list[Result] = []
    left_out: list[tuple[str, str]] = []
    for folder in RunFolder.all(home):
        try:
            identity = folder.identity
            if study is not None and identity.study != study:
                continue
            results.append(result_of(folder))
        except UserError as error:
            left_out.append((folder.root.name, str(error)))
    return Collected(results, left_out)


def result_of(folder: RunFolder) -> Result:
    """What one stored run brings to the leaderboard.

    Raises:
        UserError: it has not been scored, or its study cannot turn these scores into entries.
    """
    identity, stored = folder.identity, folder.scores
    if stored is None:
        raise UserError("not scored yet; give the same `pcgm-bench run` command again to finish it")
    study = registry.get("studies", identity.study)()
    if not hasattr(study, "board"):
        raise UserError(f"study {identity.study} {study.version} has no board entries")
    try:
        entries = [_versioned(entry, stored.get("metrics", {})) for entry in study.board(stored["scores"])]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"scored by {identity.study} {identity.study_version}, which the installed {study.version} cannot read "
            f"({type(error).__name__}: {error}); give the same `pcgm-bench run` command again to score it anew"
        ) from error
    scores: Mapping[str, Any] = stored["scores"]
    sizes = scores.get("n")
    return Result(
        identity=identity,
        is_phantom=bool(stored["is_phantom"]),
        entries=entries,
        skipped=dict(stored["skipped"]),
        warnings=list(stored["warnings"]),
        sizes={str(k): int(v) for k, v in sizes.items()} if isinstance(sizes, Mapping) else {},
        detectable_d=scores.get("detectable_d"),
        provenance=provenance(folder.manifest),
    )


def _versioned(entry: BoardEntry, versions: Mapping[str, str]) -> BoardEntry:
    """A registered metric named without its version gets the one that the run was scored with."""
    if entry.metric in versions:
        return dataclasses.replace(entry, metric=f"{entry.metric} {versions[entry.metric]}")
    return entry


def provenance(manifest: Manifest) -> Provenance:
    """The part of a manifest that travels."""
    if not manifest.sessions:
        return Provenance()
    last = manifest.sessions[-1]
    return Provenance(
        started=manifest.sessions[0].started,
        wall_seconds=round(manifest.wall_seconds, 1),
        peak_rss_mib=max(session.peak_rss_mib for session in manifest.sessions),
        made=sum(session.made for session in manifest.sessions),
        device=last.device,
        python=last.python,
        git_commit=last.git_commit,
        versions=last.versions,
    )


def from_folder(folder: Path, study: str | None = None) -> Collected:
    """All results of a folder that `export` wrote: ``<study>/<method>--<cohort>--seed<n>.json``.

    Raises:
        UserError: there is no such folder, or a file in it is not a result; the file is named.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; `pcgm-bench leaderboard --export {folder}` writes one")
    files = sorted(folder.glob("*/*.json"))
    results = [_read(file) for file in files]
    return Collected([result for result in results if study is None or result.identity.study == study])


def _read(file: Path) -> Result:
    try:
        result = Result.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{file}: not a result of this version ({reason}); export it anew, or remove it") from error
    if result.format != FORMAT:
        raise UserError(f"{file}: result format {result.format}, this version reads {FORMAT}; export it anew")
    if file.parent.name != result.identity.study:
        raise UserError(f"{file}: holds a result of study {result.identity.study}; move it to that folder")
    return result


def export(results: Sequence[Result], folder: Path) -> list[Path]:
    """Write one file a run; returns their paths.

    A file says everything that the leaderboard needs, and no more: scores by person leave a real cohort's home only
    as their means, so that verdicts on real cohorts made from exported files compare intervals.

    Runs of a study that differ in neither method, cohort nor seed (another segmenter, an edited method) have the run's
    key at the end of the file's name.
    """
    names = [f"{safe_filename(result.identity.study)}/{_name(result)}" for result in results]
    paths = []
    for result, name in zip(results, names, strict=True):
        suffix = f"--{result.key}" if names.count(name) > 1 else ""
        path = folder / f"{name}{suffix}.json"
        kept = result if result.is_phantom else _without_people(result)
        atomic.write_json(path, kept.model_dump(mode="json"))
        paths.append(path)
    return paths


def _name(result: Result) -> str:
    one = result.identity
    return f"{safe_filename(one.method)}--{safe_filename(one.cohort)}--seed{one.seed}"


def _without_people(result: Result) -> Result:
    entries = [dataclasses.replace(entry, by_unit=None) for entry in result.entries]
    return result.model_copy(update={"entries": entries})
