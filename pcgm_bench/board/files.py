"""A folder of results: one small JSON file a run, to commit and to build the same leaderboard from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic import ValidationError

from pcgm_bench.board import format1
from pcgm_bench.board.privacy import shareable
from pcgm_bench.board.privacy import without_people
from pcgm_bench.board.result import FORMAT
from pcgm_bench.board.result import Collected
from pcgm_bench.board.result import Result
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import UserError
from pcgm_bench.store import atomic
from pcgm_bench.store.identity import safe_filename

_RECORDS = TypeAdapter(list[Record])


def from_folder(folder: Path, study: str | None = None) -> Collected:
    """All results of a folder that `export` wrote: ``<study>/<method>--<cohort>--seed<n>.json``.

    Raises:
        UserError: there is no such folder, or a file in it is not a result; the file is named.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; `pcgm-bench leaderboard --export {folder}` writes one")
    results = [_read(file) for file in sorted(folder.glob("*/*.json"))]
    return Collected([result for result in results if study is None or result.label.study == study])


def export(results: Sequence[Result], folder: Path) -> list[Path]:
    """Write one file a run; returns their paths.

    A file says everything that the leaderboard needs, and no more: scores by person leave a real cohort's home only
    as their means, so that verdicts on real cohorts made from exported files compare intervals.

    Runs of a study that differ in neither method, cohort nor seed (another segmenter, an edited method) have the run's
    key at the end of the file's name.

    Raises:
        UserError: a result is of an older format: its file is what it is.
    """
    if old := [result.key for result in results if result.format != FORMAT]:
        raise UserError(f"--export: {len(old)} results are of version 0.1.0; copy their files instead")
    names = [f"{safe_filename(result.label.study)}/{_name(result)}" for result in results]
    paths = []
    for result, name in zip(results, names, strict=True):
        suffix = f"--{result.key}" if names.count(name) > 1 else ""
        path = folder / f"{name}{suffix}.json"
        kept = shareable(result)
        kept = kept if kept.is_phantom else without_people(kept)
        # Most fields of a record have their default, and are left out.
        records = _RECORDS.dump_python(kept.records, mode="json", exclude_defaults=True)
        atomic.write_json(path, kept.model_dump(mode="json", exclude={"records"}) | {"records": records})
        paths.append(path)
    return paths


def _read(file: Path) -> Result:
    try:
        raw = TypeAdapter(dict[str, Any]).validate_json(file.read_bytes())
        layout = raw.get("format")
        if layout not in (1, FORMAT):
            raise UserError(f"{file}: result format {layout}, this version reads 1 and {FORMAT}; export it anew")
        result = format1.converted(raw) if layout == 1 else Result.model_validate(raw)
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{file}: not a result of this version ({reason}); export it anew, or remove it") from error
    if file.parent.name != safe_filename(result.label.study):
        raise UserError(f"{file}: holds a result of study {result.label.study}; move it to that folder")
    return shareable(result)


def _name(result: Result) -> str:
    label = result.label
    return f"{safe_filename(label.method)}--{safe_filename(label.cohort)}--seed{label.seed}"
