"""Images of a stored run, and the real ones they are to be told from: the pools of a reader study."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pcgm_bench.contracts import ReaderCase
from pcgm_bench.contracts import UserError
from pcgm_bench.runner.image_folder import voxels
from pcgm_bench.store import RunFolder


def pools(
    folder: RunFolder, home: Path, row: str | None, real: Path | None
) -> tuple[list[ReaderCase], list[ReaderCase], dict[str, str]]:
    """Real cases, made cases, and where they are from.

    Args:
        folder: the run.
        home: where embedded cohorts are kept.
        row: whose images; the run's method without.
        real: folder of real images; the run's own cohort without.

    Raises:
        UserError: the run has no images of that row, or there are no real ones.
    """
    identity = folder.identity
    name = row or identity.method
    rows = folder.manifest.folders
    made = sorted(Path(rows[name]).rglob("*_T1w.nii.gz")) if name in rows else []
    if not made:
        raise UserError(f"{folder.root}: no images of {name!r}; there are: {', '.join(rows) or 'none'} (--row)")
    place = real or home / "cohorts" / identity.cohort
    theirs = sorted(path for path in place.rglob("*_T1w.nii*") if "_desc-cf" not in path.name)
    if not theirs:
        raise UserError(f"{place}: no real scan *_T1w.nii.gz there; give their folder with --real DIR")
    origin = {"run": identity.key, "method": name, "study": identity.study, "cohort": identity.cohort}
    return [_case(path) for path in theirs], [_case(path) for path in made], origin


def _case(path: Path) -> ReaderCase:
    return ReaderCase(path.name, path.name.split("_")[0], partial(voxels, path))
