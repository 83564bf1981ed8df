"""One run on disk: every file has one place, one writer, and a line here that says what it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import UserError
from pcgm_bench.contracts import silent
from pcgm_bench.store import atomic
from pcgm_bench.store.derivative_folder import DerivativeFolder
from pcgm_bench.store.environment import Environment
from pcgm_bench.store.environment import must_match
from pcgm_bench.store.identity import SCHEMA
from pcgm_bench.store.identity import Identity
from pcgm_bench.store.identity import safe_filename
from pcgm_bench.store.locks import locked
from pcgm_bench.store.manifest import Manifest
from pcgm_bench.store.parts import sweep
from pcgm_bench.store.schema import CHECKSUM_FIELD
from pcgm_bench.store.schema import SCHEMA_FIELD
from pcgm_bench.store.schema import read_versioned
from pcgm_bench.store.schema import write_versioned

REMOVE = "remove the folder, and give the run's command again"


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
    def environment_file(self) -> Path:
        """``environment.json``: libraries and processor that the run was begun with."""
        return self.root / "environment.json"

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
    def sources_file(self) -> Path:
        """``sources.tsv``: every image that the scores were made from, with the hashes of what is stored of it."""
        return self.root / "sources.tsv"

    @property
    def scores_file(self) -> Path:
        """``scores.json``: what the study made of the measurements, and what was skipped, with the reason."""
        return self.root / "scores.json"

    @property
    def tables_folder(self) -> Path:
        """``tables/``: every table of the study as ``.csv`` and ``.md``, and all numbers in ``records.csv``."""
        return self.root / "tables"

    @property
    def figures(self) -> Path:
        """``figures/``: a few people, and the study's figures; there once `run` or `score` has drawn them."""
        return self.root / "figures"

    @property
    def report_file(self) -> Path:
        """``report.html``: the run in one page; there once `run` or `score` has ended, or `report` was given."""
        return self.root / "report.html"

    @property
    def report_images(self) -> Path:
        """``report-images/sub-*/``: scan, image and truth of the few people whom the report shows."""
        return self.root / "report-images"

    @property
    def lock_file(self) -> Path:
        """``lock``: held by the process that works here; freed by the kernel when it dies."""
        return self.root / "lock"

    def derivative(self, row: str) -> DerivativeFolder:
        """``derivatives/<row>/``: the method's images and segmentations. Controls lie in ``<home>/rows``."""
        return DerivativeFolder(self.root / "derivatives" / safe_filename(row))

    def volumes_file(self, row: str, fold: int) -> Path:
        """``volumes/<row>/fold-<n>.json``: volumes (mL) a generator asks for in one fold, for rows without images."""
        return self.root / "volumes" / safe_filename(row) / f"fold-{fold + 1}.json"

    @classmethod
    def place(cls, home: Path, identity: Identity) -> RunFolder:
        """Where this run is, or would be."""
        return cls(home / "runs" / identity.folder_name)

    @classmethod
    def open(cls, home: Path, identity: Identity) -> RunFolder:
        """The folder of this run, made if it is new.

        Raises:
            UserError: it cannot be written to, or holds another run.
        """
        folder = cls.place(home, identity)
        if not folder.identity_file.exists():
            write_versioned(folder.identity_file, SCHEMA, identity.model_dump(mode="json"))
        if folder.identity != identity:
            raise UserError(f"{folder.root}: holds another run; {REMOVE}")
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
        matches = [folder for name, folder in names.items() if name == run or name.split("--")[-1].startswith(run)]
        if len(matches) == 1:
            return matches[0]
        problem = "several runs match; give more digits" if matches else "no such run; `pcgm-bench show` lists them"
        raise UserError(f"{run}: {problem} (in {home / 'runs'})")

    @classmethod
    def all(cls, home: Path) -> list[RunFolder]:
        """Every stored run, by name."""
        return [cls(path.parent) for path in sorted((home / "runs").glob("*/run.json"))]

    @property
    def identity(self) -> Identity:
        """Read from `identity_file`; raises UserError where it is damaged, or of another version."""
        fields = read_versioned(self.identity_file, SCHEMA, "the identity of a run", REMOVE)
        try:
            return Identity.model_validate(fields)
        except ValidationError as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{self.identity_file}: not a run of this version ({reason}); {REMOVE}") from error

    def check_environment(self, now: Environment) -> None:
        """Keep the environment of a new run; refuse to go on with a run in another one.

        Raises:
            UserError: the run was begun with other libraries or on another kind of processor.
        """
        if not self.environment_file.exists():
            write_versioned(self.environment_file, SCHEMA, now.model_dump(mode="json"))
        must_match(self.environment, now, str(self.root))

    @property
    def environment(self) -> Environment:
        """Read from `environment_file`; raises UserError where it is damaged."""
        fields = read_versioned(self.environment_file, SCHEMA, "the environment of a run", REMOVE)
        return Environment.model_validate(fields)

    @property
    def manifest(self) -> Manifest:
        """Read from `manifest_file`; empty for a run that no process has finished or left in order."""
        if not self.manifest_file.exists():
            return Manifest(key=self.identity.key)
        remedy = "remove this file, nothing else is lost"
        try:
            fields = json.loads(self.manifest_file.read_bytes())
            if isinstance(fields, dict) and {SCHEMA_FIELD, CHECKSUM_FIELD} & set(fields):
                fields = read_versioned(self.manifest_file, SCHEMA, "the manifest of a run", remedy)
            return Manifest.model_validate(fields)
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{self.manifest_file}: damaged ({reason}); {remedy}") from error

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace `manifest_file`."""
        write_versioned(self.manifest_file, SCHEMA, manifest.model_dump(mode="json"))

    def write_tables(self, texts: Sequence[tuple[str, str]]) -> None:
        """Store tables ``(file name, content)``; those of earlier scores go."""
        names = {name for name, _text in texts}
        for path in self.tables_folder.glob("*"):
            if path.suffix in (".csv", ".md") and path.name not in names:
                path.unlink(missing_ok=True)
        for name, text in texts:
            path = self.tables_folder / name
            if not path.exists() or path.read_text("utf-8") != text:
                atomic.write_text(path, text)

    @contextmanager
    def working(self, progress: Progress = silent) -> Iterator[None]:
        """Hold the folder for this process; what a killed process left half-written is swept away.

        Waits for another process that makes the same.

        Raises:
            UserError: the folder cannot be written to.
        """
        with locked(self.lock_file, wait=True, progress=progress):
            sweep(self.root)
            yield
