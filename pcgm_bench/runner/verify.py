"""Every stored piece of a home folder, or of one run, compared with what was stored; nothing is changed.

A check is a pair: the file, and what is wrong with it in one line; an empty line where it is as it was stored.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pcgm_bench.cohort.checksums import changed_files
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import UserError
from pcgm_bench.contracts import silent
from pcgm_bench.results.scores import REMEDY
from pcgm_bench.results.scores import read_scores
from pcgm_bench.runner.plan import read_plan
from pcgm_bench.runner.sources import file_hashes
from pcgm_bench.runner.sources import read_sources
from pcgm_bench.runner.volume_rows import SCHEMA as VOLUMES
from pcgm_bench.store import DerivativeFolder
from pcgm_bench.store import RunFolder
from pcgm_bench.store.folder_check import checks
from pcgm_bench.store.schema import read_versioned
from pcgm_bench.store.sealed import read_sealed
from pcgm_bench.store.weights import read_note

Check = tuple[Path, str]
RUN_AGAIN = "give the run's command again: it is made again"
COMPUTED_AGAIN = "remove this file: it is computed again"


@dataclass(frozen=True)
class Report:
    """What a verification found.

    Attributes:
        checked: pieces that were looked at.
        problems: one line for each that is not what was stored: the file, what is wrong, what to do.
    """

    checked: int
    problems: tuple[str, ...]


def verify_run(run: RunFolder, progress: Progress = silent) -> Report:
    """Check one run, and the shared images and segmentations that its scores were made from."""
    return _report(run.root.name, _run(run), progress)


def verify_home(home: Path, progress: Progress = silent) -> Report:
    """Check everything that is kept: runs, images, segmentations, features, weights, phantoms, aligned scans, plans.

    Raises:
        UserError: there is no such folder.
    """
    if not home.is_dir():
        raise UserError(f"{home}: no such folder; nothing has been stored there yet")
    return _report(str(home), _home(home), progress)


def _report(what: str, found: Iterator[Check], progress: Progress) -> Report:
    looked_at: dict[Path, str] = {}  # two runs may share an image; what was said of a file first is kept
    for path, problem in found:
        looked_at[path] = looked_at.get(path) or problem
        if len(looked_at) % 100 == 0:
            progress(f"verify {what}", len(looked_at), len(looked_at) + 1)
    return Report(len(looked_at), tuple(filter(None, looked_at.values())))


def _home(home: Path) -> Iterator[Check]:
    for run in RunFolder.all(home):
        yield from _run(run)
    for folder in sorted([*home.glob("rows/*"), *home.glob("segmentations/*")]):
        if folder.name != "by-content":
            yield from _derivative(DerivativeFolder(folder))
    for path in sorted(home.glob("segmentations/by-content/*/*/*.npz")):
        yield _sealed(path, path.parents[1].name)
    for path in sorted(home.glob("features/*/*/*.npy")):
        yield _sealed(path, path.parent.name)
    for path in sorted(home.glob("aligned/*.npz")):
        yield _sealed(path, path.parent.name)
    for folder in sorted(home.glob("weights/*/")):
        if not folder.name.startswith("."):
            yield folder, _said(partial(read_note, folder))
    for folder in sorted(home.glob("cohorts/*/")):
        if not folder.name.startswith("."):
            yield from changed_files(folder)
    for path in sorted(home.glob("plans/*.json")):
        yield path, _said(partial(read_plan, path))


def _run(run: RunFolder) -> Iterator[Check]:
    yield run.identity_file, _identity(run)
    if run.environment_file.exists():
        yield run.environment_file, _said(lambda: run.environment)
    if run.manifest_file.exists():
        yield run.manifest_file, _said(lambda: run.manifest)
    for path in sorted(run.root.glob("volumes/*/*.json")):
        yield path, _said(partial(read_versioned, path, VOLUMES, "volumes asked for", RUN_AGAIN))
    for folder in sorted(run.root.glob("derivatives/*/")):
        yield from _derivative(DerivativeFolder(folder))
    if run.scores_file.exists():
        yield from _scores(run)


def _identity(run: RunFolder) -> str:
    try:
        identity = run.identity
    except UserError as error:
        return str(error)
    if identity.folder_name == run.root.name:
        return ""
    return f"{run.root}: the run in it is {identity.folder_name}; give the folder that name again"


def _scores(run: RunFolder) -> Iterator[Check]:
    """The scores, and whether what they were made from is still what it was."""
    try:
        scores = read_scores(run.scores_file)
    except UserError as error:
        yield run.scores_file, str(error)
        return
    yield run.scores_file, ""
    now = file_hashes(run)
    for name, hash_then in scores.made_from.items():
        same = now.get(name) == hash_then
        what = "changed" if name in now else "lost"
        yield run.root / name, "" if same else f"{run.root / name}: {what} since the scores were made; {REMEDY}"
    if now.get(run.sources_file.name) not in scores.made_from.values():
        return
    sources = list(read_sources(run))
    shared = {source.folder.root for source in sources} - set(run.root.glob("derivatives/*"))
    for folder in sorted(shared):
        yield from _derivative(DerivativeFolder(folder))
    for source in sources:
        path = source.folder.path(source.key, "volumes.tsv")
        same = source.folder.stored_hashes(source.key) == source.hashes
        problem = "not what the scores were made from" if path.exists() else "lost"
        yield path, "" if same else f"{path}: {problem}; {RUN_AGAIN}"


def _derivative(folder: DerivativeFolder) -> Iterator[Check]:
    for path, error in checks(folder):
        if error is None:
            yield path, ""
        else:
            yield error.file, f"{error.file}: {error.problem}; {RUN_AGAIN}"


def _sealed(path: Path, owner: str) -> Check:
    whole = read_sealed(path, owner) is not None
    return path, "" if whole else f"{path}: not what was stored there; {COMPUTED_AGAIN}"


def _said(read: Callable[[], object]) -> str:
    """What reading a file complains of."""
    try:
        read()
    except UserError as error:
        return str(error)
    return ""
