"""One run on disk: every file has one place, one writer, and a line here that says what it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pcgm_bench.contracts import UserError
from pcgm_bench.store import atomic
from pcgm_bench.store.identity import Identity
from pcgm_bench.store.identity import safe_filename
from pcgm_bench.store.locks import locked as locked
from pcgm_bench.store.manifest import Manifest
from pcgm_bench.store.stage import Stage


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run: method x study x cohort x seed.

    Attributes:
        root: ``<home>/runs/<method>--<study>--<cohort>--seed<n>--<key>``.
    """

    root: Path

    @property
    def identity_file(self) -> Path:
        """``run.json``: the `Identity` whose hash is the key. Written first, never changed."""
        return self.root / "run.json"

    @property
    def manifest_file(self) -> Path:
        """``manifest.json``: the `Manifest`. Rewritten by every process that did work."""
        return self.root / "manifest.json"

    @property
    def measurements_file(self) -> Path:
        """``measurements.tsv``: one row an image, one column a region: all that the study is scored from."""
        return self.root / "measurements.tsv"

    @property
    def chains_file(self) -> Path:
        """``chains.tsv``: one row an image of a chain of interventions; there if the study has chains."""
        return self.root / "chains.tsv"

    @property
    def scores_file(self) -> Path:
        """``scores.json``: what the study made of the measurements, and what was skipped, with the reason."""
        return self.root / "scores.json"

    @property
    def tables_folder(self) -> Path:
        """``tables/``: every table of the study as ``.csv`` and ``.md``."""
        return self.root / "tables"

    @property
    def lock_file(self) -> Path:
        """``lock``: held by the process that works here; freed by the kernel when it dies."""
        return self.root / "lock"

    def stage(self, row: str) -> Stage:
        """``derivatives/<row>/``: images and readings of one method or control."""
        return Stage(self.root / "derivatives" / safe_filename(row))

    def volumes_file(self, row: str, fold: int) -> Path:
        """``volumes/<row>/fold-<n>.json``: volumes (mL) a generator asks for in one fold, for rows without images."""
        return self.root / "volumes" / safe_filename(row) / f"fold-{fold + 1}.json"

    @classmethod
    def open(cls, home: Path, identity: Identity) -> RunFolder:
        """The folder of this run, made if it is new.

        Raises:
            UserError: it cannot be written to, or holds another run.
        """
        folder = cls(home / "runs" / identity.folder_name)
        if not folder.identity_file.exists():
            atomic.write_json(folder.identity_file, identity.model_dump(mode="json"))
        if folder.identity != identity:
            raise UserError(f"{folder.root}: holds another run; remove it and run again")
        return folder

    @classmethod
    def find(cls, home: Path, run: str) -> RunFolder:
        """A stored run by its path, its folder's name, or the first digits of its key.

        Raises:
            UserError: no run, or several, match.
        """
        if (Path(run) / "run.json").is_file():
            return cls(Path(run).absolute())
        names = {folder.root.name: folder for folder in cls.all(home)}
        found = [folder for name, folder in names.items() if name == run or name.split("--")[-1].startswith(run)]
        if len(found) == 1:
            return found[0]
        problem = "several runs match; give more digits" if found else "no such run; `pcgm-bench show` lists them"
        raise UserError(f"{run}: {problem} (in {home / 'runs'})")

    @classmethod
    def all(cls, home: Path) -> list[RunFolder]:
        """Every stored run, by name."""
        return [cls(path.parent) for path in sorted((home / "runs").glob("*/run.json"))]

    @property
    def identity(self) -> Identity:
        """Read from `identity_file`."""
        try:
            return Identity.model_validate_json(self.identity_file.read_text())
        except (OSError, ValidationError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{self.identity_file}: not a run of this version ({reason}); remove the folder") from error

    @property
    def manifest(self) -> Manifest:
        """Read from `manifest_file`; empty for a run that no process has finished or left in order."""
        if not self.manifest_file.exists():
            return Manifest(key=self.identity.key)
        return Manifest.model_validate_json(self.manifest_file.read_text())

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace `manifest_file`."""
        atomic.write_json(self.manifest_file, manifest.model_dump(mode="json"))

    @property
    def figures(self) -> Path:
        """``figures/``: a few people, and the study's figures; there once `run` or `score` has drawn them."""
        return self.root / "figures"

    @property
    def scores(self) -> dict[str, Any] | None:
        """Read from `scores_file`; None before the run has been scored."""
        return json.loads(self.scores_file.read_text()) if self.scores_file.exists() else None

    def write_scores(self, scores: dict[str, Any], texts: Sequence[tuple[str, str]]) -> None:
        """Store the scores last, after the tables ``(file name, content)``."""
        for name, text in texts:
            atomic.write_text(self.tables_folder / name, text)
        atomic.write_json(self.scores_file, scores)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Hold the folder for this process; half-written files of a killed one are swept away.

        Raises:
            UserError: another process is at work here, or the folder cannot be written to.
        """
        with locked(self.lock_file):
            atomic.sweep(self.root)
            yield
