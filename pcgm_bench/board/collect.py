"""Stored scores to results: the runs of a home folder."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pcgm_bench import registry
from pcgm_bench.board.label import label_of
from pcgm_bench.board.privacy import shareable
from pcgm_bench.board.privacy import without_paths
from pcgm_bench.board.result import Collected
from pcgm_bench.board.result import Result
from pcgm_bench.board.result import provenance_of
from pcgm_bench.board.rows import column_of
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import UserError
from pcgm_bench.results.scores import Scores
from pcgm_bench.results.scores import read_scores
from pcgm_bench.store import RunFolder


def from_home(home: Path, study: str | None = None) -> Collected:
    """All scored runs of a home folder; of one study, or of all.

    The study need not be installed: its records say it all. A run without scores, or whose files are damaged or of
    another version, is left out with the reason, never silently.
    """
    results: list[Result] = []
    left_out: list[tuple[str, str]] = []
    for folder in RunFolder.all(home):
        try:
            if study is None or folder.identity.study == study:
                results.append(result_of(folder))
        except UserError as error:
            reason = str(error).replace(f"{folder.root}/", "")
            left_out.append((folder.root.name, without_paths(reason)))
    return Collected(results, left_out)


def result_of(folder: RunFolder) -> Result:
    """What one stored run brings to the leaderboard.

    Raises:
        UserError: it has not been scored, brings nothing, or its files are damaged or of another version.
    """
    identity = folder.identity
    if not folder.scores_file.exists():
        raise UserError("not scored yet; give the same `pcgm-bench run` command again to finish it")
    scores = read_scores(folder.scores_file)
    if scores.study != identity.study:
        raise UserError(f"scores.json is of study {scores.study}; remove it and give the run's command again")
    manifest = folder.manifest
    records = _records(scores)
    missing, unmeasured = _skipped(scores, records, manifest.generators)
    if not missing and not any(record.row for record in records):
        raise UserError(f"study {scores.study} {scores.study_version} brings nothing to the leaderboard")
    result = Result(
        label=label_of(identity, manifest),
        is_phantom=scores.is_phantom,
        records=records,
        missing=missing,
        kinds={row.name: row.kind for row in scores.rows if row.name in missing},
        unmeasured=unmeasured,
        warnings=scores.warnings,
        provenance=provenance_of(manifest),
    )
    return shareable(result, _people(folder))


def _records(scores: Scores) -> list[Record]:
    """The records of the leaderboard; a registered metric that is named without its version gets the run's."""
    records = [
        dataclasses.replace(record, metric=scores.metrics.get(record.metric, record.metric))
        for record in scores.records
        if record.column
    ]
    cells = [(record.row, column_of(record)) for record in records if record.row]
    if len(set(cells)) < len(cells):
        row, column = next(cell for cell in cells if cells.count(cell) > 1)
        where = f"row {row!r}, column {column.heading!r}"
        raise UserError(f"study {scores.study} gives two numbers for one cell ({where}): a bug of the study")
    return records


def _skipped(
    scores: Scores, records: list[Record], generators: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """What the run has nothing of: rows, and metrics."""
    rows = {record.row for record in records} | set(generators)
    registered = {plugin.name for plugin in registry.plugins("metrics")}

    def is_metric(name: str) -> bool:
        return name not in rows and (name in scores.metrics or name.partition(" (")[0] in registered)

    missing = {name: reason for name, reason in scores.skipped.items() if not is_metric(name)}
    return missing, {name: reason for name, reason in scores.skipped.items() if is_metric(name)}


def _people(folder: RunFolder) -> set[str]:
    """Labels of the run's people, as far as its measurements tell: what no warning may hold."""
    file = folder.measurements_file
    if not file.exists():
        return set()
    try:
        with file.open(encoding="utf-8", errors="replace", newline="") as stream:
            return {row["subject"] for row in csv.DictReader(stream, delimiter="\t") if row.get("subject")}
    except (OSError, csv.Error) as error:
        raise UserError(f"{file}: damaged ({error}); give the run's command again") from error
